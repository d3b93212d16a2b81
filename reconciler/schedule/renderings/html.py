"""A forecast as one HTML page that needs nothing else: the picture, and every job."""

from collections.abc import Iterator
from html import escape

from reconciler.schedule.forecast import Forecast, JobForecast
from reconciler.schedule.renderings.shared import (
    JobChange,
    change_words,
    collision_words,
    counted,
    headline,
    job_changes,
    job_words,
)
from reconciler.schedule.renderings.svg import forecast_svg
from reconciler.schedule.renderings.text import moment_words

_STYLE = """
:root { color-scheme: light dark; }
body { font: 15px/1.5 system-ui, sans-serif; margin: 0 auto; padding: 1rem; max-width: 1080px; }
body { background: light-dark(#ffffff, #0d1117); color: light-dark(#1f2328, #e6edf3); }
h2 { font-size: 1.1rem; margin: 2rem 0 .5rem; } .map { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; } th { text-align: left; }
td, th { border-bottom: 1px solid light-dark(#d1d9e0, #3d444d); padding: .3rem .5rem; vertical-align: top; }
.number { text-align: right; font-variant-numeric: tabular-nums; } .time { white-space: nowrap; }
code { font-size: .9em; overflow-wrap: anywhere; }
.remark { color: light-dark(#9a6700, #d29922); } li { margin: .2rem 0; }
"""


def forecast_html(forecast: Forecast, *, base: Forecast | None = None) -> str:
    """Return an HTML document; with ``base``, it begins with what changes from that one."""
    parts = [
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>Forecast: {escape(headline(forecast))}</title>\n<style>{_STYLE}</style>\n</head>\n<body>",
        *(_changes(base, forecast) if base is not None else ()),
        f'<div class="map">{forecast_svg(forecast)}</div>',
        *_collisions(forecast),
        *_jobs(forecast),
        "</body>\n</html>",
    ]
    return "\n".join(parts) + "\n"


def _changes(base: Forecast, forecast: Forecast) -> Iterator[str]:
    changes = job_changes(base, forecast)
    yield "<h2>What changes</h2>"
    yield f"<p>{change_words(base, forecast)}</p>"
    if changes:
        yield "<table><thead><tr><th>Job</th><th>Before</th><th>After</th></tr></thead><tbody>"
        yield from (_change_row(change) for change in changes)
        yield "</tbody></table>"


def _change_row(change: JobChange) -> str:
    before, after = (
        f"{escape(side[0])} ({counted(side[1], 'start')})" if side else "(none)"
        for side in (change.before, change.after)
    )
    return f"<tr><td><code>{escape(change.id)}</code></td><td>{before}</td><td>{after}</td></tr>"


def _collisions(forecast: Forecast) -> Iterator[str]:
    if not forecast.collisions:
        return
    yield "<h2>Jobs that start together</h2>\n<ul>"
    for collision in forecast.collisions:
        yield f"<li>{collision_words(collision)}: <code>{escape(job_words(collision.peak))}</code></li>"
    yield "</ul>"


def _jobs(forecast: Forecast) -> Iterator[str]:
    yield "<h2>Jobs</h2>"
    yield "<table><thead><tr><th>Job</th><th>Schedule</th><th class=number>Starts</th>"
    yield "<th>Next, job's zone</th><th>Next, UTC</th></tr></thead><tbody>"
    yield from (_job_row(job) for job in forecast.jobs)
    yield "</tbody></table>"


def _job_row(job: JobForecast) -> str:
    remarks = "".join(f'<div class="remark">{escape(remark.text)}</div>' for remark in job.remarks)
    local, utc = "never", ""
    if job.next_at is not None:
        local, utc = moment_words(job.next_at, job.timezone), f"{job.next_at:%Y-%m-%d %H:%M}"
    return (
        f"<tr><td><code>{escape(job.id)}</code></td><td>{escape(job.words)}{remarks}</td>"
        f'<td class="number">{job.count:,}</td><td class="time">{local}</td><td class="time">{utc}</td></tr>'
    )
