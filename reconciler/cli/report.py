"""`reconciler report`: the reports of runs."""

from collections.abc import Sequence

import click
import msgspec

from reconciler.cli.exits import ExitCode, code_of_status, first_of
from reconciler.cli.missed import NOT_RUN, occurrences_text
from reconciler.cli.options import format_option, out_option, state_option, verb
from reconciler.cli.output import json_text, tell, write_result
from reconciler.cli.session import Session, open_session
from reconciler.model.errors import UsageError
from reconciler.model.report import Report
from reconciler.model.run import Occurrence, Run, RunStatus
from reconciler.reports.html import render_html
from reconciler.reports.junit import render_junit
from reconciler.reports.markdown import render_markdown
from reconciler.reports.text import render_reports
from reconciler.store.records import RunFilter

LIMIT = 1000


@verb(
    "report",
    examples="""
    reconciler report                      # the runs of the last commit that was applied
    reconciler report --commit 3f9a02c --format markdown
    reconciler report --format junit --out runs.xml
    reconciler report --run 0198a1c2       # one run, by its uid or the start of it
    """,
)
@click.option("--commit", metavar="SHA", help="The runs of jobs applied from this commit.")
@click.option("--run", "uid", metavar="UID", help="One run.")
@format_option("text", "json", "markdown", "junit", "html")
@out_option
@state_option
def command(
    *, directory: str | None, commit: str | None, uid: str | None, format_: str, out: str | None, state: str | None
) -> int:
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
    if not reports:
        tell("That run has not ended." if uid else "No run of that commit has ended.")
    write_result(_render(reports, missed, format_=format_, uid=uid, sha=sha), out)
    return first_of([code_of_status(RunStatus(report.run.status)) for report in reports]) if uid else ExitCode.DONE


def _render(reports: Sequence[Report], missed: Sequence[Occurrence], *, format_: str, uid: str | None, sha: str) -> str:
    """Return the reports in the format asked for; ``missed`` is what did not run, by commit only."""
    match format_:
        case "json":
            return json_text(reports[0] if uid and reports else reports)
        case "markdown":
            return render_markdown(reports, not_run=missed)
        case "junit":
            return render_junit(reports, not_run=missed)
        case "html":
            title = f"Run {uid}" if uid else f"Runs of commit {sha[:12]}"
            return render_html(reports, title=title, not_run=missed)
        case _:
            text = render_reports(reports)
            return f"{text}\nDid not run:\n{occurrences_text(missed)}" if missed else text


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
