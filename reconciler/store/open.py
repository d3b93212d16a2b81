"""Open the store at a path."""

from datetime import datetime
from pathlib import Path

from sqlalchemy import select

from reconciler.model.instant import NewUid, format_instant
from reconciler.store.database import Database
from reconciler.store.migrate import bring_to_head
from reconciler.store.schema import meta
from reconciler.store.sqlite import open_engine
from reconciler.store.store import Store

BUSY_SECONDS = 10.0


def open_store(path: Path, *, new_uid: NewUid, now: datetime, busy_seconds: float = BUSY_SECONDS) -> Store:
    """Open the database at ``path``; create it with its folder, or migrate it after a backup, where that is needed.

    ``busy_seconds`` bounds the wait for another process that writes.  Raises CouldNot where the database is newer than
    this program, damaged, in use for longer, or where file or folder cannot be written.
    """
    engine, file = open_engine(path, busy_seconds=busy_seconds)
    database = Database(engine, file)
    try:
        bring_to_head(database, state_id=new_uid(), created_at=format_instant(now))
        with database.read() as tx:
            state_id = tx.connection.execute(select(meta.c.value).where(meta.c.key == "state_id")).scalar_one()
    except BaseException:
        database.close()
        raise
    return Store(database, path=path, state_id=state_id)
