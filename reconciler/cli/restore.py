"""`reconciler restore`: put a backup in the place of the state."""

from contextlib import nullcontext
from pathlib import Path

import click

from reconciler.cli.options import state_option, verb
from reconciler.cli.output import tell
from reconciler.cli.session import open_session


@verb(
    "restore",
    examples="""
    reconciler restore /srv/backups/state.db
    reconciler restore --yes /srv/backups/state.db  # without asking
    """,
)
@click.argument("backup")
@click.option("-y", "--yes", is_flag=True, help="Do not ask; needed where there is no terminal.")
@state_option
def command(*, directory: str | None, backup: str, yes: bool, state: str | None) -> int:
    """Put a backup in the place of the state; the one that was there is kept beside it.

    What was done since the backup is taken from the reports and from the present state, as far as it can be read.
    Nothing that may have been started is started again: instants of the time between are skipped.
    """
    from reconciler.cli.replacing import close_gap_in, confirm, find_damage, nobody_else, tell_gap
    from reconciler.store.backups import carry_over, prepared_backup, put_in_place

    with open_session(directory=directory, state=state) as session:
        path = session.state_path
        with prepared_backup(Path(backup), path) as new:
            confirm(f"{backup} takes the place of {path}", yes=yes, command=f"reconciler restore --yes {backup}")
            is_sound = path.exists() and find_damage(session) is None
            with nobody_else(session) if is_sound else nullcontext():
                is_known = carry_over(path, new)
                gap = close_gap_in(session, new, since_last_run=True, doubts_one_offs=not is_known)
            aside = put_in_place(new, path, stamp=f"{session.clock():%Y%m%dT%H%M%SZ}")
    tell(f"Restored {path} from {backup}.")
    tell_gap(gap, doubts_one_offs=not is_known)
    if aside is not None:
        tell(f"The state that was there is kept: {aside}")
    tell("Next: reconciler plan, then: reconciler reconcile")
    return 0
