"""`reconciler reconcile`: one pass, from a commit to reports."""

from datetime import timedelta
from functools import partial
from typing import Any

import click

from reconciler.cli.apply import (
    allow_deletes_option,
    failure_document,
    refuse_worktree,
    take_over_option,
    tell_failures,
    worktree_option,
)
from reconciler.cli.exits import ExitCode, code_of_status, first_of
from reconciler.cli.options import color_option, format_option, ref_option, secrets_option, state_option, verb
from reconciler.cli.output import echo_json, instant_text, wants_color, warn
from reconciler.cli.plan import tell_differing_files, tell_unavailable
from reconciler.cli.problems import tell_problems
from reconciler.cli.reviewing import Review
from reconciler.cli.run_table import echo_runs
from reconciler.cli.session import Session, open_session
from reconciler.cli.status import echo_upcoming
from reconciler.loop.mending import go_on
from reconciler.loop.reconcile import PassResult, reconcile
from reconciler.model.settings import Settings
from reconciler.runs.document import run_document
from reconciler.store.records import RunFilter

LAST_RUNS = 5


@verb(
    "reconcile",
    examples="""
    reconciler reconcile                     # HEAD: apply, run what is due, wait, report
    reconciler reconcile --wait-seconds 0    # start what is due, and leave
    reconciler reconcile --fail-on-runs      # exits with 6 when a run failed, 7 when one timed out
    """,
)
@ref_option
@click.option("--once", is_flag=True, help="One pass, as always: `serve` loops.")
@click.option(
    "--wait-seconds",
    type=click.IntRange(min=0),
    metavar="N",
    help="Wait this long for runs.  [default: until they end]",
)
@click.option("--fail-on-runs", is_flag=True, help="Let the exit code tell how the runs went.")
@allow_deletes_option
@take_over_option
@worktree_option
@format_option("text", "json")
@color_option
@state_option
@secrets_option
def command(
    *,
    directory: str | None,
    ref: str,
    once: bool,  # noqa: ARG001 - said for clarity; a pass is all there is
    wait_seconds: int | None,
    fail_on_runs: bool,
    allow_deletes: str | None,
    take_over: bool,
    worktree: bool,
    format_: str,
    color: str,
    state: str | None,
    secrets: str | None,
) -> int:
    """Make one pass: apply a commit, start what is due since the last pass, wait for the runs, publish their reports.

    A second pass right after it changes nothing, and starts no one-off again.
    """
    refuse_worktree(worktree)
    wait = timedelta(seconds=wait_seconds) if wait_seconds is not None else None
    with open_session(directory=directory, state=state, secrets=secrets) as session:
        source = session.read_commit_to_apply(ref)
        tell_differing_files(session, source)
        world = session.world(source)
        review = Review(world, color=wants_color(color))

        def make_pass() -> PassResult:
            return reconcile(
                world, source, allowed_deletes=allow_deletes, wait=wait, confirm=review, take_over=take_over
            )

        going_on = partial(go_on, session.store, host=session.host, clock=session.clock, tell=warn)
        result = going_on(make_pass)
        tell_problems(result.planned.problems)
        if format_ == "json":
            echo_json(going_on(lambda: _document(session, result, review)))
        else:
            click.echo(review.text(), nl=False)
            going_on(lambda: _echo_pass(session, result, source.settings))
    tell_failures(result.failures)
    tell_unavailable(result.planned)
    if result.published.problem:
        warn(f"reports: {result.published.problem}")
    if result.status_problem:
        warn(f"statuses: {result.status_problem}")
    return _exit_code(result, fail_on_runs=fail_on_runs)


def _echo_pass(session: Session, result: PassResult, settings: Settings) -> None:
    if result.runs:
        click.echo("\nRuns of this pass:")
        echo_runs(session.store, result.runs)
    else:
        click.echo("\nNothing due.")
        if last := session.store.runs(RunFilter(), limit=LAST_RUNS):
            click.echo("\nLast runs:")
            echo_runs(session.store, last)
    for item in result.waiting:
        click.echo(f"Waits: {item.change.id}: {item.reason}.")
    if result.unfinished:
        click.echo(f"{len(result.unfinished)} not ended yet; the next pass or `reconciler runs list` tells.")
    echo_upcoming(session)
    _echo_reports(result, settings)


def _echo_reports(result: PassResult, settings: Settings) -> None:
    if not result.published.commit:
        return
    branch = settings.reports.branch
    click.echo(f"\nReports: {result.published.count} new on branch {branch} ({result.published.commit[:12]})")
    if result.runs:
        click.echo(f"  reconciler report --run {result.runs[0].uid}")
    click.echo(f"  git log --notes=reconciler -1 {result.planned.plan.commit[:12]}")
    click.echo(f"  git ls-tree -r --name-only {branch}")


def _document(session: Session, result: PassResult, review: Review) -> dict[str, Any]:
    return {
        "commit": result.planned.plan.commit,
        "plan": review.document(),
        "failures": [failure_document(failure) for failure in result.failures],
        "runs": [run_document(run, session.store.tasks(run.uid)) for run in result.runs],
        "unfinished": [run.uid for run in result.unfinished],
        "waiting": [{"id": item.change.id, "reason": item.reason} for item in result.waiting],
        "upcoming": [
            {"jobId": item.job_id, "target": item.target, "at": instant_text(item.next_at)}
            for item in session.store.upcoming(LAST_RUNS)
        ],
        "reports": {
            "commit": result.published.commit or None,
            "count": result.published.count,
            "pushed": result.published.pushed,
            "problem": result.published.problem,
        },
        "statuses": {"problem": result.status_problem},
    }


def _exit_code(result: PassResult, *, fail_on_runs: bool) -> ExitCode:
    codes = [ExitCode.INVALID] if result.planned.has_errors else []
    if result.failures or result.planned.unavailable or result.published.problem:
        codes.append(ExitCode.COULD_NOT)
    if fail_on_runs:
        codes += [code_of_status(run.status) for run in result.runs]
    return first_of(codes)
