"""Time zones by IANA name, from the ``tzdata`` package alone, so that two hosts never differ."""

import io
import struct
from bisect import bisect_right
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from zoneinfo import ZoneInfo

import tzdata  # type: ignore[import-untyped]
from msgspec import Struct

from reconciler.schedule.names import shown

SECONDS_PER_DAY = 86_400
UNIX_EPOCH = date(1970, 1, 1).toordinal() * SECONDS_PER_DAY
"""Seconds here count from midnight UTC of day 0, the day before 1 January of year 1: so ordinals are days."""

_FOLDER = Path(tzdata.__file__).parent
_LAST_YEAR = 2200
_BEFORE_ALL = -(1 << 62)
_AFTER_ALL = 1 << 62


class UnknownZone(ValueError):
    """``suggestion`` is the name that was probably meant, or empty."""

    def __init__(self, name: str, suggestion: str) -> None:
        self.suggestion = suggestion
        self.hint = "Write an IANA name such as Europe/Berlin, or UTC."
        super().__init__(f"unknown time zone `{name}`" + (f"; did you mean {suggestion}?" if suggestion else ""))

    @property
    def message(self) -> str:
        return str(self)


def tzdata_version() -> str:
    """Return the IANA release, such as ``2026a``."""
    return str(tzdata.IANA_VERSION)


@lru_cache(maxsize=1)
def zone_names() -> frozenset[str]:
    return frozenset((_FOLDER / "zones").read_text(encoding="utf-8").split())


@lru_cache(maxsize=1024)
def zone_of(name: str) -> ZoneInfo:
    """Return the zone. Raises UnknownZone."""
    return ZoneInfo.from_file(io.BytesIO(_zone_data(name)), key=name)


def _zone_data(name: str) -> bytes:
    if name not in zone_names():
        raise UnknownZone(shown(name), _suggestion(name))
    return (_FOLDER / "zoneinfo" / name).read_bytes()


@lru_cache(maxsize=256)
def _suggestion(name: str) -> str:
    from difflib import get_close_matches  # noqa: PLC0415 - for a mistake only

    wanted = name.strip().casefold().replace(" ", "_")
    if not wanted or len(wanted) > 60:
        return ""
    by_word = {known.casefold(): known for known in sorted(zone_names())}
    if wanted in by_word:
        return by_word[wanted]
    cities = {known.rsplit("/", 1)[-1]: by_word[known] for known in sorted(by_word, key=lambda k: (k.count("/"), k))}
    city = wanted.rsplit("/", 1)[-1]
    if city in cities:
        return cities[city]
    close = get_close_matches(wanted, by_word, n=1, cutoff=0.75)
    if close:
        return by_word[close[0]]
    close = get_close_matches(city, cities, n=1, cutoff=0.8)
    return cities[close[0]] if close else ""


class Segment(Struct, frozen=True):
    """A stretch ``[start, end)`` of UTC seconds with one offset; ``offset_before`` is that of the stretch before it."""

    start: int
    end: int
    offset: int
    offset_before: int


class ZoneClock(Struct, frozen=True):
    """All changes of a zone's offset up to the year 2200, in UTC seconds (see ``UNIX_EPOCH``).

    ``offsets[i]`` holds from ``starts[i]`` on.
    """

    starts: tuple[int, ...]
    offsets: tuple[int, ...]

    def segments(self, first: int, last: int) -> Iterator[Segment]:
        """Yield the segments that hold any of ``[first, last)``, in order."""
        index = bisect_right(self.starts, first) - 1 if first < last else len(self.starts)
        while index < len(self.starts) and self.starts[index] < last:
            yield self.segment(index)
            index += 1

    def segments_back(self, first: int, last: int) -> Iterator[Segment]:
        """Yield the same, last first."""
        index = bisect_right(self.starts, last - 1) - 1 if first < last else -1
        while index >= 0:
            segment = self.segment(index)
            if segment.end <= first:
                return
            yield segment
            index -= 1

    def segment(self, index: int) -> Segment:
        end = self.starts[index + 1] if index + 1 < len(self.starts) else _AFTER_ALL
        return Segment(self.starts[index], end, self.offsets[index], self.offsets[max(index - 1, 0)])


@lru_cache(maxsize=1024)
def clock_of(name: str) -> ZoneClock:
    """Return the offset changes of the zone. Raises UnknownZone."""
    zone = zone_of(name)
    times, offsets, first, rule = _read_tzif(_zone_data(name))
    changes = [(at + UNIX_EPOCH, offset) for at, offset in zip(times, offsets, strict=True)]
    if "," in rule:
        changes += _changes_by_rule(zone, changes[-1][0] if changes else UNIX_EPOCH)
    starts, kept = [_BEFORE_ALL], [first]
    for at, offset in changes:
        if offset != kept[-1]:
            starts.append(at)
            kept.append(offset)
    return ZoneClock(tuple(starts), tuple(kept))


def _read_tzif(data: bytes) -> tuple[list[int], list[int], int, str]:
    """Return the times of all listed changes (UNIX seconds), the offset from each on, the offset before the first, and
    the rule for what comes after the last: a POSIX TZ string, with a comma if there are changes.

    Source: RFC 8536; every file of tzdata has the 64-bit block.
    """
    header = struct.Struct(">4sc15x6l")
    _, _, ut, std, leaps, times, types, characters = header.unpack_from(data)
    second = header.size + times * 5 + types * 6 + characters + leaps * 8 + std + ut
    _, _, _, _, _, times, types, _ = header.unpack_from(data, second)
    at = second + header.size
    moments = list(struct.unpack_from(f">{times}q", data, at))
    indexes = data[at + times * 8 : at + times * 9]
    kinds = [struct.unpack_from(">l", data, at + times * 9 + 6 * number)[0] for number in range(types)]
    return moments, [kinds[index] for index in indexes], kinds[0], data.rsplit(b"\n", 2)[1].decode("ascii")


def _changes_by_rule(zone: ZoneInfo, after: int) -> list[tuple[int, int]]:
    """Return the changes after the last listed one: a rule that depends on nothing but the calendar of the year.

    So each of the 14 kinds of year is looked at once, and stands for all of its kind.
    """
    first_year = date.fromordinal(after // SECONDS_PER_DAY).year
    changes: list[tuple[int, int]] = []
    kinds: dict[tuple[int, int], list[tuple[int, int]]] = {}
    for year in range(first_year, _LAST_YEAR + 1):
        start, end = (date(y, 1, 1).toordinal() * SECONDS_PER_DAY for y in (year, year + 1))
        if year == first_year:
            changes += [(at, offset) for at, offset in _probe_changes(zone, start, end) if at > after]
            continue
        kind = (start // SECONDS_PER_DAY % 7, end - start)
        if kind not in kinds:
            kinds[kind] = [(at - start, offset) for at, offset in _probe_changes(zone, start, end)]
        changes += [(start + at, offset) for at, offset in kinds[kind]]
    return changes


def _probe_changes(zone: ZoneInfo, start: int, end: int) -> list[tuple[int, int]]:
    """Return the changes in ``(start, end]``; each offset must hold for a week or more."""
    changes = []
    week = 7 * SECONDS_PER_DAY
    for low in range(start, end, week):
        high = min(low + week, end)
        if _offset_at(zone, low) == _offset_at(zone, high):
            continue
        while high - low > 1:
            middle = (low + high) // 2
            if _offset_at(zone, middle) == _offset_at(zone, low):
                low = middle  # noqa: PLW2901 - narrowed on purpose
            else:
                high = middle
        changes.append((high, _offset_at(zone, high)))
    return changes


def _offset_at(zone: ZoneInfo, seconds: int) -> int:
    at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds - UNIX_EPOCH)
    offset = at.astimezone(zone).utcoffset()
    assert offset is not None
    return offset.days * SECONDS_PER_DAY + offset.seconds
