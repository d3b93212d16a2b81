"""Fire times of a schedule: the one answer that plan, forecast and scheduler share.

``anchor`` is where an interval counts from unless the schedule has ``start_at``: the first fire is one interval after
it.  ``start_at`` and ``end_at`` are inclusive.  All instants are aware; results are UTC.  What a schedule of an unknown
zone or an unreadable expression raises (UnknownZone, CronError) is raised by the call, not by the iterator.
"""

from bisect import bisect_right
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import repeat

from reconciler.model.job import CalendarEntry, Schedule
from reconciler.schedule.cron import parse_cron
from reconciler.schedule.local_times import END_DAY, calendar_times, cron_times
from reconciler.schedule.zoned import ZonedTimes, to_instant, to_seconds
from reconciler.schedule.zones import SECONDS_PER_DAY, clock_of

_HORIZON_SECONDS = 18_263 * SECONDS_PER_DAY  # 50 years, as cronsim: what does not fire within them never does
_FIRST_SECOND = 366 * SECONDS_PER_DAY
_END_SECOND = END_DAY * SECONDS_PER_DAY
_MAX_INSTANT = to_instant(_END_SECOND)


def fire_times(schedule: Schedule, *, after: datetime, until: datetime, anchor: datetime) -> Iterator[datetime]:
    """Return the fire times in ``(after, until]``, oldest first."""
    if schedule.interval_minutes is not None:
        return _interval_times(schedule, after, until, anchor)
    if schedule.run_at is not None:
        return iter([schedule.run_at.astimezone(UTC)] if _runs_once_in(schedule, after, until) else [])
    return zoned_times(schedule).between(*window_of(schedule, after, until))


def next_fire(schedule: Schedule, *, after: datetime, anchor: datetime) -> datetime | None:
    """Return the first fire time after ``after``; None if there is none within 50 years."""
    if schedule.interval_minutes is not None or schedule.run_at is not None:
        return next(fire_times(schedule, after=after, until=_MAX_INSTANT, anchor=anchor), None)
    low = _first_second(schedule, after)
    found = zoned_times(schedule).first(low, _end_second(schedule, low + _HORIZON_SECONDS))
    return None if found is None else to_instant(found)


def last_fire(schedule: Schedule, *, at_or_before: datetime, after: datetime, anchor: datetime) -> datetime | None:
    """Return the last fire time in ``(after, at_or_before]``."""
    if schedule.interval_minutes is not None:
        first, last = _interval_numbers(schedule, after, at_or_before, anchor)
        return _interval_instant(schedule, anchor, last) if first <= last else None
    if schedule.run_at is not None:
        return next(fire_times(schedule, after=after, until=at_or_before, anchor=anchor), None)
    found = zoned_times(schedule).last(*window_of(schedule, after, at_or_before))
    return None if found is None else to_instant(found)


def count_fires(schedule: Schedule, *, after: datetime, until: datetime, anchor: datetime) -> int:
    """Return how many fire times lie in ``(after, until]``, at a cost that grows with years, not with fires."""
    if schedule.interval_minutes is not None:
        first, last = _interval_numbers(schedule, after, until, anchor)
        return max(0, last - first + 1)
    if schedule.run_at is not None:
        return int(_runs_once_in(schedule, after, until))
    return zoned_times(schedule).count(*window_of(schedule, after, until))


def next_clock_change(timezone: str, *, after: datetime) -> datetime | None:
    """Return when the zone's offset changes next after ``after``. Raises UnknownZone."""
    starts = clock_of(timezone).starts
    index = bisect_right(starts, to_seconds(after))
    return to_instant(starts[index]) if index < len(starts) else None


def _interval_numbers(schedule: Schedule, after: datetime, until: datetime, anchor: datetime) -> tuple[int, int]:
    """Return the numbers of the first and last fire in ``(after, until]``, the first of all being 1."""
    assert schedule.interval_minutes is not None
    step = timedelta(minutes=schedule.interval_minutes)
    base = schedule.start_at or anchor
    end = min(until, schedule.end_at) if schedule.end_at else until
    return max(1, (after - base) // step + 1), (end - base) // step


def _interval_instant(schedule: Schedule, anchor: datetime, number: int) -> datetime:
    assert schedule.interval_minutes is not None
    base = schedule.start_at or anchor
    return base.astimezone(UTC) + number * timedelta(minutes=schedule.interval_minutes)


def _interval_times(schedule: Schedule, after: datetime, until: datetime, anchor: datetime) -> Iterator[datetime]:
    first, last = _interval_numbers(schedule, after, until, anchor)
    if first > last:
        return
    assert schedule.interval_minutes is not None
    step = timedelta(minutes=schedule.interval_minutes)
    at = _interval_instant(schedule, anchor, first)
    yield at
    for _ in repeat(None, last - first):
        at += step
        yield at


def _runs_once_in(schedule: Schedule, after: datetime, until: datetime) -> bool:
    assert schedule.run_at is not None
    if schedule.start_at and schedule.run_at < schedule.start_at:
        return False
    return after < schedule.run_at <= (min(until, schedule.end_at) if schedule.end_at else until)


def window_of(schedule: Schedule, after: datetime, until: datetime) -> tuple[int, int]:
    """Return ``(after, until]``, within start and end, as half-open UTC seconds."""
    return _first_second(schedule, after), _end_second(schedule, to_seconds(until) + 1)


def _first_second(schedule: Schedule, after: datetime) -> int:
    low = max(to_seconds(after) + 1, _FIRST_SECOND)
    if schedule.start_at is None:
        return low
    return max(low, to_seconds(schedule.start_at) + (schedule.start_at.microsecond > 0))


def _end_second(schedule: Schedule, high: int) -> int:
    high = min(high, _END_SECOND)
    return high if schedule.end_at is None else min(high, to_seconds(schedule.end_at) + 1)


def zoned_times(schedule: Schedule) -> ZonedTimes:
    """Return the instants that a cron expression or a calendar names, without regard to start and end."""
    if schedule.cron_expression is not None:
        return _zoned_cron(schedule.cron_expression, schedule.timezone)
    return _zoned_calendar(schedule.calendar, schedule.timezone)


@lru_cache(maxsize=16384)
def _zoned_cron(expression: str, timezone: str) -> ZonedTimes:
    cron = parse_cron(expression)
    return ZonedTimes(cron_times(cron), clock_of(timezone), cron.is_fixed_time)


@lru_cache(maxsize=4096)
def _zoned_calendar(calendar: tuple[CalendarEntry, ...], timezone: str) -> ZonedTimes:
    return ZonedTimes(calendar_times(calendar), clock_of(timezone), is_fixed_time=True)
