"""A schedule in words, and what clock changes do to it."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from itertools import pairwise

from msgspec import Struct

from reconciler.model.job import CalendarEntry, Schedule
from reconciler.schedule.cron import Cron, parse_cron
from reconciler.schedule.local_times import MINUTES_PER_DAY
from reconciler.schedule.names import MONTHS, WEEKDAYS, clock_words, day_words, join_words, ordinal
from reconciler.schedule.times import zoned_times
from reconciler.schedule.zoned import ClockChange, to_instant, to_seconds

_MAX_LISTED = 6


class ClockRemark(Struct, frozen=True):
    """What a clock change at ``at`` does to a schedule, in words.

    ``is_gap``: it skips named times, else it repeats them.
    """

    at: datetime
    text: str
    is_gap: bool
    fires_twice: bool


def describe_schedule(schedule: Schedule) -> str:
    """Return such as ``every 30 minutes``, ``daily at 02:00 Europe/Paris``, ``Tuesdays at 16:00 UTC``.

    Raises CronError where the expression cannot be read.
    """
    if schedule.interval_minutes is not None:
        return _describe_interval(schedule.interval_minutes)
    if schedule.run_at is not None:
        return f"once at {schedule.run_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    if schedule.cron_expression is None:
        return f"{_describe_calendar(schedule.calendar)} {schedule.timezone}"
    cron = parse_cron(schedule.cron_expression)
    times, days = _describe_times(cron), _describe_days(cron)
    if not times.startswith("at "):
        zone = "" if times.endswith(("minute", "minutes")) and not days else schedule.timezone
        on_days = days if days.startswith(("on ", "daily ")) or not days else f"on {days}"
        return " ".join(part for part in (times, on_days.removeprefix("daily "), zone) if part)
    return f"{days or 'daily'} {times} {schedule.timezone}"


def clock_remarks(schedule: Schedule, *, after: datetime, until: datetime) -> list[ClockRemark]:
    """Return what clock changes in ``(after, until]`` do to named times, oldest first.

    A schedule that runs in every hour of the day has none: it goes on as before.
    """
    if schedule.interval_minutes is not None or schedule.run_at is not None:
        return []
    if schedule.cron_expression is not None and len(parse_cron(schedule.cron_expression).hours) == 24:
        return []
    times = zoned_times(schedule)
    changes = times.changes(to_seconds(after) + 1, to_seconds(until) + 1)
    return [
        ClockRemark(
            at=to_instant(change.at),
            text=_describe_change(change, schedule.timezone, times.is_fixed_time),
            is_gap=change.is_gap,
            fires_twice=not (change.is_gap or times.is_fixed_time),
        )
        for change in changes
    ]


def _describe_change(change: ClockChange, timezone: str, is_fixed_time: bool) -> str:
    day, minute = divmod(change.first, MINUTES_PER_DAY)
    last_day, last_minute = divmod(change.last, MINUTES_PER_DAY)
    when = f"{_day(day)} {clock_words(minute)}"
    if change.last != change.first:
        end = clock_words(last_minute) if last_day == day else f"{_day(last_day)} {clock_words(last_minute)}"
        when += f" to {end} ({change.count} times)"
    if not change.is_gap:
        return f"{when} comes twice in {timezone}; runs {'the first time' if is_fixed_time else 'both times'}"
    if not is_fixed_time:
        return f"{when} does not exist in {timezone}; does not run then"
    resume_day, resume_minute = divmod(change.resumes_at, MINUTES_PER_DAY)
    moved = clock_words(resume_minute) if resume_day == day else f"{clock_words(resume_minute)} on {_day(resume_day)}"
    return f"{when} does not exist in {timezone}; runs {'at' if change.count == 1 else 'once, at'} {moved}"


def _day(day: int) -> str:
    return day_words(date.fromordinal(day))


def _describe_interval(minutes: int) -> str:
    if minutes % MINUTES_PER_DAY == 0:
        return _every(minutes // MINUTES_PER_DAY, "day")
    return _every(minutes // 60, "hour") if minutes % 60 == 0 else _every(minutes, "minute")


def _every(count: int, word: str) -> str:
    return f"every {word}" if count == 1 else f"every {count} {word}s"


def _describe_calendar(entries: Sequence[CalendarEntry]) -> str:
    by_days: dict[tuple[int, ...], list[str]] = {}
    for entry in entries:
        by_days.setdefault(entry.days_of_week, []).append(entry.time)
    parts = []
    for days, times in by_days.items():
        words = "daily" if len(days) == 7 else _weekdays(days)
        parts.append(f"{words} at {join_words(sorted(set(times)))}")
    return "; ".join(parts)


def _describe_times(cron: Cron) -> str:
    minutes, hours = cron.minutes, cron.hours
    hour_step = _even_step(hours, 24)
    is_regular = len(minutes) == 1 and 0 < hour_step <= 8
    if len(minutes) * len(hours) <= _MAX_LISTED and not is_regular:
        return "at " + join_words([clock_words(hour * 60 + minute) for hour in hours for minute in minutes])
    step = _even_step(minutes, 60)
    if step and step < 60:
        often = _every(step, "minute")
        return often if len(hours) == 24 else f"{often} {_hours(hours, minutes[-1])}"
    past = _minutes_past(minutes)
    if hour_step:
        start = f" from {clock_words(hours[0] * 60 + minutes[0])}" if hours[0] else ""
        return f"{_every(hour_step, 'hour')} {past}{start}"
    return f"every hour {past}, {_hours(hours, minutes[-1])}"


def _minutes_past(minutes: Sequence[int]) -> str:
    steps = {later - earlier for earlier, later in pairwise(minutes)}
    if len(minutes) > _MAX_LISTED and len(steps) == 1:
        return f"every {steps.pop()} minutes from :{minutes[0]:02} to :{minutes[-1]:02}"
    return "at " + join_words([f":{minute:02}" for minute in minutes])


def _hours(hours: Sequence[int], last_minute: int) -> str:
    if hours[-1] - hours[0] == len(hours) - 1:
        return f"from {hours[0]:02}:00 to {hours[-1]:02}:{last_minute:02}"
    return "in hours " + join_words([str(hour) for hour in hours])


def _even_step(values: Sequence[int], size: int) -> int:
    """Return the step if ``values`` follow one another by it, also past the end of the field; else 0."""
    step = size // len(values)
    return step if list(values) == list(range(values[0], size, step)) and size % len(values) == 0 else 0


def _describe_days(cron: Cron) -> str:
    by_date, by_weekday = len(cron.days_of_month) < 31, len(cron.days_of_week) < 7
    months = "" if len(cron.months) == 12 else join_words([MONTHS[month - 1] for month in cron.months])
    dates = _dates(cron.days_of_month)
    # With "either", a field that names every day makes the other one meaningless.
    if not cron.needs_both_days and not (by_date and by_weekday):
        by_date = by_weekday = False
    if by_date and by_weekday:
        link = "if that is one of" if cron.needs_both_days else "or on"
        return f"on the {dates} {link} {_weekdays(cron.days_of_week)}" + (f" in {months}" if months else "")
    if by_date:
        return f"on the {dates} of {months or 'each month'}"
    if by_weekday:
        return _weekdays(cron.days_of_week) + (f" in {months}" if months else "")
    return f"daily in {months}" if months else ""


def _dates(days: Sequence[int]) -> str:
    """Return ``1st, 3rd and 8th to 14th``."""
    runs: list[list[int]] = []
    for day in days:
        if runs and runs[-1][-1] == day - 1:
            runs[-1].append(day)
        else:
            runs.append([day])
    words = []
    for run in runs:
        words += [f"{ordinal(run[0])} to {ordinal(run[-1])}"] if len(run) > 2 else [ordinal(day) for day in run]
    return join_words(words)


def _weekdays(days: Sequence[int]) -> str:
    if tuple(days) == (1, 2, 3, 4, 5):
        return "weekdays"
    if tuple(days) == (0, 6):
        return "weekends"
    return join_words([f"{WEEKDAYS[day]}s" for day in sorted(days, key=lambda day: (day + 6) % 7)])
