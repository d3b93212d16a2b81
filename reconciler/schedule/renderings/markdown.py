"""A forecast as Markdown, for a pull request."""

from collections.abc import Iterator

from reconciler.schedule.forecast import Forecast
from reconciler.schedule.renderings.shared import (
    change_words,
    collision_words,
    counted,
    headline,
    job_changes,
    job_words,
)
from reconciler.schedule.renderings.text import heat_map_lines, moment_words

_MAX_ROWS = 200


def forecast_markdown(forecast: Forecast, *, base: Forecast | None = None) -> str:
    """Return the forecast as Markdown; with ``base``, first what changes from that one. Long tables are cut."""
    lines = [f"**Forecast:** {headline(forecast)}", ""]
    if base is not None:
        lines += [*_changes(base, forecast), ""]
    lines += [*_jobs(forecast), "", "```text", *heat_map_lines(forecast), "```", "", *_collisions(forecast)]
    return "\n".join(lines) + "\n"


def _jobs(forecast: Forecast) -> Iterator[str]:
    yield "| Job | Schedule | Starts | Next, job's zone | Next, UTC |"
    yield "|---|---|---:|---|---|"
    for job in forecast.jobs[:_MAX_ROWS]:
        local = "never" if job.next_at is None else moment_words(job.next_at, job.timezone)
        utc = "" if job.next_at is None else f"{job.next_at:%Y-%m-%d %H:%M}"
        yield f"| `{job.id}` | {job.words} | {job.count:,} | {local} | {utc} |"
    yield from _cut(len(forecast.jobs), "job")
    remarks = [f"- `{job.id}`: {remark.text}" for job in forecast.jobs for remark in job.remarks]
    if remarks:
        yield ""
        yield "Clock changes:"
        yield ""
        yield from remarks[:_MAX_ROWS]
        yield from _cut(len(remarks), "remark")


def _changes(base: Forecast, forecast: Forecast) -> Iterator[str]:
    changes = job_changes(base, forecast)
    yield change_words(base, forecast)
    if not changes:
        return
    yield ""
    yield "| Job | Before | Starts | After | Starts |"
    yield "|---|---|---:|---|---:|"
    for change in changes[:_MAX_ROWS]:
        sides = (f"{side[0]} | {side[1]:,}" if side else "(none) | " for side in (change.before, change.after))
        yield f"| `{change.id}` | {' | '.join(sides)} |"
    yield from _cut(len(changes), "job")


def _collisions(forecast: Forecast) -> Iterator[str]:
    if not forecast.shared_minutes:
        yield "No two jobs start in the same minute."
        return
    yield f"Two or more jobs start in {counted(forecast.shared_minutes, 'minute')}. The worst times of day:"
    yield ""
    for collision in forecast.collisions:
        yield f"- {collision_words(collision)}: {job_words(collision.peak)}"


def _cut(total: int, noun: str) -> Iterator[str]:
    if total > _MAX_ROWS:
        yield ""
        yield f"and {counted(total - _MAX_ROWS, noun)} more"
