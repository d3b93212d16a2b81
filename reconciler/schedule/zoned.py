"""Local times in a zone: which instants they are, clock changes included.

The rule is Debian cron's (RELIABILITY G8): a fixed time that the clock skips fires once, right after the change, and
one that the clock repeats fires the first time only; what is not a fixed time follows the clock.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from msgspec import Struct

from reconciler.schedule.local_times import MINUTES_PER_DAY, LocalTimes
from reconciler.schedule.zones import SECONDS_PER_DAY, Segment, ZoneClock

_DAY_ONE = datetime.min.replace(tzinfo=UTC)
_DELTAS = tuple(timedelta(minutes=minute) for minute in range(MINUTES_PER_DAY))


def to_seconds(at: datetime) -> int:
    """Return the UTC seconds of ``at`` (see zones.UNIX_EPOCH), rounded down."""
    since = at - _DAY_ONE
    return (since.days + 1) * SECONDS_PER_DAY + since.seconds


def to_instant(seconds: int) -> datetime:
    return _DAY_ONE + timedelta(seconds=seconds - SECONDS_PER_DAY)


class ClockChange(Struct, frozen=True, kw_only=True):
    """A change of the clock that skips or repeats named local minutes: the first and last of them, and how many.

    ``at`` is in UTC seconds, the others are local minutes; ``resumes_at`` is the first one after a gap.
    """

    at: int
    is_gap: bool
    first: int
    last: int
    count: int
    resumes_at: int


class _Piece(Struct, frozen=True):
    """Local minutes ``[low, high)`` on one offset; a match in ``[gap, low)``, which are skipped, fires at ``low``."""

    gap: int
    low: int
    high: int
    offset: int


class ZonedTimes(Struct, frozen=True):
    """The instants of ``times`` on ``clock``, over half-open stretches of UTC seconds."""

    times: LocalTimes
    clock: ZoneClock
    is_fixed_time: bool

    def first(self, low: int, high: int) -> int | None:
        """Return the first instant of ``[low, high)``."""
        for segment in self.clock.segments(low, high):
            piece = self._piece(segment, low, high)
            found = self.times.first(piece.gap, piece.high)
            if found is not None:
                return max(found, piece.low) * 60 - piece.offset
        return None

    def last(self, low: int, high: int) -> int | None:
        """Return the last instant of ``[low, high)``."""
        for segment in self.clock.segments_back(low, high):
            piece = self._piece(segment, low, high)
            found = self.times.last(piece.gap, piece.high)
            if found is not None:
                return max(found, piece.low) * 60 - piece.offset
        return None

    def count(self, low: int, high: int) -> int:
        """Return how many instants lie in ``[low, high)``."""
        total = 0
        for segment in self.clock.segments(low, high):
            piece = self._piece(segment, low, high)
            total += self.times.count(piece.low, piece.high) + self._fires_for_gap(piece)
        return total

    def between(self, low: int, high: int) -> Iterator[datetime]:
        """Yield the instants of ``[low, high)``, oldest first."""
        for start, minutes in self.days(low, high):
            midnight = to_instant(start)
            for minute in minutes:
                yield midnight + _DELTAS[minute]

    def days(self, low: int, high: int) -> Iterator[tuple[int, tuple[int, ...]]]:
        """Yield the instants of ``[low, high)`` day by day: an instant, and how many minutes after it each one is."""
        for segment in self.clock.segments(low, high):
            piece = self._piece(segment, low, high)
            if self._fires_for_gap(piece):
                yield piece.low * 60 - piece.offset, (0,)
            yield from self._days_of(piece)

    def changes(self, low: int, high: int) -> Iterator[ClockChange]:
        """Yield the clock changes in ``[low, high)`` that skip or repeat what is named."""
        for segment in self.clock.segments(low, high):
            if segment.start < low:
                continue
            before, after = (-((segment.start + o) // -60) for o in (segment.offset_before, segment.offset))
            span = min(before, after), max(before, after)
            first, last = self.times.first(*span), self.times.last(*span)
            if first is not None and last is not None:
                yield ClockChange(
                    at=segment.start,
                    is_gap=after > before,
                    first=first,
                    last=last,
                    count=self.times.count(*span),
                    resumes_at=max(before, after),
                )

    def _days_of(self, piece: _Piece) -> Iterator[tuple[int, tuple[int, ...]]]:
        low_day, low_minute = divmod(piece.low, MINUTES_PER_DAY)
        high_day, high_minute = divmod(piece.high, MINUTES_PER_DAY)
        for day in self.times.days.days(low_day, high_day):
            minutes = self.times.minutes[day % 7]
            if day == low_day:
                minutes = tuple(minute for minute in minutes if minute >= low_minute)
            if day == high_day:
                minutes = tuple(minute for minute in minutes if minute < high_minute)
            yield day * SECONDS_PER_DAY - piece.offset, minutes

    def _piece(self, segment: Segment, low: int, high: int) -> _Piece:
        """Return the local minutes of what ``segment`` and ``[low, high)`` share."""
        offset = segment.offset
        start, end = max(segment.start, low), min(segment.end, high)
        first, last = -((start + offset) // -60), -((end + offset) // -60)
        if not self.is_fixed_time or offset == segment.offset_before:
            return _Piece(first, first, last, offset)
        told_before = -((segment.start + segment.offset_before) // -60)
        if segment.offset_before > offset:
            first = max(first, told_before)
            return _Piece(first, first, max(first, last), offset)
        after_gap = -((segment.start + offset) // -60)
        gap = told_before if first == after_gap and first < last else first
        return _Piece(gap, first, last, offset)

    def _fires_for_gap(self, piece: _Piece) -> bool:
        """Whether a skipped time fires at the end of the gap, where no time fires of itself."""
        return (
            piece.gap < piece.low
            and self.times.first(piece.gap, piece.low) is not None
            and self.times.first(piece.low, piece.low + 1) is None
        )
