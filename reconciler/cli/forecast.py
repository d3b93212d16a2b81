"""`reconciler forecast`: when jobs will start."""

from datetime import datetime, timedelta
from pathlib import Path

import click

from reconciler.cli.completing import complete_job
from reconciler.cli.exits import ExitCode
from reconciler.cli.options import format_option, out_option, ref_option, state_option, verb
from reconciler.cli.output import json_text, write_result
from reconciler.cli.problems import tell_problems
from reconciler.cli.session import Session, open_session
from reconciler.cli.simulate import read_time
from reconciler.loop.desired import CommitState
from reconciler.model.errors import UsageError
from reconciler.schedule.forecast import Forecast, Scheduled, forecast

DAYS = 7


@verb(
    "forecast",
    examples="""
    reconciler forecast                             # the next seven days
    reconciler forecast backup-db --days 30
    reconciler forecast --base origin/main          # what this branch changes
    reconciler forecast --days 28 --format svg --out starts.svg
    """,
)
@click.argument("job", required=False, shell_complete=complete_job)
@click.option("--days", type=click.IntRange(1, 366), metavar="N", help=f"So many days from now.  [default: {DAYS}]")
@click.option("--from", "start", metavar="T", help="The start of the span: an instant or a date.")
@click.option("--to", "until", metavar="T", help="Its end.")
@ref_option
@click.option("--worktree", is_flag=True, help="Read the files in the work tree instead of a commit.")
@click.option("--base", metavar="REF", help="Compare with this commit: before against after.")
@format_option("text", "json", "markdown", "html", "svg")
@out_option
@state_option
def command(
    *,
    directory: str | None,
    job: str | None,
    days: int | None,
    start: str | None,
    until: str | None,
    ref: str,
    worktree: bool,
    base: str | None,
    format_: str,
    out: str | None,
    state: str | None,
) -> int:
    """Show the fire times of jobs, in their zone and UTC, with remarks on clock changes, starts per hour, collisions.

    Uses the function by which the scheduler fires, so what is shown is what happens.
    """
    with open_session(directory=directory, state=state) as session:
        span = _span(session.clock(), days, start, until)
        source = session.read_files() if worktree else session.read_commit(ref)
        anchors = _anchors(session)
        told = _forecast(source, job, span, anchors)
        before = _forecast(session.read_commit(base), job, span, anchors, must_exist=False) if base else None
    tell_problems([problem for problem in source.loaded.problems if problem.severity.value == "error"])
    write_result(_render(told, before, format_), out)
    return ExitCode.INVALID if source.loaded.has_errors else ExitCode.DONE


def _span(now: datetime, days: int | None, start: str | None, until: str | None) -> tuple[datetime, datetime]:
    if days is not None and until is not None:
        raise UsageError("--days and --to exclude each other", hint="Give one of them.")
    begin = read_time(start, "--from") if start else now
    return begin, read_time(until, "--to") if until else begin + timedelta(days=days or DAYS)


def _anchors(session: Session) -> dict[str, datetime]:
    """Return where the intervals of applied jobs count from; without a state they count from the start of the span."""
    if not Path(session.state_path).exists():
        return {}
    return {item.job_id: item.anchor_at for item in session.store.schedules()}


def _forecast(
    source: CommitState,
    job_id: str | None,
    span: tuple[datetime, datetime],
    anchors: dict[str, datetime],
    *,
    must_exist: bool = True,
) -> Forecast:
    jobs = {name: declared.form for name, declared in source.loaded.desired.jobs.items()}
    if job_id is not None:
        if job_id not in jobs and must_exist:
            raise UsageError(f"unknown job `{job_id}`", hint=f"Known are: {', '.join(sorted(jobs)) or 'none'}")
        jobs = {name: job for name, job in jobs.items() if name == job_id}
    scheduled = [
        Scheduled(id=name, schedule=job.schedule, anchor_at=anchors.get(name, span[0]))
        for name, job in jobs.items()
        if job.schedule is not None and job.enabled
    ]
    return forecast(scheduled, start=span[0], until=span[1])


def _render(told: Forecast, base: Forecast | None, format_: str) -> str:
    if format_ == "json":
        from reconciler.schedule.renderings.document import forecast_document

        return json_text(forecast_document(told, base=base))
    if format_ == "markdown":
        from reconciler.schedule.renderings.markdown import forecast_markdown

        return forecast_markdown(told, base=base)
    if format_ == "html":
        from reconciler.schedule.renderings.html import forecast_html

        return forecast_html(told, base=base)
    if format_ == "svg":
        from reconciler.schedule.renderings.svg import forecast_svg

        return forecast_svg(told)
    from reconciler.schedule.renderings.text import render_forecast

    return render_forecast(told, base=base)
