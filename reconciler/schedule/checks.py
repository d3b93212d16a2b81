"""What validation asks of a schedule: findings that know their field, not yet their line.

``check_schedule`` depends on the schedule alone, so its answer may be cached; ``check_schedule_now`` on the clock too.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from msgspec import structs

from reconciler.model.instant import format_instant
from reconciler.model.job import Overlap, Schedule
from reconciler.model.problem import Severity
from reconciler.model.provider import Finding
from reconciler.schedule.cron import Cron, CronError, parse_cron
from reconciler.schedule.names import MONTHS, WEEKDAYS, day_words, join_words, ordinal
from reconciler.schedule.reading import ReadingError, read_clock_time, read_weekdays
from reconciler.schedule.times import count_fires, next_clock_change, next_fire
from reconciler.schedule.words import clock_remarks
from reconciler.schedule.zones import UnknownZone, zone_of

CODES = {
    "CRON001": "A cron expression is five fields on one line: minute, hour, day of month, month, weekday.",
    "CRON002": "L, W, #, ?, H and R belong to other programs' cron; five-field cron does not have them.",
    "CRON003": "A field is *, a number, a range 1-5, a list 1,3,5 or a step */15; nothing else is read.",
    "CRON004": "A value lies outside its field: minute 0-59, hour 0-23, day 1-31, month 1-12, weekday 0-7.",
    "CRON005": "A step must be at least 1 and no larger than its field.",
    "CRON006": "A range runs from low to high; what wraps around is written as two ranges.",
    "CRON007": "Of the nicknames, @yearly, @monthly, @weekly, @daily, @midnight and @hourly are read.",
    "CRON008": "The time zone of a schedule is its field `timezone`, not part of the expression.",
    "CRON009": "No day matches: the month is too short for the day, in every year.",
    "CRON010": "The expression matches 29 February only, which most years do not have.",
    "CRON011": "Day of month and weekday are both given: as in Debian's cron, the job runs when either matches.",
    "CRON012": "The expression does not match for five years or more.",
    "TIME001": "A time zone is an IANA name such as Europe/Berlin.",
    "TIME002": "An interval is counted in UTC: a time zone changes nothing.",
    "TIME003": "An interval is a whole number of minutes, at most a year.",
    "TIME004": "A schedule has one mode: intervalMinutes, cronExpression, runAt or calendar.",
    "TIME005": "A clock change skips or repeats a time of this schedule.",
    "TIME006": "The schedule lies in the past: it never starts the job.",
    "TIME007": "Runs may pile up: the next is due long before one may have ended.",
    "TIME008": "A calendar entry needs days of the week and a time of day.",
    "TIME009": "startAt lies after endAt: the schedule never starts the job.",
}
"""Every code that this room gives, and what it means."""

_MAX_INTERVAL_MINUTES = 525_600
_MONTH_LENGTHS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_RARE = timedelta(days=5 * 366)
_REMARKS_AHEAD = timedelta(days=366)
_AGES = {timedelta(days=1): "day", timedelta(hours=1): "hour", timedelta(minutes=1): "minute"}
_MANY_RUNS = 10
_SOME_NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)


def check_schedule(
    schedule: Schedule,
    *,
    overlap: Overlap = Overlap.SKIP,
    timeout_seconds: int | None = None,
    json_path: str = "schedule",
) -> list[Finding]:
    """Return what is wrong or odd about ``schedule``, whatever the time; overlap and timeout are those of its job."""
    findings = list(_check_modes(schedule, json_path))
    findings += _check_zone(schedule, json_path)
    findings += _check_interval(schedule, json_path)
    findings += _check_calendar(schedule, json_path)
    findings += _check_cron(schedule, json_path)
    if schedule.start_at and schedule.end_at and schedule.start_at > schedule.end_at:
        findings.append(Finding(code="TIME009", json_path=f"{json_path}.endAt", message="endAt is before startAt"))
    if not any(finding.severity is Severity.ERROR for finding in findings):
        findings += _check_pile_up(schedule, overlap, timeout_seconds, json_path)
    return findings


def check_schedule_now(schedule: Schedule, *, now: datetime, json_path: str = "schedule") -> list[Finding]:
    """Return what the clock has to say about a schedule without errors: times past, far off, skipped or repeated."""
    if schedule.run_at is not None:
        return list(_check_past(schedule.run_at, now, f"{json_path}.runAt", "runAt"))
    if schedule.end_at and schedule.end_at <= now:
        return list(_check_past(schedule.end_at, now, f"{json_path}.endAt", "endAt"))
    return [*_check_rare(schedule, now, json_path), *_check_clock_changes(schedule, now, json_path)]


def findings_hold_until(schedule: Schedule, *, now: datetime) -> datetime | None:
    """Return an instant after ``now`` before which ``check_schedule_now`` says nothing else; None: it never does."""
    if schedule.run_at is not None:
        return _past_holds_until(schedule.run_at, now)
    if schedule.end_at is not None and schedule.end_at <= now:
        return _past_holds_until(schedule.end_at, now)
    moments = [schedule.end_at, *_rare_changes(schedule, now), *_clock_change_moves(schedule, now)]
    return min((moment for moment in moments if moment is not None and moment > now), default=None)


def _past_holds_until(at: datetime, now: datetime) -> datetime:
    if at > now:
        return at
    age = now - at
    unit = next((size for size in _AGES if age >= size), timedelta(minutes=1))
    return at + (age // unit + 1) * unit


def _rare_changes(schedule: Schedule, now: datetime) -> Iterator[datetime]:
    """Yield the moments at which what ``_check_rare`` says may change."""
    if schedule.cron_expression is None:
        return
    cron = parse_cron(schedule.cron_expression)
    if not cron.needs_both_days or len(cron.days_of_month) == 31:
        return  # a weekday, which each month has
    is_each_year = any(_MONTH_LENGTHS[month - 1] >= min(cron.days_of_month) for month in cron.months if month != 2)
    if len(cron.days_of_week) == 7 and (is_each_year or min(cron.days_of_month) < 29):
        return
    if schedule.start_at is not None:
        yield schedule.start_at
    first = next_fire(structs.replace(schedule, end_at=None), after=now, anchor=now)
    if first is None:
        yield now + _RARE
    else:
        yield first
        yield first - _RARE


def _clock_change_moves(schedule: Schedule, now: datetime) -> Iterator[datetime]:
    """Yield when the next clock change is past, and when the next one comes into view."""
    if schedule.interval_minutes is None:
        for moment, offset in ((now, timedelta()), (now + _REMARKS_AHEAD, -_REMARKS_AHEAD)):
            change = next_clock_change(schedule.timezone, after=moment)
            if change is not None:
                yield change + offset


def cron_finding(error: CronError, json_path: str) -> Finding:
    return Finding(code=error.code, json_path=json_path, message=error.message, hint=error.hint)


def _check_modes(schedule: Schedule, json_path: str) -> Iterator[Finding]:
    modes = {
        "intervalMinutes": schedule.interval_minutes,
        "cronExpression": schedule.cron_expression,
        "runAt": schedule.run_at,
        "calendar": schedule.calendar or None,
    }
    given = [name for name, mode in modes.items() if mode is not None]
    if not given:
        message = "schedule has no mode"
        yield Finding(code="TIME004", json_path=json_path, message=message, hint=f"Give one of {', '.join(modes)}.")
    elif len(given) > 1:
        prefix = "both " if len(given) == 2 else ""
        yield Finding(code="TIME004", json_path=json_path, message=f"{prefix}{join_words(given)}; keep one")


def _check_zone(schedule: Schedule, json_path: str) -> Iterator[Finding]:
    path = f"{json_path}.timezone"
    try:
        zone_of(schedule.timezone)
    except UnknownZone as error:
        yield Finding(code="TIME001", json_path=path, message=error.message, hint=error.hint)
        return
    if schedule.timezone == "UTC":
        return
    if schedule.interval_minutes is not None:
        message = "timezone has no effect on intervals"
        yield Finding(code="TIME002", json_path=path, message=message, severity=Severity.WARNING)
    elif schedule.run_at is not None:
        message = "timezone has no effect on runAt, which names its offset"
        yield Finding(code="TIME002", json_path=path, message=message, severity=Severity.WARNING)


def _check_interval(schedule: Schedule, json_path: str) -> Iterator[Finding]:
    minutes = schedule.interval_minutes
    if minutes is not None and not 1 <= minutes <= _MAX_INTERVAL_MINUTES:
        yield Finding(
            code="TIME003",
            json_path=f"{json_path}.intervalMinutes",
            message=f"intervalMinutes must be a whole number 1-{_MAX_INTERVAL_MINUTES}, found {minutes}",
        )


def _check_calendar(schedule: Schedule, json_path: str) -> Iterator[Finding]:
    for index, entry in enumerate(schedule.calendar):
        path = f"{json_path}.calendar[{index}]"
        try:
            read_weekdays(entry.days_of_week)
        except ReadingError as error:
            yield Finding(code="TIME008", json_path=f"{path}.daysOfWeek", message=error.message, hint=error.hint)
        try:
            read_clock_time(entry.time)
        except ReadingError as error:
            yield Finding(code="TIME008", json_path=f"{path}.time", message=error.message, hint=error.hint)


def _check_cron(schedule: Schedule, json_path: str) -> Iterator[Finding]:
    if schedule.cron_expression is None:
        return
    path = f"{json_path}.cronExpression"
    try:
        cron = parse_cron(schedule.cron_expression)
    except CronError as error:
        yield cron_finding(error, path)
        return
    never = _never_occurs(cron)
    if never:
        yield Finding(code="CRON009", json_path=path, message=f"never occurs: {never}")
    elif not cron.needs_both_days and len(cron.days_of_month) < 31 and len(cron.days_of_week) < 7:
        dates = join_words([ordinal(day) for day in cron.days_of_month])
        weekdays = join_words([WEEKDAYS[day] for day in cron.days_of_week], last="or")
        message = f"runs when either matches: on the {dates} or on {weekdays}"
        hint = "Write * for one of the two if it is not meant."
        yield Finding(code="CRON011", json_path=path, message=message, hint=hint, severity=Severity.WARNING)


def _never_occurs(cron: Cron) -> str:
    """Return why no day ever matches, or an empty text."""
    if not cron.needs_both_days:
        return ""
    first = min(cron.days_of_month)
    if any(_MONTH_LENGTHS[month - 1] >= first for month in cron.months):
        return ""
    return f"no {join_words([MONTHS[month - 1] for month in cron.months], last='or')} has {first} days"


def _check_pile_up(
    schedule: Schedule, overlap: Overlap, timeout_seconds: int | None, json_path: str
) -> Iterator[Finding]:
    if overlap is not Overlap.ALLOW or timeout_seconds is None or schedule.run_at is not None:
        return
    start = _first_fire_of_schedule(schedule)
    if start is None:
        return
    until = start + timedelta(seconds=timeout_seconds, microseconds=-1)
    runs = 1 + count_fires(
        structs.replace(schedule, end_at=None), after=start, until=until, anchor=start - _interval(schedule)
    )
    if runs > _MANY_RUNS:
        message = f"up to {runs} runs of this job at once"
        hint = "Shorten timeoutSeconds, or let overlap be skip or queue."
        yield Finding(code="TIME007", json_path=json_path, message=message, hint=hint, severity=Severity.WARNING)


def _first_fire_of_schedule(schedule: Schedule) -> datetime | None:
    from_when = schedule.start_at or _SOME_NEW_YEAR
    return next_fire(structs.replace(schedule, end_at=None), after=from_when, anchor=from_when)


def _interval(schedule: Schedule) -> timedelta:
    return timedelta(minutes=schedule.interval_minutes or 0)


def _check_past(at: datetime, now: datetime, json_path: str, name: str) -> Iterator[Finding]:
    if at > now:
        return
    message = f"{name} was {_ago(now - at)} before this commit; it will not run"
    hint = f"It says {format_instant(at)}."
    yield Finding(code="TIME006", json_path=json_path, message=message, hint=hint, severity=Severity.WARNING)


def _ago(age: timedelta) -> str:
    for size, word in _AGES.items():
        if age >= size:
            count = age // size
            return f"{count} {word}{'s' if count > 1 else ''}"
    return "less than a minute"


def _check_rare(schedule: Schedule, now: datetime, json_path: str) -> Iterator[Finding]:
    if schedule.cron_expression is None:
        return
    endless = structs.replace(schedule, end_at=None)
    first = next_fire(endless, after=now, anchor=now)
    if first is None:
        return
    cron = parse_cron(schedule.cron_expression)
    local = first.astimezone(zone_of(schedule.timezone)).date()
    if cron.months == (2,) and min(cron.days_of_month) == 29 and cron.needs_both_days:
        code, message = "CRON010", f"only in leap years; next {local.day} {MONTHS[local.month - 1][:3]} {local.year}"
    elif first - max(now, schedule.start_at or now) > _RARE:
        code, message = "CRON012", f"does not occur for five years; next {day_words(local)}"
    else:
        return
    yield Finding(code=code, json_path=f"{json_path}.cronExpression", message=message, severity=Severity.WARNING)


def _check_clock_changes(schedule: Schedule, now: datetime, json_path: str) -> Iterator[Finding]:
    """Yield a note for the next skipped time, and for the next one that fires twice."""
    remarks = clock_remarks(schedule, after=now, until=now + _REMARKS_AHEAD)
    skipped = [remark for remark in remarks if remark.is_gap]
    twice = [remark for remark in remarks if remark.fires_twice]
    name = "cronExpression" if schedule.cron_expression is not None else "calendar"
    for remark in skipped[:1] + twice[:1]:
        yield Finding(
            code="TIME005", json_path=f"{json_path}.{name}", message=remark.text, severity=Severity.INFORMATION
        )
