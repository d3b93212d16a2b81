"""What will start when: the fire times of many schedules together, counted per hour, minute and job.

It asks the functions that the scheduler asks, so what a forecast shows is what fires; jitter, overlap, conditions and
devices decide later what becomes of a start.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice

from msgspec import Struct

from reconciler.model.errors import UsageError
from reconciler.model.job import Schedule, ScheduleKind
from reconciler.schedule.times import count_fires, fire_times, next_fire, window_of, zoned_times
from reconciler.schedule.words import ClockRemark, clock_remarks, describe_schedule
from reconciler.schedule.zoned import to_instant, to_seconds

MAX_SPAN = timedelta(days=366)

_HOUR = 3600
_DAY = 86_400
_LISTED = 10
_NAMED = 12


class Scheduled(Struct, frozen=True, kw_only=True):
    """A job as the forecast sees it; ``anchor_at`` is where its interval counts from."""

    id: str
    schedule: Schedule
    anchor_at: datetime


class JobForecast(Struct, frozen=True, kw_only=True):
    """``fires`` are the first ones, ``count`` all of them; ``next_at`` may lie after the forecast, or be None."""

    id: str
    words: str
    timezone: str
    count: int
    next_at: datetime | None
    fires: tuple[datetime, ...]
    remarks: tuple[ClockRemark, ...]


class BusyMinute(Struct, frozen=True, kw_only=True):
    """The starts in the minute from ``at``; ``job_ids`` may not be all of them."""

    at: datetime
    starts: int
    job_ids: tuple[str, ...]


class Collision(Struct, frozen=True, kw_only=True):
    """A time of day, in UTC, at which two or more jobs start, on ``days`` days; ``peak`` is the worst of them."""

    minute_of_day: int
    days: int
    peak: BusyMinute


class Forecast(Struct, frozen=True, kw_only=True):
    """The starts of ``(start, until]``.

    ``days`` are midnights UTC, the first at or before ``start``; ``hours`` holds 24 counts for each.  ``busiest`` and
    ``collisions`` are the worst, worst first; ``shared_minutes`` is in how many minutes two or more jobs start.
    """

    start: datetime
    until: datetime
    jobs: tuple[JobForecast, ...]
    starts: int
    days: tuple[datetime, ...]
    hours: tuple[tuple[int, ...], ...]
    busiest: tuple[BusyMinute, ...]
    collisions: tuple[Collision, ...]
    shared_minutes: int


def forecast(jobs: Iterable[Scheduled], *, start: datetime, until: datetime, listed: int = _LISTED) -> Forecast:
    """Return the forecast of ``(start, until]``, at most a year; ``listed`` bounds each of its lists. Jobs by id."""
    if not start < until:
        raise UsageError("the span of the forecast is empty: it must end after it starts")
    if until - start > MAX_SPAN:
        raise UsageError(f"the span of the forecast is longer than {MAX_SPAN.days} days", hint="Ask for fewer days.")
    ordered = sorted(jobs, key=lambda job: job.id)
    minutes = _starts_per_minute(ordered, start, until)
    days, hours = _heat_map(minutes, start, until)
    crowded = [minute for minute, starts in minutes.items() if starts > 1]
    return Forecast(
        start=start.astimezone(UTC),
        until=until.astimezone(UTC),
        jobs=tuple(_forecast_job(job, start, until, listed) for job in ordered),
        starts=minutes.total(),
        days=days,
        hours=hours,
        busiest=tuple(_busy_minute(minute, minutes, ordered) for minute in _worst(minutes, minutes, listed)),
        collisions=tuple(_collisions(crowded, minutes, ordered, listed)),
        shared_minutes=len(crowded),
    )


def _forecast_job(job: Scheduled, start: datetime, until: datetime, listed: int) -> JobForecast:
    schedule, anchor = job.schedule, job.anchor_at
    return JobForecast(
        id=job.id,
        words=describe_schedule(schedule),
        timezone="UTC" if schedule.kind in {ScheduleKind.INTERVAL, ScheduleKind.ONE_TIME} else schedule.timezone,
        count=count_fires(schedule, after=start, until=until, anchor=anchor),
        next_at=next_fire(schedule, after=start, anchor=anchor),
        fires=tuple(islice(fire_times(schedule, after=start, until=until, anchor=anchor), listed)),
        remarks=tuple(clock_remarks(schedule, after=start, until=until)),
    )


def _starts_per_minute(jobs: Sequence[Scheduled], start: datetime, until: datetime) -> Counter[int]:
    """Return how many jobs start in each minute, by the UTC second it begins with.

    Jobs with equal schedules start together, so each schedule is followed once.
    """
    alike = Counter((job.schedule, job.anchor_at if job.schedule.interval_minutes else None) for job in jobs)
    minutes: Counter[int] = Counter()
    for (schedule, anchor), number in alike.items():
        starts = _minutes_of(schedule, anchor or start, start, until)
        if number == 1:
            minutes.update(starts)
        else:
            for minute in starts:
                minutes[minute] += number
    return minutes


def _minutes_of(schedule: Schedule, anchor: datetime, start: datetime, until: datetime) -> list[int]:
    if schedule.kind in {ScheduleKind.INTERVAL, ScheduleKind.ONE_TIME}:
        fires = fire_times(schedule, after=start, until=until, anchor=anchor)
        return [at - at % 60 for at in map(to_seconds, fires)]
    low, high = window_of(schedule, start, until)
    return [at + minute * 60 for at, minutes in zoned_times(schedule).days(low, high) for minute in minutes]


def _heat_map(
    minutes: Counter[int], start: datetime, until: datetime
) -> tuple[tuple[datetime, ...], tuple[tuple[int, ...], ...]]:
    hours: Counter[int] = Counter()
    for minute, starts in minutes.items():
        hours[minute // _HOUR] += starts
    days = range(to_seconds(start) // _DAY, to_seconds(until) // _DAY + 1)
    return (
        tuple(to_instant(day * _DAY) for day in days),
        tuple(tuple(hours[day * 24 + hour] for hour in range(24)) for day in days),
    )


def _worst(minutes: Iterable[int], starts: Counter[int], listed: int) -> list[int]:
    """Return the minutes with most starts, the earliest first where they are equal; a single start is not listed."""
    crowded = (minute for minute in minutes if starts[minute] > 1)
    return sorted(crowded, key=lambda minute: (-starts[minute], minute))[:listed]


def _busy_minute(minute: int, minutes: Counter[int], jobs: Sequence[Scheduled]) -> BusyMinute:
    at = to_instant(minute)
    before, last = at - timedelta(microseconds=1), at + timedelta(minutes=1, microseconds=-1)
    named = (job.id for job in jobs if count_fires(job.schedule, after=before, until=last, anchor=job.anchor_at))
    return BusyMinute(at=at, starts=minutes[minute], job_ids=tuple(islice(named, _NAMED)))


def _collisions(
    crowded: Sequence[int], minutes: Counter[int], jobs: Sequence[Scheduled], listed: int
) -> Iterable[Collision]:
    by_time: dict[int, list[int]] = {}
    for minute in crowded:
        by_time.setdefault(minute % _DAY, []).append(minute)
    peaks = {time: _worst(same, minutes, 1)[0] for time, same in by_time.items()}
    worst = sorted(by_time, key=lambda time: (-minutes[peaks[time]], -len(by_time[time]), time))
    for time in worst[:listed]:
        yield Collision(
            minute_of_day=time // 60, days=len(by_time[time]), peak=_busy_minute(peaks[time], minutes, jobs)
        )
