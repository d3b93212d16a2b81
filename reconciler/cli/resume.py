"""`reconciler resume`: end a pause."""

import click

from reconciler.cli.completing import complete_job
from reconciler.cli.options import state_option, verb
from reconciler.cli.output import tell
from reconciler.cli.pause import held_elsewhere
from reconciler.cli.requesting import find_job
from reconciler.cli.session import open_session
from reconciler.model.errors import UsageError


@verb("resume", examples="reconciler resume backup-db")
@click.argument("job", shell_complete=complete_job)
@state_option
def command(*, directory: str | None, job: str, state: str | None) -> int:
    """End the pause of a job. What passed under it stays skipped; its schedule goes on from now."""
    with open_session(directory=directory, state=state) as session:
        found = find_job(session, job, None)
        applied = found[0]
        if not session.store.end_hold(applied.root_id, at=session.clock()):
            raise UsageError(f"{job} is not paused", hint="See: reconciler status")
        elsewhere = held_elsewhere(session, found)
    tell(f"{job} is resumed.")
    if elsewhere:
        tell(f"{elsewhere} starts it by itself: there it is enabled by the next apply.\n  Next: reconciler apply")
    return 0
