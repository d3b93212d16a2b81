"""`reconciler backup`: a copy of the state, made while it is in use."""

from pathlib import Path

import click

from reconciler.cli.options import format_option, state_option, verb
from reconciler.cli.output import echo_json, tell
from reconciler.cli.session import Session, open_session
from reconciler.model.errors import CouldNot, UsageError

FOLDER = "backups"


@verb(
    "backup",
    examples="""
    reconciler backup                               # into backups/ beside the state
    reconciler backup /srv/backups/state.db         # a file that is not there yet
    reconciler backup --keep 7                      # and of those beside the state keep the last seven
    """,
)
@click.argument("file", required=False)
@click.option(
    "--keep", type=click.IntRange(min=1), metavar="N", help="Keep only the last N backups in backups/ beside the state."
)
@format_option("text", "json")
@state_option
def command(*, directory: str | None, file: str | None, keep: int | None, format_: str, state: str | None) -> int:
    """Copy the state to a file, whole or not at all, while it is in use.

    It holds what is applied, runs, their output and reports, receipts and pauses; no secrets.  `reconciler restore`
    puts it back.
    """
    if file is not None and keep is not None:
        raise UsageError("--keep is for backups beside the state", hint="Leave out FILE, or --keep.")
    with open_session(directory=directory, state=state) as session:
        from reconciler.store.backups import back_up

        path = session.state_path
        if not path.exists():
            raise CouldNot(f"{path}: there is no state yet", hint="It is made by the first: reconciler reconcile")
        folder = path.parent / FOLDER
        to = Path(file) if file is not None else folder / f"state-{_stamp(session)}.db"
        made = back_up(path, to)
        dropped = _drop_older(folder, keep) if keep is not None else []
    if format_ == "json":
        echo_json({"file": str(to), "bytes": to.stat().st_size, "stateId": made.state_id, "dropped": dropped})
        return 0
    click.echo(str(to))
    if dropped:
        tell(f"Removed {len(dropped)} older.")
    tell(f"Put it back with: reconciler restore {to}")
    return 0


def _stamp(session: Session) -> str:
    return f"{session.clock():%Y%m%dT%H%M%S%f}"[:-3] + "Z"


def _drop_older(folder: Path, keep: int) -> list[str]:
    """Remove all but the ``keep`` latest backups; their names sort by time."""
    older = sorted(folder.glob("state-*.db"))[:-keep]
    for path in older:
        path.unlink(missing_ok=True)
    return [str(path) for path in older]
