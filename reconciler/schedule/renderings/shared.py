"""What the formats have in common: sentences, hours inside the forecast, levels of the heat map."""

from datetime import datetime, timedelta

from msgspec import Struct

from reconciler.schedule.forecast import BusyMinute, Collision, Forecast
from reconciler.schedule.names import MONTHS, WEEKDAYS, clock_words

LEVELS = 7


class JobChange(Struct, frozen=True, kw_only=True):
    """One job before and after: its words and number of starts; None where it is absent."""

    id: str
    before: tuple[str, int] | None
    after: tuple[str, int] | None


def headline(forecast: Forecast) -> str:
    return f"{counted(len(forecast.jobs), 'job')}, {counted(forecast.starts, 'start')}, {span_words(forecast)}"


def span_words(forecast: Forecast) -> str:
    return f"{forecast.start:%Y-%m-%d %H:%M} to {forecast.until:%Y-%m-%d %H:%M} UTC"


def counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def day_label(day: datetime) -> str:
    """Return ``Sat 28 Mar``."""
    return f"{WEEKDAYS[day.isoweekday() % 7][:3]} {day.day:>2} {MONTHS[day.month - 1][:3]}"


def change_words(before: Forecast, after: Forecast) -> str:
    changed = counted(len(job_changes(before, after)), "job")
    return f"Before {counted(before.starts, 'start')}, after {after.starts:,}; {changed} changed."


def collision_words(collision: Collision) -> str:
    days, starts = counted(collision.days, "day"), f"{collision.peak.starts:,}"
    return (
        f"{clock_words(collision.minute_of_day)} UTC on {days}: {'up to ' if collision.days > 1 else ''}{starts} jobs"
    )


def job_words(minute: BusyMinute) -> str:
    """Return the jobs of a minute; those that are not named are counted."""
    more = minute.starts - len(minute.job_ids)
    return ", ".join(minute.job_ids) + (f" and {more:,} more" if more else "")


def is_inside(forecast: Forecast, day: datetime, hour: int) -> bool:
    """Whether any of that hour belongs to the forecast."""
    begin = day + timedelta(hours=hour)
    return begin <= forecast.until and begin + timedelta(hours=1) > forecast.start


def level_of(starts: int, most: int) -> int:
    """Return 0 for no start, else 1 to ``LEVELS`` in proportion to the hour with most starts."""
    return -(-starts * LEVELS // most) if starts else 0


def most_in_an_hour(forecast: Forecast) -> int:
    return max((starts for hours in forecast.hours for starts in hours), default=0)


def job_changes(before: Forecast, after: Forecast) -> list[JobChange]:
    """Return the jobs that start at other times, or more or less often, by id."""
    old = {job.id: (job.words, job.count) for job in before.jobs}
    new = {job.id: (job.words, job.count) for job in after.jobs}
    return [
        JobChange(id=job_id, before=old.get(job_id), after=new.get(job_id))
        for job_id in sorted(old.keys() | new.keys())
        if old.get(job_id) != new.get(job_id)
    ]
