"""Bring a database to the tables of this program: make them, migrate them, or refuse."""

from pathlib import Path
from typing import Any

import sqlalchemy
from sqlalchemy import Column, Connection, MetaData, PrimaryKeyConstraint, String, Table, select
from sqlalchemy.exc import DBAPIError, NoResultFound

from reconciler import __version__
from reconciler.model.errors import CouldNot
from reconciler.store.database import Database
from reconciler.store.schema import REVISION, meta, metadata

SCRIPTS = Path(__file__).parent / "migrations"

_version = Table(
    "alembic_version",  # as Alembic makes it
    MetaData(),
    Column("version_num", String(32), nullable=False),
    PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
)
_VERSION = select(_version.c.version_num)
_PROGRAM = select(meta.c.value).where(meta.c.key == "program")
_SET_PROGRAM = sqlalchemy.update(meta).where(meta.c.key == "program").values(value=__version__)


def create_tables(connection: Connection, *, state_id: str, created_at: str, fingerprint_key: str) -> None:
    """Make the tables in an empty database, as they are after all migrations, and give the state its id and its key."""
    metadata.create_all(connection, checkfirst=False)
    _version.create(connection)
    connection.execute(_version.insert(), {"version_num": REVISION})
    values = {
        "state_id": state_id,
        "created_at": created_at,
        "fingerprint_key": fingerprint_key,
        "program": __version__,
    }
    connection.execute(meta.insert(), [{"key": key, "value": value} for key, value in values.items()])


def bring_to_head(database: Database, path: Path, *, head: str = REVISION, scripts: Path = SCRIPTS) -> None:
    """Give an older database the migrations up to ``head``, after a backup; refuse a newer one.

    Revisions are numbers with leading zeros: a later one sorts after an earlier one.
    """
    with database.read() as tx:
        revision = _revision(tx.connection, path)
        if revision > head:
            raise _newer(tx.connection, path, revision, head)
    if revision < head:
        _migrate(database, path, head, scripts)


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


def _revision(connection: Connection, path: Path) -> str:
    try:
        return str(connection.execute(_VERSION).scalar_one())
    except (DBAPIError, NoResultFound):
        tables = sqlalchemy.inspect(connection).get_table_names()  # raises in its turn where the file is damaged
        raise CouldNot(
            f"{path}: this is not a state of reconciler; its tables: {', '.join(tables[:5]) or 'none'}",
            hint="Choose another place for the state.",
        ) from None


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
