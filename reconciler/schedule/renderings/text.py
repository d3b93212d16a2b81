"""A forecast as plain text."""

from collections.abc import Iterator
from datetime import datetime

from reconciler.schedule.forecast import Forecast, JobForecast
from reconciler.schedule.renderings.shared import (
    JobChange,
    change_words,
    collision_words,
    counted,
    day_label,
    headline,
    is_inside,
    job_changes,
    job_words,
    level_of,
    most_in_an_hour,
)
from reconciler.schedule.zones import zone_of

_BLOCKS = "·▁▂▃▄▅▆█"
_IN_FULL = 5


def render_forecast(forecast: Forecast, *, base: Forecast | None = None) -> str:
    """Return the forecast as lines: jobs, heat map, collisions; with ``base``, first what changes from that one."""
    lines = [headline(forecast)]
    if base is not None:
        lines += ["", *_change_lines(base, forecast)]
    lines += ["", *_job_lines(forecast), "", *heat_map_lines(forecast), "", *collision_lines(forecast)]
    return "\n".join(lines) + "\n"


def heat_map_lines(forecast: Forecast) -> Iterator[str]:
    """Yield a line a day: a mark for each hour, and the starts of the day."""
    most = most_in_an_hour(forecast)
    yield f"Starts per hour, UTC; {_BLOCKS[-1]} is {most:,}"
    yield f"{'':12}0     6     12    18"
    for day, hours in zip(forecast.days, forecast.hours, strict=True):
        marks = (
            _BLOCKS[level_of(starts, most)] if is_inside(forecast, day, hour) else " "
            for hour, starts in enumerate(hours)
        )
        yield f"{day_label(day)}  {''.join(marks)}  {sum(hours):>9,}"


def collision_lines(forecast: Forecast) -> Iterator[str]:
    if not forecast.shared_minutes:
        yield "No two jobs start in the same minute."
        return
    yield f"Two or more jobs start in {counted(forecast.shared_minutes, 'minute')}. The worst times of day:"
    for collision in forecast.collisions:
        yield f"  {collision_words(collision)}"
        yield f"    {job_words(collision.peak)}"


def moment_words(at: datetime, timezone: str) -> str:
    """Return ``Sun 2026-03-29 03:00 +0200``."""
    return f"{day_label(at.astimezone(zone_of(timezone)))[:3]} {at.astimezone(zone_of(timezone)):%Y-%m-%d %H:%M %z}"


def _job_lines(forecast: Forecast) -> Iterator[str]:
    width = max((len(job.id) for job in forecast.jobs), default=0)
    in_full = len(forecast.jobs) <= _IN_FULL
    for job in forecast.jobs:
        following = "never" if job.next_at is None else f"next {job.next_at:%Y-%m-%d %H:%M} UTC"
        yield f"{job.id:{width}}  {job.words}; {counted(job.count, 'start')}, {following}"
        if in_full:
            yield from _fire_lines(job)
        yield from (f"  ! {remark.text}" for remark in job.remarks)


def _fire_lines(job: JobForecast) -> Iterator[str]:
    for at in job.fires:
        utc = "" if job.timezone == "UTC" else f"{at:%Y-%m-%d %H:%M} UTC"
        yield f"  {moment_words(at, job.timezone)}  {utc}".rstrip()
    if job.count > len(job.fires):
        yield f"  and {job.count - len(job.fires):,} more"


def _change_lines(base: Forecast, forecast: Forecast) -> Iterator[str]:
    yield change_words(base, forecast)
    yield from (_change_line(change) for change in job_changes(base, forecast))


def _change_line(change: JobChange) -> str:
    if change.before is None:
        assert change.after is not None
        return f"  + {change.id}: {_side(change.after)}"
    if change.after is None:
        return f"  - {change.id}: {_side(change.before)}"
    return f"  ~ {change.id}: {_side(change.before)} -> {_side(change.after)}"


def _side(side: tuple[str, int]) -> str:
    return f"{side[0]} ({counted(side[1], 'start')})"
