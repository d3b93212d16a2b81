"""All that is SQLite's own: how the file is opened, what keeps it durable, and what its errors mean."""

import contextlib
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import quote

from sqlalchemy import Connection, Engine, QueuePool, create_engine
from sqlalchemy.exc import DBAPIError

from reconciler.model.errors import CouldNot, InternalError, ReconcilerError
from reconciler.store.errors import GO_ON, StateDamaged, StateUnavailable
from reconciler.store.holders import name_writer, refuse_network
from reconciler.store.witness import Witness

_PRAGMAS = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",  # NORMAL may roll back an acknowledged commit when the power fails (RELIABILITY G5)
    "PRAGMA foreign_keys=ON",
    "PRAGMA cache_size=-32768",
    "PRAGMA wal_autocheckpoint=4000",  # 16 MB: pages that each run changes go back to the file once for many
    "PRAGMA trusted_schema=OFF",
    "PRAGMA cell_size_check=ON",
)

_COUNT_COMMIT = (
    "INSERT INTO meta (key, value) VALUES ('commits', '1') "
    "ON CONFLICT (key) DO UPDATE SET value = CAST(value AS INTEGER) + 1 RETURNING value"
)

ELSEWHERE = "Make the file and its folder writable for this user, or choose another place for the state."


class SqliteFile:
    """The database file at ``path``: that it is gone or replaced while it is open is noticed before each operation."""

    def __init__(self, path: Path, *, busy_seconds: float) -> None:
        self.path = path
        self.busy_seconds = busy_seconds
        self.witness = Witness(path)
        self._database = os.fspath(path)
        self._log = os.fspath(path) + "-wal"
        self._identity = _identity(self._database)
        self._log_identity: tuple[int, int] | None = None

    def check(self) -> None:
        # A deleted file would still take our writes, and lose them when we close it.
        if _identity(self._database) != self._identity:
            raise _gone(self._database)
        if self._log_identity is not None and _identity(self._log) != self._log_identity:
            raise _gone(self._log)

    def begin(self, seen: tuple[str, int] | None, *, state_id: str, commits: int) -> None:
        """The database is open, and ``commits`` were made to it: from now on, see that its files stay what they are."""
        self._log_identity = _identity(self._log)
        self.witness.begin(seen, state_id=state_id, commits=commits)

    def check_whole(self, connection: Connection) -> None:
        found = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar_one()
        if found != "ok":
            raise _damaged(self.path, str(found).splitlines()[-1])

    def begin_write(self, connection: Connection, *, is_durable: bool = True) -> None:
        if connection.info.get("is_durable", True) is not is_durable:
            connection.exec_driver_sql(f"PRAGMA synchronous={'FULL' if is_durable else 'NORMAL'}")
            connection.info["is_durable"] = is_durable
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        connection.info["changes"] = _total_changes(connection)

    def before_commit(self, connection: Connection) -> None:
        if _total_changes(connection) == connection.info["changes"]:
            connection.info["commit"] = None
        else:
            number = int(connection.exec_driver_sql(_COUNT_COMMIT).scalar_one())
            # The witness must never be ahead of the disk.
            connection.info["commit"] = number if connection.info.get("is_durable", True) else None

    def after_commit(self, connection: Connection) -> None:
        number = connection.info.pop("commit", None)
        if number is not None:
            self.witness.note(number)

    def begin_migration(self, connection: Connection, *, backup: str) -> None:
        # Rebuilding a table drops the old one, which with foreign keys on would delete what refers to it.
        connection.exec_driver_sql("PRAGMA foreign_keys=OFF")
        self.begin_write(connection)
        copy_database(self.path, self.path.with_name(backup), busy_seconds=self.busy_seconds)

    def before_migrated(self, connection: Connection) -> None:
        broken = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
        if broken:
            raise InternalError(f"{self.path}: the migration left {len(broken)} rows that refer to nothing")

    def explain(self, error: DBAPIError) -> ReconcilerError:
        return explain(error.orig, self.path, busy_seconds=self.busy_seconds)

    def close(self) -> None:
        self.witness.close()


def open_engine(path: Path, *, busy_seconds: float, create: Callable[[Connection], None]) -> tuple[Engine, SqliteFile]:
    """Open the database at ``path``; where there is none, one that ``create`` fills.

    Raises CouldNot with the path and the way out.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        refuse_network(path.parent)
        if not path.exists():
            Witness(path).refuse_empty()
            _create(path, create, busy_seconds=busy_seconds)
        elif path.stat().st_size == 0:
            raise _damaged(path, "the file is empty")
    except OSError as error:
        where = error.filename or path
        raise CouldNot(f"{where}: cannot create the state: {error.strerror}", hint=ELSEWHERE) from error
    except DBAPIError as error:
        raise explain(error.orig, path, busy_seconds=busy_seconds) from error
    return _engine(path, busy_seconds=busy_seconds), SqliteFile(path, busy_seconds=busy_seconds)


def copy_database(path: Path, to: Path, *, busy_seconds: float) -> None:
    """Copy the database at ``path``, which may be in use, to ``to``: whole, or not at all. Raises CouldNot."""
    half = to.with_name(to.name + ".part")
    try:
        half.unlink(missing_ok=True)
        half.touch(mode=0o600)
        source = _connect(path, busy_seconds=busy_seconds)
        with contextlib.closing(source), contextlib.closing(sqlite3.connect(half)) as copy:
            source.backup(copy)
            copy.execute("PRAGMA journal_mode=DELETE")
        half.replace(to)
    except sqlite3.Error as error:
        raise explain(error, half, busy_seconds=busy_seconds) from error
    except OSError as error:
        raise CouldNot(f"{half}: cannot write the backup: {error.strerror}", hint=ELSEWHERE) from error


def _create(path: Path, create: Callable[[Connection], None], *, busy_seconds: float) -> None:
    """Make the database under another name and give it its own when it is complete: others see all of it or nothing."""
    with TemporaryDirectory(prefix=f".{path.name}-", dir=path.parent) as folder:
        new = Path(folder, path.name)
        new.touch(mode=0o600)
        engine = _engine(new, busy_seconds=busy_seconds)
        try:
            with engine.begin() as connection:
                connection.exec_driver_sql("BEGIN")
                create(connection)
        finally:
            engine.dispose()
        try:
            os.link(new, path)  # unlike a rename, never in the place of one that another process made meanwhile
        except FileExistsError:
            return
        except OSError:  # a file system without links
            new.rename(path)


def _engine(path: Path, *, busy_seconds: float) -> Engine:
    return create_engine(
        "sqlite+pysqlite://",
        creator=lambda: _connect(path, busy_seconds=busy_seconds),
        poolclass=QueuePool,
        pool_size=4,
        max_overflow=-1,
    )


def _connect(path: Path, *, busy_seconds: float) -> sqlite3.Connection:
    # A file name alone would create an empty database where ours has been deleted; so an URI that says rw.
    connection = sqlite3.connect(
        f"file:{quote(str(path.absolute()))}?mode=rw",
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


def _total_changes(connection: Connection) -> int:
    driver = connection.connection.driver_connection
    assert isinstance(driver, sqlite3.Connection)
    return driver.total_changes


def _identity(path: str) -> tuple[int, int] | None:
    try:
        found = os.stat(path)  # noqa: PTH116 - on every operation, and three times as fast as Path.stat
    except OSError:
        return None
    return (found.st_dev, found.st_ino)


def _gone(path: str) -> CouldNot:
    return StateUnavailable(
        f"{path}: the file was removed or replaced while it was in use; nothing was done",
        hint=f"Put the file back, then start again.\n{GO_ON}",
    )


def _damaged(path: Path, what: object) -> StateDamaged:
    return StateDamaged(f"{path}: the database is damaged: {what}", hint=GO_ON)


def explain(error: BaseException | None, path: Path, *, busy_seconds: float) -> ReconcilerError:
    """Return what an error of SQLite means to the user: one line with the path, and the way out."""
    match getattr(error, "sqlite_errorcode", 0) & 0xFF:
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return StateUnavailable(
                f"{path}: the database is in use by {name_writer(path)} (waited {busy_seconds:g} s)",
                hint="Wait until it is done, or stop it, then try again.",
            )
        case sqlite3.SQLITE_FULL:
            return StateUnavailable(
                f"{path}: the disk is full; nothing was written", hint="Free some space there, then try again."
            )
        case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB:
            return _damaged(path, error)
        case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_PERM | sqlite3.SQLITE_CANTOPEN:
            return StateUnavailable(f"{path}: cannot open or write the database: {error}", hint=ELSEWHERE)
        case sqlite3.SQLITE_IOERR:
            return StateUnavailable(
                f"{path}: the disk failed: {error}; nothing was acknowledged",
                hint="Check the disk and its space, then try again.",
            )
        case _:
            return InternalError(f"{path}: {error}", hint="This is our mistake: please report it.")
