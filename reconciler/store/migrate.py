"""Bring a database to the tables of this program: make them, migrate them, or refuse."""

import sqlalchemy
from sqlalchemy import Column, Connection, MetaData, String, Table, select

from reconciler import __version__
from reconciler.model.errors import CouldNot
from reconciler.store.database import Database
from reconciler.store.schema import REVISION, meta, metadata

_version = Table("alembic_version", MetaData(), Column("version_num", String(32), primary_key=True))
_VERSION = select(_version.c.version_num)


def bring_to_head(database: Database, *, state_id: str, created_at: str) -> None:
    """Give an empty database its tables, an older one its migrations; refuse a newer one."""
    with database.read() as tx:
        revision = _revision(tx.connection)
    if revision == REVISION:
        return
    if revision is None:
        _create(database, state_id=state_id, created_at=created_at)
        return
    raise CouldNot(f"the database is at revision {revision}, reconciler {__version__} knows {REVISION}")


def _create(database: Database, *, state_id: str, created_at: str) -> None:
    with database.write() as tx:
        connection = tx.connection
        if _revision(connection) is not None:
            return
        metadata.create_all(connection, checkfirst=False)
        _version.create(connection)
        connection.execute(_version.insert(), {"version_num": REVISION})
        connection.execute(
            meta.insert(),
            [
                {"key": "state_id", "value": state_id},
                {"key": "created_at", "value": created_at},
                {"key": "program", "value": __version__},
            ],
        )


def _revision(connection: Connection) -> str | None:
    """Return the revision that the database says it has, None for an empty one."""
    if not sqlalchemy.inspect(connection).has_table(_version.name):
        return None
    return connection.execute(_VERSION).scalar_one_or_none()
