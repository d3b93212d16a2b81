"""`reconciler status`: what is applied, what ran, what runs next."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import click

from reconciler.cli.missed import NOT_RUN, echo_occurrences, occurrence_document
from reconciler.cli.options import format_option, secrets_option, state_option, verb
from reconciler.cli.output import echo_json, echo_table, instant_text
from reconciler.cli.run_table import echo_runs
from reconciler.cli.session import Session, open_session
from reconciler.cli.status_targets import TargetStatus, echo_targets, read_targets, target_document, target_metrics
from reconciler.model.instant import ago
from reconciler.model.run import Disposition, Run
from reconciler.model.text import escape_text
from reconciler.runs.document import run_document
from reconciler.store.records import RunFilter

SHOWN = 5
RECENT = timedelta(hours=24)


@verb(
    "status",
    examples="""
    reconciler status
    reconciler status --format json
    reconciler status --format prometheus > /var/lib/node_exporter/reconciler.prom
    """,
)
@click.option("--offline", is_flag=True, help="Ask no target what it holds: nothing is said of drift.")
@format_option("text", "json", "prometheus")
@state_option
@secrets_option
def command(*, directory: str | None, offline: bool, format_: str, state: str | None, secrets: str | None) -> int:
    """Show how each target stands, the last runs, and the next fire times.

    A target is in sync when the commit attempted last is applied there in full, and nobody has changed it since.
    """
    with open_session(directory=directory, state=state, secrets=secrets) as session:
        session.collect()
        targets = read_targets(session, offline=offline)
        if format_ == "json":
            echo_json(_document(session, targets))
        elif format_ == "prometheus":
            click.echo(_metrics(session, targets), nl=False)
        else:
            _echo_status(session, targets)
    return 0


def _echo_status(session: Session, targets: Sequence[TargetStatus]) -> None:
    now = session.clock()
    passes = session.store.passes(1)
    if not passes:
        click.echo("Nothing has been applied here yet.\n  Next: reconciler reconcile")
    else:
        last = passes[0]
        click.echo(f"Last pass: {last.outcome or 'cut off'}, commit {last.commit[:12]}, {ago(last.started_at, now)}")
    echo_targets(targets)
    if not passes:
        return
    _echo_holds(session)
    _echo_not_run(session)
    active = session.store.active_runs()
    if active:
        click.echo("\nUnder way:")
        echo_runs(session.store, active)
        _echo_questions(active)
    runs = session.store.runs(RunFilter(), limit=SHOWN)
    if runs:
        click.echo("\nLast runs:")
        echo_runs(session.store, runs)
    echo_upcoming(session)


def _echo_questions(active: Sequence[Run]) -> None:
    asking = [(run, run.question) for run in active if run.question is not None]
    if asking:
        click.echo("\nWaiting for an answer:")
    for run, question in asking:
        click.echo(f"  {escape_text(run.job_id)} asks: {escape_text(question.text)}")
        click.echo(f"    reconciler runs answer {run.uid}")


def _metrics(session: Session, targets: Sequence[TargetStatus]) -> str:
    """Return the figures in Prometheus' text format: what did not run shows here as surely as what did."""
    counts = session.store.count_instants()
    passes = session.store.passes(1)
    lines = [
        "# HELP reconciler_instants_total Instants, events and requests, by what became of them.",
        "# TYPE reconciler_instants_total counter",
        *(
            f'reconciler_instants_total{{disposition="{disposition.value}"}} {counts.get(disposition, 0)}'
            for disposition in Disposition
        ),
        "# HELP reconciler_runs_active Runs that have not ended.",
        "# TYPE reconciler_runs_active gauge",
        f"reconciler_runs_active {session.store.count_active()}",
    ]
    if passes:
        lines += [
            "# HELP reconciler_last_pass_timestamp_seconds When the last pass began.",
            "# TYPE reconciler_last_pass_timestamp_seconds gauge",
            f"reconciler_last_pass_timestamp_seconds {passes[0].started_at.timestamp():.3f}",
        ]
    return "\n".join([*lines, *target_metrics(targets)]) + "\n"


def _echo_holds(session: Session) -> None:
    now = session.clock()
    holds = [hold for hold in session.store.holds().values() if hold.covers(now)]
    if holds:
        click.echo("\nPaused:")
        ends = [f"until {hold.until:%Y-%m-%d %H:%M}Z" if hold.until else "until resumed" for hold in holds]
        rows = [(hold.job_id, end, hold.held_by, hold.reason) for hold, end in zip(holds, ends, strict=True)]
        echo_table(("JOB", "", "BY", "REASON"), rows)


def _echo_not_run(session: Session) -> None:
    since = session.clock() - RECENT
    missed = session.store.occurrences(dispositions=NOT_RUN, since=since, limit=SHOWN)
    if missed:
        click.echo("\nDid not run in the last 24 hours (all of them: reconciler runs list --missed):")
        echo_occurrences(missed)


def echo_upcoming(session: Session) -> None:
    """Write the next fire times of what is applied."""
    upcoming = [item for item in session.store.upcoming(SHOWN) if item.next_at is not None]
    if not upcoming:
        return
    now, holds = session.clock(), session.store.holds()
    click.echo("\nNext fire times:")
    rows = []
    for item in upcoming:
        if item.next_at is not None:
            hold = holds.get(item.root_id)
            paused = ", paused" if hold is not None and hold.covers(item.next_at) else ""
            when = f"{ago(item.next_at, now)}{paused}"
            rows.append((f"{item.next_at:%Y-%m-%d %H:%M}Z", when, item.job_id, item.target))
    echo_table(("AT", "", "JOB", "TARGET"), rows)


def _document(session: Session, targets: Sequence[TargetStatus]) -> dict[str, Any]:
    passes = session.store.passes(1)
    return {
        "stateId": session.store.state_id,
        "lastPass": {
            "commit": passes[0].commit,
            "outcome": passes[0].outcome,
            "startedAt": instant_text(passes[0].started_at),
            "finishedAt": instant_text(passes[0].finished_at),
            "detail": passes[0].detail,
            "counts": passes[0].counts,
        }
        if passes
        else None,
        "targets": {target.name: target_document(target) for target in targets},
        "paused": [
            {"jobId": hold.job_id, "until": instant_text(hold.until), "by": hold.held_by, "reason": hold.reason}
            for hold in session.store.holds().values()
            if hold.covers(session.clock())
        ],
        "didNotRun": [
            occurrence_document(item)
            for item in session.store.occurrences(dispositions=NOT_RUN, since=session.clock() - RECENT, limit=SHOWN)
        ],
        "underWay": [run_document(run, ()) for run in session.store.active_runs()],
        "lastRuns": [
            run_document(run, session.store.tasks(run.uid)) for run in session.store.runs(RunFilter(), limit=SHOWN)
        ],
        "upcoming": [
            {"jobId": item.job_id, "target": item.target, "at": instant_text(item.next_at)}
            for item in session.store.upcoming(SHOWN)
        ],
    }
