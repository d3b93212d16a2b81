"""`reconciler pause`: nothing starts a job until it is resumed."""

from collections.abc import Sequence

import click

from reconciler.cli.completing import complete_job
from reconciler.cli.options import state_option, verb
from reconciler.cli.output import tell
from reconciler.cli.requesting import find_job
from reconciler.cli.session import Session, open_session
from reconciler.cli.simulate import read_time
from reconciler.model.errors import UsageError
from reconciler.model.inventory import Applied, Hold
from reconciler.targets.registry import holding_targets


@verb(
    "pause",
    examples="""
    reconciler pause backup-db --reason "disk is being replaced"
    reconciler pause backup-db --until 2026-03-01T08:00:00Z --reason "INC-1234"
    """,
)
@click.argument("job", shell_complete=complete_job)
@click.option("--until", metavar="T", help="Resume by itself at this instant.")
@click.option("--reason", required=True, metavar="TEXT", help="Why; shown wherever the pause shows.")
@state_option
def command(*, directory: str | None, job: str, until: str | None, reason: str, state: str | None) -> int:
    """Let nothing start a job: its instants are recorded as skipped (held), its one-offs wait.

    A run under way goes on.  The pause is kept beside Git; no reconcile undoes it.
    """
    with open_session(directory=directory, state=state) as session:
        found = find_job(session, job, None)
        applied = found[0]
        now = session.clock()
        until_at = read_time(until, "--until") if until else None
        if until_at is not None and until_at <= now:
            raise UsageError(f"--until {until} is in the past", hint="Leave it out to pause until `reconciler resume`.")
        hold = Hold(
            root_id=applied.root_id, job_id=applied.id, at=now, until=until_at, reason=reason, held_by=session.requester
        )
        session.store.set_hold(hold)
        elsewhere = held_elsewhere(session, found)
    end = f"until {until_at:%Y-%m-%d %H:%M} UTC" if until_at else f"until: reconciler resume {job}"
    tell(f"{job} is paused {end}.")
    if elsewhere:
        tell(f"{elsewhere} starts it by itself: there it is disabled by the next apply.\n  Next: reconciler apply")
    return 0


def held_elsewhere(session: Session, found: Sequence[Applied]) -> str:
    """Return the targets of a job that start it by themselves, with commas between."""
    holding = holding_targets(session.applied_targets().values())
    return ", ".join(item.target for item in found if item.target in holding)
