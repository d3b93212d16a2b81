"""Bring a database to the tables of this program: make them, migrate them, or refuse."""

from pathlib import Path
from typing import Any

import sqlalchemy
from sqlalchemy import Column, Connection, MetaData, String, Table, select
from sqlalchemy.exc import DBAPIError

from reconciler import __version__
from reconciler.model.errors import CouldNot
from reconciler.store.database import Database
from reconciler.store.schema import REVISION, meta, metadata

SCRIPTS = Path(__file__).parent / "migrations"

_version = Table("alembic_version", MetaData(), Column("version_num", String(32), primary_key=True))
_VERSION = select(_version.c.version_num)
_PROGRAM = select(meta.c.value).where(meta.c.key == "program")
_SET_PROGRAM = sqlalchemy.update(meta).where(meta.c.key == "program").values(value=__version__)


def bring_to_head(
    database: Database, path: Path, *, state_id: str, created_at: str, head: str = REVISION, scripts: Path = SCRIPTS
) -> None:
    """Give an empty database its tables and the id ``state_id``, an older one its migrations; refuse a newer one.

    Revisions are numbers with leading zeros: a later one sorts after an earlier one.
    """
    with database.read() as tx:
        revision = _revision(tx.connection, path)
        if revision is not None and revision > head:
            raise _newer(tx.connection, path, revision, head)
    if revision is None:
        _create(database, path, state_id=state_id, created_at=created_at)
    elif revision < head:
        _migrate(database, path, head, scripts)


def _create(database: Database, path: Path, *, state_id: str, created_at: str) -> None:
    with database.write() as tx:
        if _revision(tx.connection, path) is not None:
            return  # another process was faster
        metadata.create_all(tx.connection, checkfirst=False)
        _version.create(tx.connection)
        tx.connection.execute(_version.insert(), {"version_num": REVISION})
        values = {"state_id": state_id, "created_at": created_at, "program": __version__}
        tx.connection.execute(meta.insert(), [{"key": key, "value": value} for key, value in values.items()])


def _migrate(database: Database, path: Path, head: str, scripts: Path) -> None:
    from alembic import command  # noqa: PLC0415 - 300 ms, and a database at the head never needs it
    from alembic.config import Config  # noqa: PLC0415

    with database.migration(backup=f"{path.name}-before-{head}") as connection:
        revision = _revision(connection, path)
        if revision == head:
            return  # another process was faster
        config = Config()
        config.set_main_option("script_location", str(scripts).replace("%", "%%"))
        config.attributes["connection"] = connection
        command.upgrade(config, head)
        connection.execute(_SET_PROGRAM)


def _revision(connection: Connection, path: Path) -> str | None:
    """Return the revision that the database says it has, None for an empty one."""
    try:
        return connection.execute(_VERSION).scalar_one_or_none()
    except DBAPIError:
        tables = sqlalchemy.inspect(connection).get_table_names()
        if _version.name in tables:
            raise
        if tables:
            raise CouldNot(
                f"{path}: this is not a state of reconciler: it has the tables {', '.join(tables[:3])} ...",
                hint="Choose another place for the state.",
            ) from None
        return None


def _newer(connection: Connection, path: Path, revision: str, head: str) -> CouldNot:
    try:
        program: Any = connection.execute(_PROGRAM).scalar_one_or_none()
    except DBAPIError:
        program = None
    newer = f"reconciler {program}" if program else "a newer reconciler"
    return CouldNot(
        f"{path}: the database is at revision {revision}, written by {newer}; "
        f"this is reconciler {__version__}, which knows revisions up to {head}; nothing was touched",
        hint=f"Use {newer}, or restore the copy made before the migration ({path.name}-before-...).",
    )
