"""`reconciler report`: the reports of runs."""

import click
import msgspec

from reconciler.cli.exits import ExitCode, code_of_status, first_of
from reconciler.cli.missed import NOT_RUN, echo_occurrences
from reconciler.cli.options import format_option, state_option, verb
from reconciler.cli.output import echo_json, tell
from reconciler.cli.session import Session, open_session
from reconciler.model.errors import UsageError
from reconciler.model.report import Report
from reconciler.model.run import Occurrence, Run, RunStatus
from reconciler.reports.text import render_reports
from reconciler.store.records import RunFilter

LIMIT = 1000


@verb(
    "report",
    examples="""
    reconciler report                      # the runs of the last commit that was applied
    reconciler report --commit 3f9a02c
    reconciler report --run 0198a1c2       # one run, by its uid or the start of it
    """,
)
@click.option("--commit", metavar="SHA", help="The runs of jobs applied from this commit.")
@click.option("--run", "uid", metavar="UID", help="One run.")
@format_option("text", "json")
@state_option
def command(*, directory: str | None, commit: str | None, uid: str | None, format_: str, state: str | None) -> int:
    """Show the reports of runs: what ran, from which commit, how it ended, what it wrote.

    Reads the state of this machine; every report is also on the branch `reconciler-reports`.
    """
    if commit and uid:
        raise UsageError("--commit and --run exclude each other", hint="Give one of them.")
    with open_session(directory=directory, state=state) as session:
        session.collect()
        sha = "" if uid else _commit_of(session, commit)
        runs = [find_run(session, uid)] if uid else session.store.runs(RunFilter(commit=sha), limit=LIMIT)
        reports = [report for run in runs if (report := _report(session, run)) is not None]
        missed = [] if uid else _not_run(session, sha)
    if format_ == "json":
        echo_json(reports[0] if uid and reports else reports)
    elif reports:
        click.echo(render_reports(reports), nl=False)
    else:
        tell("That run has not ended." if uid else "No run of that commit has ended.")
    if missed and format_ == "text":
        click.echo("\nDid not run:")
        echo_occurrences(missed)
    return first_of([code_of_status(RunStatus(report.run.status)) for report in reports]) if uid else ExitCode.DONE


def _not_run(session: Session, sha: str) -> list[Occurrence]:
    """Return what did not run of the jobs of a commit: a report that left it out would tell half of it."""
    latest = session.store.occurrences(dispositions=NOT_RUN, limit=LIMIT)
    return [item for item in latest if item.origin.commit.startswith(sha)]


def find_run(session: Session, uid: str) -> Run:
    """Return the run with this uid, or the only one whose uid starts so. Raises UsageError."""
    run = session.store.run(uid)
    if run is None:
        raise UsageError(f"there is no run {uid} here", hint="See: reconciler runs list")
    return run


def _commit_of(session: Session, commit: str | None) -> str:
    """Return the commit that is meant, or the start of its id: that of the last pass where none is named."""
    if commit is None:
        last = session.store.passes(1)
        if not last:
            raise UsageError("nothing has been applied here yet", hint="Next: reconciler reconcile")
        return last[0].commit
    if session.store.runs(RunFilter(commit=commit), limit=1):
        return commit
    return session.repository.resolve(commit).sha


def _report(session: Session, run: Run) -> Report | None:
    data = session.store.report(run.uid)
    return msgspec.json.decode(data, type=Report) if data is not None else None
