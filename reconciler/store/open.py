"""Open the store at a path."""

from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection, select

from reconciler.model.instant import NewUid, format_instant
from reconciler.model.secret import Secret
from reconciler.model.uids import new_key
from reconciler.store.database import Database
from reconciler.store.migrate import bring_to_head, create_tables
from reconciler.store.schema import meta
from reconciler.store.sqlite import open_engine
from reconciler.store.store import Store

BUSY_SECONDS = 10.0

_META = select(meta.c.key, meta.c.value)


def open_store(path: Path, *, new_uid: NewUid, now: datetime, busy_seconds: float = BUSY_SECONDS) -> Store:
    """Open the database at ``path``; create it with its folder, or migrate it after a backup, where that is needed.

    ``busy_seconds`` bounds the wait for another process that writes.  Raises CouldNot where the database is newer than
    this program, damaged, older than what was acknowledged, or in use for longer, and where file or folder cannot be
    written.
    """
    path = path.resolve()  # SQLite too puts its log beside the file itself, not beside a link to it

    def create(connection: Connection) -> None:
        create_tables(connection, state_id=new_uid(), created_at=format_instant(now), fingerprint_key=new_key())

    engine, file = open_engine(path, busy_seconds=busy_seconds, create=create)
    database = Database(engine, file)
    try:
        seen = file.witness.read()  # before the database: another process may commit in between
        bring_to_head(database, path)
        with database.read() as tx:
            known = {row.key: row.value for row in tx.rows(_META)}
        file.begin(seen, state_id=known["state_id"], commits=int(known.get("commits", 0)))
    except BaseException:
        database.close()
        raise
    return Store(database, path=path, state_id=known["state_id"], fingerprint_key=Secret(known["fingerprint_key"]))
