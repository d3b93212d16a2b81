"""All that is SQLite's own: how the file is opened, what keeps it durable, and what its errors mean."""

import os
import sqlite3
from pathlib import Path
from urllib.parse import quote

from sqlalchemy import Connection, Engine, QueuePool, create_engine
from sqlalchemy.exc import DBAPIError

from reconciler.model.errors import CouldNot, InternalError, ReconcilerError

_PRAGMAS = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",  # NORMAL may roll back an acknowledged commit when the power fails (RELIABILITY G5)
    "PRAGMA foreign_keys=ON",
    "PRAGMA cache_size=-32768",
    "PRAGMA trusted_schema=OFF",
    "PRAGMA cell_size_check=ON",
)

_RESTORE = "Restore a backup, or run `reconciler repair`."


class SqliteFile:
    """The database file at ``path``: one that is gone or replaced while it is open is noticed, not written to."""

    def __init__(self, path: Path, *, busy_seconds: float) -> None:
        self.path = path
        self.busy_seconds = busy_seconds
        self._identity = _identity(path)

    def check(self) -> None:
        if _identity(self.path) != self._identity:
            raise CouldNot(
                f"{self.path}: the database was removed or replaced while it was in use; nothing was done",
                hint="Put the file back (or restore a backup), then start again.",
            )

    def begin_write(self, connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    def explain(self, error: DBAPIError) -> ReconcilerError:
        return explain(error.orig, self.path, busy_seconds=self.busy_seconds)

    def close(self) -> None:
        pass


def open_engine(path: Path, *, busy_seconds: float) -> tuple[Engine, SqliteFile]:
    """Open the database at ``path``, an empty one if there is none. Raises CouldNot with the path and the way out."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not path.exists():
            _connect(path, mode="rwc", busy_seconds=busy_seconds).close()
            path.chmod(0o600)
    except OSError as error:
        raise CouldNot(
            f"{error.filename or path}: cannot create the state: {error.strerror}",
            hint="Make the folder writable for this user, or choose another place for the state.",
        ) from error
    except sqlite3.Error as error:
        raise explain(error, path, busy_seconds=busy_seconds) from error
    file = SqliteFile(path, busy_seconds=busy_seconds)
    engine = create_engine(
        "sqlite+pysqlite://",
        creator=lambda: _connect(path, mode="rw", busy_seconds=busy_seconds),
        poolclass=QueuePool,
        pool_size=4,
        max_overflow=-1,
    )
    return engine, file


def _connect(path: Path, *, mode: str, busy_seconds: float) -> sqlite3.Connection:
    # A file name alone would create an empty database where ours has been deleted; so an URI with a mode.
    connection = sqlite3.connect(
        f"file:{quote(str(path.absolute()))}?mode={mode}",
        uri=True,
        timeout=busy_seconds,
        isolation_level=None,
        check_same_thread=False,
    )
    try:
        for pragma in _PRAGMAS:
            connection.execute(pragma)
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = os.stat(path)  # noqa: PTH116 - on every operation, and three times as fast as Path.stat
    except OSError:
        return None
    return (found.st_dev, found.st_ino)


def explain(error: BaseException | None, path: Path, *, busy_seconds: float) -> ReconcilerError:
    """Return what an error of SQLite means to the user: one line with the path, and the way out."""
    match getattr(error, "sqlite_errorcode", 0) & 0xFF:
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return CouldNot(
                f"{path}: the database is in use by another process (waited {busy_seconds:g} s)",
                hint="Wait until it is done, or stop it, then try again.",
            )
        case sqlite3.SQLITE_FULL:
            return CouldNot(
                f"{path}: the disk is full; nothing was written", hint="Free some space there, then try again."
            )
        case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB:
            return CouldNot(f"{path}: the database is damaged: {error}", hint=_RESTORE)
        case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_PERM | sqlite3.SQLITE_CANTOPEN:
            return CouldNot(
                f"{path}: cannot open or write the database: {error}",
                hint="Make the file and its folder writable for this user, or choose another place for the state.",
            )
        case sqlite3.SQLITE_IOERR:
            return CouldNot(
                f"{path}: the disk failed: {error}; nothing was acknowledged",
                hint="Check the disk and its space, then try again.",
            )
        case _:
            return InternalError(f"{path}: {error}", hint="This is our mistake: please report it.")
