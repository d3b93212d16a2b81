"""`reconciler repair`: go on from a state that is damaged, missing, or older than it was."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from reconciler.cli.options import state_option, verb
from reconciler.cli.output import tell
from reconciler.cli.session import Session, open_session
from reconciler.loop.mending import set_aside
from reconciler.model.uids import new_uid

if TYPE_CHECKING:
    from reconciler.store.salvage import Salvaged


@verb(
    "repair",
    examples="""
    reconciler repair
    reconciler repair --yes   # without asking
    """,
)
@click.option("-y", "--yes", is_flag=True, help="Do not ask; needed where there is no terminal.")
@state_option
def command(*, directory: str | None, yes: bool, state: str | None) -> int:
    """Make a sound state of what can be read of a damaged one and of the reports; the damaged one is kept beside it.

    A backup is better: `reconciler restore`.  Nothing that may have been started is started again.
    """
    from reconciler.cli.replacing import close_gap_in, confirm, find_damage, tell_gap
    from reconciler.store.backups import prepared_repair, put_in_place

    with open_session(directory=directory, state=state) as session:
        path = session.state_path
        damage = find_damage(session)
        if damage is None:
            return _mend_rows(session)
        tell(str(damage))
        session.close_store()
        with prepared_repair(path, new_uid=new_uid, now=session.clock()) as (new, found):
            for line in _lines(found):
                tell(line)
            confirm(f"what could be read takes the place of {path}", yes=yes, command="reconciler repair --yes")
            gap = close_gap_in(session, new, since_last_run=found.is_whole, doubts_one_offs=True)
            aside = put_in_place(new, path, stamp=f"{session.clock():%Y%m%dT%H%M%SZ}")
    tell(f"Repaired {path}.")
    tell_gap(gap, doubts_one_offs=True)
    if aside is not None:
        tell(f"The damaged state is kept: {aside}")
    tell("Next: reconciler plan, then: reconciler reconcile")
    return 0


def _mend_rows(session: Session) -> int:
    """Set rows aside that cannot be read, in a database that is sound."""
    lines = set_aside(session.store, host=session.host, now=session.clock())
    for line in lines:
        tell(f"Set aside: {line}")
    kept = f"kept in {session.state_path}-unreadable.jsonl" if lines else "nothing was changed"
    tell(f"{session.state_path} is sound; {kept}.")
    return 0


def _lines(found: "Salvaged") -> Iterator[str]:
    if not found.is_readable:
        yield "Nothing of it can be read."
        return
    yield f"Read: {', '.join(f'{number} {table}' for table, number in found.kept.items() if number) or 'nothing'}."
    for table, what in found.lost.items():
        yield f"Lost of {table}: {what}."
