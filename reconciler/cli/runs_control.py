"""`reconciler runs cancel` and `runs retry`."""

from datetime import timedelta

import click

from reconciler.cli.completing import complete_run
from reconciler.cli.driving import publish, see_through
from reconciler.cli.options import format_option, secrets_option, state_option, verb, wait_option
from reconciler.cli.output import echo_json, tell
from reconciler.cli.report import find_run
from reconciler.cli.session import open_session
from reconciler.loop.ownership import refuse_if_displaced
from reconciler.model.run import Run
from reconciler.runs.cancel import cancel_run
from reconciler.runs.document import run_document
from reconciler.runs.drive import drive_until_ended
from reconciler.runs.manual import request_retry

_PATIENCE = timedelta(seconds=5)


@verb("cancel", examples="reconciler runs cancel 0198a1c2")
@click.argument("uid", shell_complete=complete_run)
@format_option("text", "json")
@state_option
def cancel_command(*, directory: str | None, uid: str, format_: str, state: str | None) -> int:
    """End a run: one that has not begun at once, one under way with all its processes, by its target.

    Cancelling twice is the same as once; a run that has ended stays as it ended, and that is said.
    """
    with open_session(directory=directory, state=state) as session:
        world = session.world_of_applied(session.applied_settings())
        run = find_run(session, uid)
        was_active = cancel_run(world.driver, run)
        grace = timedelta(seconds=world.settings.engine.grace_seconds)
        if was_active:
            drive_until_ended(
                world.driver, uids=frozenset([run.uid]), deadline=world.clock() + grace + _PATIENCE, starts=False
            )
        run = find_run(session, run.uid)
        if format_ == "json":
            echo_json(run_document(run, session.store.tasks(run.uid)))
        else:
            tell(_words(run, was_active=was_active))
        if was_active and run.status.is_ended:
            publish(world)
    return 0


def _words(run: Run, *, was_active: bool) -> str:
    if not was_active:
        return f"Run {run.uid} of {run.job_id} had ended already: {run.status.value}."
    if run.status.is_ended:
        return f"Run {run.uid} of {run.job_id} has ended: {run.status.value}."
    return (
        f"Run {run.uid} of {run.job_id} is to be cancelled, and has not ended yet.\n"
        f"  To check: reconciler runs show {run.uid}"
    )


@verb(
    "retry",
    examples="""
    reconciler runs retry 0198a1c2
    reconciler runs retry 0198a1c2 --wait
    """,
)
@click.argument("uid", shell_complete=complete_run)
@wait_option
@click.option("--force", is_flag=True, help="Although the job is paused.")
@format_option("text", "json")
@state_option
@secrets_option
def retry_command(
    *,
    directory: str | None,
    uid: str,
    wait: float | None,
    force: bool,
    format_: str,
    state: str | None,
    secrets: str | None,
) -> int:
    """Run again what has ended: the same commit, form, device and values, as a new run that is linked to the first."""
    with open_session(directory=directory, state=state, secrets=secrets) as session:
        session.collect()
        world = session.world_of_applied(session.applied_settings())
        run = find_run(session, uid)
        refuse_if_displaced(world, run.target)
        again = request_retry(world.driver, run, requested_by=session.requester, is_forced=force)
        return see_through(session, world, [again], wait=wait, format_=format_)
