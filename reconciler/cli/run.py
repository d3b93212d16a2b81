"""`reconciler run`: start an applied job now."""

from datetime import timedelta
from difflib import get_close_matches

import click

from reconciler.cli.exits import ExitCode, code_of_status, first_of
from reconciler.cli.options import format_option, secrets_option, state_option, verb
from reconciler.cli.output import echo_json, tell
from reconciler.cli.run_table import run_document
from reconciler.cli.run_words import echo_run
from reconciler.cli.session import Session, open_session
from reconciler.loop.desired import read_settings_at
from reconciler.loop.manual import request_manual_run
from reconciler.loop.world import World
from reconciler.model.errors import UsageError
from reconciler.model.forms import Kind
from reconciler.model.inventory import Applied
from reconciler.model.run import Run
from reconciler.reports.publish import publish_reports
from reconciler.runs.drive import drive_once, drive_until_ended
from reconciler.runs.parameters import parse_assignment, parse_assignments


@verb(
    "run",
    examples="""
    reconciler run disk-space
    reconciler run clear-temp-files --var days=30 --wait
    reconciler run clear-temp-files --variables "days=30,dryRun=false" --wait
    """,
)
@click.argument("job")
@click.option("--var", "assignments", multiple=True, metavar="NAME=VALUE", help="A parameter; may be repeated.")
@click.option("--variables", metavar="K=V,K2=V2", help=r"Parameters in one text; \, is a comma.")
@click.option("--target", metavar="NAME", help="On this target.  [default: all that the job names]")
@click.option("--wait", is_flag=True, help="Wait for the end; the exit code tells how it went.")
@click.option("--wait-seconds", type=click.IntRange(min=1), metavar="N", help="Wait at most so long; implies --wait.")
@click.option("--force", is_flag=True, help="Run a job that is disabled.")
@format_option("text", "json")
@state_option
@secrets_option
def command(
    *,
    directory: str | None,
    job: str,
    assignments: tuple[str, ...],
    variables: str | None,
    target: str | None,
    wait: bool,
    wait_seconds: int | None,
    force: bool,
    format_: str,
    state: str | None,
    secrets: str | None,
) -> int:
    """Run an applied job now, in the form that was last applied.

    With --wait the exit code is 0 when it completed, 6 when it failed, 7 when it timed out.
    """
    given = parse_assignments(variables) if variables else {}
    given |= dict(parse_assignment(text) for text in assignments)
    with open_session(directory=directory, state=state, secrets=secrets) as session:
        applied = find_job(session, job, target)
        world = session.world_of_applied(read_settings_at(session.repository, applied[0].origin.commit))
        runs = [
            run
            for item in applied
            for run in request_manual_run(world, item, given, requested_by=session.requester, is_forced=force)
        ]
        ended = _drive(world, runs, wait=wait or wait_seconds is not None, wait_seconds=wait_seconds)
        settled = [session.store.run(run.uid) or run for run in runs]
        if format_ == "json":
            echo_json([run_document(run, session.store.tasks(run.uid)) for run in settled])
        else:
            for run in settled:
                echo_run(session.store, run)
        if any(run.status.is_ended for run in settled):
            published = publish_reports(
                world.store, world.repository, settings=world.settings.reports, now=world.clock()
            )
            if published.problem:
                tell(f"reports: {published.problem}")
    if not ended and not (wait or wait_seconds):
        return ExitCode.DONE
    return first_of([code_of_status(run.status) for run in settled])


def _drive(world: World, runs: list[Run], *, wait: bool, wait_seconds: int | None) -> bool:
    """Start the runs; with ``wait`` see them through. True when they have ended."""
    uids = frozenset(run.uid for run in runs)
    if not wait:
        drive_once(world.driver)
        return False
    deadline = world.clock() + timedelta(seconds=wait_seconds) if wait_seconds else None
    return drive_until_ended(world.driver, uids=uids, deadline=deadline)


def find_job(session: Session, job_id: str, target: str | None) -> list[Applied]:
    """Return the applied job on each target, or on ``target``. Raises UsageError."""
    jobs = [item for item in session.store.inventory(target) if item.kind is Kind.JOB]
    found = [item for item in jobs if item.id == job_id]
    if found:
        return found
    if not jobs:
        where = f" on {target}" if target else ""
        raise UsageError(f"no job is applied{where} yet", hint="Next: reconciler reconcile")
    close = get_close_matches(job_id, [item.id for item in jobs], n=3)
    known = (
        f"Did you mean {' or '.join(close)}?" if close else f"Applied are: {', '.join(sorted({j.id for j in jobs}))}"
    )
    raise UsageError(f"unknown job `{job_id}`", hint=known)
