"""Helpers of the schedule tests: an oracle that looks at every minute, written apart from the implementation."""

import io
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib import resources
from zoneinfo import ZoneInfo

from reconciler.model.job import Schedule

MINUTE = timedelta(minutes=1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
ALL_ZONES = sorted(resources.files("tzdata").joinpath("zones").read_text(encoding="utf-8").split())
_BOUNDS = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type, misc]


def cron(expression: str, timezone: str = "UTC", **fields: object) -> Schedule:
    return Schedule(cron_expression=expression, timezone=timezone, **fields)  # type: ignore[arg-type]


@cache
def shipped_zone(name: str) -> ZoneInfo:
    data = resources.files("tzdata").joinpath("zoneinfo", *name.split("/")).read_bytes()
    return ZoneInfo.from_file(io.BytesIO(data), key=name)


def minutes_that_fire(expression: str, timezone: str, after: datetime, until: datetime) -> list[datetime]:
    """Return the fire times of ``(after, until]`` by looking at each minute."""
    zone = shipped_zone(timezone)
    fields = expression.split()
    values = [_values(field, low, high) for field, (low, high) in zip(fields, _BOUNDS, strict=True)]
    starred = [field.startswith("*") for field in fields]
    if starred[0] or starred[1]:
        first = after.replace(second=0, microsecond=0)
        instants = (first + number * MINUTE for number in range((until - first) // MINUTE + 1))
        fires = {at for at in instants if _names(at.astimezone(zone), values, starred)}
    else:
        fires = set(_fixed_times(zone, values, starred, after, until))
    return sorted(at for at in fires if after < at <= until)


def _fixed_times(
    zone: ZoneInfo, values: list[set[int]], starred: list[bool], after: datetime, until: datetime
) -> Iterator[datetime]:
    # Two days of margin: what was skipped then may fire only now.
    local = (after - timedelta(days=2)).astimezone(zone).replace(tzinfo=None, second=0, microsecond=0)
    end = (until + timedelta(days=2)).astimezone(zone).replace(tzinfo=None)
    while local <= end:
        if local.hour in values[1] and local.minute in values[0] and _names(local, values, starred):
            at = local
            while _is_skipped(at, zone):
                at += MINUTE
            yield at.replace(tzinfo=zone).astimezone(UTC)
        local += MINUTE


def _is_skipped(local: datetime, zone: ZoneInfo) -> bool:
    return local.replace(tzinfo=zone).astimezone(UTC).astimezone(zone).replace(tzinfo=None) != local


def _names(local: datetime, values: list[set[int]], starred: list[bool]) -> bool:
    if local.minute not in values[0] or local.hour not in values[1] or local.month not in values[3]:
        return False
    by_date = local.day in values[2]
    by_weekday = local.isoweekday() in values[4] or local.isoweekday() % 7 in values[4]
    return (by_date and by_weekday) if starred[2] or starred[4] else (by_date or by_weekday)


def _values(field: str, low: int, high: int) -> set[int]:
    values: set[int] = set()
    for item in field.split(","):
        span, _, step = item.partition("/")
        first, dash, last = span.partition("-")
        if span == "*":
            start, end = low, high
        else:
            start = int(first)
            end = int(last) if dash else high if step else start
        values |= set(range(start, end + 1, int(step or 1)))
    return values


def random_expression(rng: random.Random, *, hours: tuple[int, ...] = ()) -> str:
    """Return five fields in digits; ``hours`` are those preferred for a plain hour."""
    minute, hour = _random_field(rng, 0, 59), _random_field(rng, 0, 23)
    if hours and rng.random() < 0.6:
        hour = ",".join(str(value) for value in sorted(set(rng.choices(hours, k=rng.choice((1, 1, 2, 3))))))
    day = "*" if rng.random() < 0.6 else _random_field(rng, 1, 31)
    month = "*" if rng.random() < 0.8 else _random_field(rng, 1, 12)
    weekday = "*" if rng.random() < 0.6 else _random_field(rng, 0, 7)
    return " ".join((minute, hour, day, month, weekday))


def _random_field(rng: random.Random, low: int, high: int) -> str:
    def number() -> int:
        return rng.randint(low, high)

    def span() -> str:
        first, last = sorted((number(), number()))
        return f"{first}-{last}"

    step = rng.randint(1, max(2, (high - low) // 2))
    forms = (
        lambda: str(number()),
        lambda: str(number()),
        lambda: "*",
        lambda: f"*/{step}",
        span,
        lambda: f"{span()}/{step}",
        lambda: f"{number()}/{step}",
        lambda: ",".join(str(number()) for _ in range(rng.randint(2, 4))),
        lambda: f"{span()},{number()}",
    )
    return rng.choice(forms)()


def clock_changes_of(name: str, first: datetime, last: datetime) -> list[datetime]:
    """Return the instants in ``[first, last]`` at which the offset changes, to the minute, by asking the zone."""
    zone = shipped_zone(name)
    changes = []
    at = first
    while at < last:
        then = at + timedelta(days=1)
        if at.astimezone(zone).utcoffset() != then.astimezone(zone).utcoffset():
            low, high = at, then
            while high - low > MINUTE:
                middle = low + (high - low) // 2
                if middle.astimezone(zone).utcoffset() == low.astimezone(zone).utcoffset():
                    low = middle
                else:
                    high = middle
            changes.append(high.replace(second=0, microsecond=0))
        at = then
    return changes
