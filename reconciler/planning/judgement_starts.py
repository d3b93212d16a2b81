"""When a job will start, by the functions that the scheduler asks."""

from datetime import UTC, datetime, timedelta
from itertools import islice

from msgspec.structs import replace

from reconciler.model.forms import OneOff
from reconciler.model.inventory import Hold
from reconciler.model.job import Job, Schedule, ScheduleKind
from reconciler.planning.judgement_values import Starts
from reconciler.schedule.cron import CronError
from reconciler.schedule.times import count_fires, fire_times, next_fire
from reconciler.schedule.words import clock_remarks, describe_schedule
from reconciler.schedule.zones import UnknownZone, zone_of

SHOWN = 3
_FOUR_WEEKS = timedelta(days=28)
_A_YEAR = timedelta(days=366)
_MOST_REMARKS = 6
_INSTANT = timedelta(microseconds=1)


def judge_starts(
    job: Job, *, anchor_at: datetime | None, hold: Hold | None, now: datetime, begins: bool = False
) -> Starts:
    """Return what starts ``job`` after ``now``; its interval counts from ``anchor_at``, None: nobody knows.

    With ``begins`` it counts from when it is applied, taken to be now.
    """
    events = tuple(event.event_type for event in job.events)
    stopped, after = _stopped(job, hold, now)
    if job.schedule is None:
        return Starts(words="", events=events, stopped=stopped)
    try:
        starts = _judge_schedule(
            job.schedule, events, anchor_at=None if begins else anchor_at, stopped=stopped, after=after, now=now
        )
        return starts if begins or not starts.is_from_apply else replace(starts, is_from_apply=False, is_vague=True)
    except (CronError, UnknownZone):
        # What a target holds, or what was applied with other time zone data, need not be readable.
        return Starts(words="a schedule that cannot be read", events=events, stopped="its schedule cannot be read")


def _stopped(job: Job, hold: Hold | None, now: datetime) -> tuple[str, datetime | None]:
    """Return why nothing starts the job, and from when on something does; None: never."""
    if not job.enabled:
        return "disabled", None
    if hold is None or not hold.covers(now):
        return "", now
    return _stopped_words(hold), hold.until - _INSTANT if hold.until is not None else None


def _stopped_words(hold: Hold) -> str:
    if hold.until is None:
        return "paused until it is resumed"
    return f"paused until {hold.until.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _judge_schedule(
    schedule: Schedule,
    events: tuple[str, ...],
    *,
    anchor_at: datetime | None,
    stopped: str,
    after: datetime | None,
    now: datetime,
) -> Starts:
    zone_of(schedule.timezone)  # asked first: of a stopped job nobody else might ask, and the name is shown
    is_zoned = schedule.kind in {ScheduleKind.CRON, ScheduleKind.CALENDAR}
    fires: tuple[datetime, ...] = ()
    per_day = 0.0
    if after is not None:
        anchor = anchor_at or now
        first = next_fire(schedule, after=after, anchor=anchor)
        if first is not None:
            rest = fire_times(schedule, after=first, until=first + _A_YEAR, anchor=anchor)
            fires = (first, *islice(rest, SHOWN - 1))
            per_day = _starts_per_day(schedule, first, anchor)
    remarks = clock_remarks(schedule, after=now, until=now + _A_YEAR)
    return Starts(
        words=describe_schedule(schedule),
        events=events,
        timezone=schedule.timezone if is_zoned else "UTC",
        next_at=fires,
        per_day=per_day,
        jitter_seconds=schedule.jitter_seconds,
        stopped=stopped,
        is_from_apply=schedule.interval_minutes is not None and schedule.start_at is None and anchor_at is None,
        clock_changes=tuple(remark.text for remark in remarks[:_MOST_REMARKS]) if after is not None else (),
    )


def _starts_per_day(schedule: Schedule, first: datetime, anchor: datetime) -> float:
    """Return the mean of the four weeks after ``first``; of named times, of days of the job's zone that are whole."""
    begin, end = first, first + _FOUR_WEEKS
    if schedule.interval_minutes is None:
        local = first.astimezone(zone_of(schedule.timezone)).replace(hour=0, minute=0, second=0, microsecond=0)
        begin, end = local + timedelta(days=1), local + timedelta(days=1) + _FOUR_WEEKS
    starts = count_fires(schedule, after=begin - _INSTANT, until=end - _INSTANT, anchor=anchor)
    return round(starts / _FOUR_WEEKS.days, 2)


def judge_one_off(one_off: OneOff, now: datetime, *, hold: Hold | None = None) -> Starts:
    """Return when a one-off starts: as soon as it is applied, unless it says otherwise, or its job is paused."""
    if one_off.not_after is not None and one_off.not_after <= now:
        return Starts(words="once", stopped="its notAfter has passed")
    if one_off.not_before is not None and one_off.not_before > now:
        at = one_off.not_before.astimezone(UTC)
        return Starts(words=f"once, from {at:%Y-%m-%d %H:%M} UTC on", next_at=(at,))
    if hold is not None and hold.covers(now):
        return Starts(words=f"once, as soon as it can: its job is {_stopped_words(hold)}")
    return Starts(words="once, as soon as it is applied", is_from_apply=True)
