"""Copies of a state: made while it is in use, looked at before they are trusted, and put in its place."""

import contextlib
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from msgspec import Struct

from reconciler.model.errors import CouldNot
from reconciler.model.instant import NewUid
from reconciler.store.open import BUSY_SECONDS, open_store
from reconciler.store.salvage import Salvaged, salvage
from reconciler.store.schema import REVISION
from reconciler.store.sqlite import ELSEWHERE, copy_database, explain
from reconciler.store.witness import Witness

_BESIDE = ("-wal", "-shm", "-witness")
_CARRIED = ("receipts", "events")


class StateFile(Struct, frozen=True, kw_only=True):
    """What a database says of itself; ``commits`` is the number of the changes that were made to it."""

    state_id: str
    revision: str
    commits: int
    created_at: str


def back_up(path: Path, to: Path) -> StateFile:
    """Copy the state at ``path``, which may be in use, to ``to``, which must not be there yet. Raises CouldNot."""
    if os.path.lexists(to):
        raise CouldNot(f"{to} is there already; nothing was written", hint="Name another file, or remove that one.")
    try:
        to.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        copy_database(path, to, busy_seconds=BUSY_SECONDS)
        _sync(to.parent)
    except OSError as error:
        raise CouldNot(f"{to}: cannot write the backup: {error.strerror}", hint=ELSEWHERE) from error
    return look_into(to)


def look_into(path: Path) -> StateFile:
    """Read the whole database at ``path``, which nobody uses. Raises CouldNot where it is not a state, or not sound."""
    try:
        with contextlib.closing(_open(path)) as database:
            found = database.execute("PRAGMA quick_check(1)").fetchone()[0]
            if found != "ok":
                raise CouldNot(f"{path}: the database is damaged: {found.splitlines()[-1]}", hint=_ANOTHER)
            meta = dict(database.execute("SELECT key, value FROM meta"))
            (revision,) = database.execute("SELECT version_num FROM alembic_version").fetchone()
            state = StateFile(
                state_id=meta["state_id"],
                revision=revision,
                commits=int(meta.get("commits", 0)),
                created_at=meta["created_at"],
            )
    except (sqlite3.Error, KeyError, TypeError) as error:
        raise CouldNot(f"{path}: this is not a sound state of reconciler: {error}", hint=_ANOTHER) from None
    if state.revision > REVISION:
        raise CouldNot(
            f"{path}: written by a newer reconciler: revision {state.revision}, this one knows up to {REVISION}",
            hint="Use that version.",
        )
    return state


_ANOTHER = "Take another backup."


@contextmanager
def prepared_backup(backup: Path, path: Path) -> Iterator[Path]:
    """Yield a copy of ``backup`` beside the state at ``path``, to be worked on before it is put in its place.

    It knows what the state at ``path`` has started, as far as that can be read, and counts as the later of the two.
    """
    with _workshop(path) as folder:
        new = folder / path.name
        new.touch(mode=0o600)
        try:
            shutil.copyfile(backup, new)
            if Path(f"{backup}-wal").exists():
                shutil.copyfile(f"{backup}-wal", f"{new}-wal")
        except OSError as error:
            raise CouldNot(f"{backup}: cannot be read: {error.strerror}", hint="Check the file.") from error
        state = look_into(new)
        _count_on(new, state, path)
        yield new


@contextmanager
def prepared_repair(path: Path, *, new_uid: NewUid, now: datetime) -> Iterator[tuple[Path, Salvaged]]:
    """Yield a sound database with what can be read of the one at ``path``, and what was lost."""
    with _workshop(path) as folder:
        new = folder / path.name
        open_store(new, new_uid=new_uid, now=now).close()
        Witness(new).path.unlink()
        found = salvage(_copy_of(path, folder), new, expected_revision=REVISION)
        if "meta" in found.lost:
            _name_as(new, path)
        _count_on(new, look_into(new), path)
        yield new, found


def carry_over(path: Path, new: Path) -> bool:
    """Add to the database ``new`` what the one at ``path`` has started since; return whether all of that was read."""
    with _workshop(path) as folder:
        earlier = _copy_of(path, folder)
        with contextlib.closing(_open(new)) as database:
            (last,) = database.execute("SELECT max(seq) FROM events").fetchone()
            try:
                found = salvage(earlier, new, expected_revision=REVISION, tables=_CARRIED)
            except CouldNot:
                return False  # of another version: its tables are not these
            with database:  # which jobs an event had reached is not known any more: none starts twice
                database.execute("UPDATE events SET settled_at = at WHERE seq > ? AND settled_at IS NULL", (last or 0,))
        return found.is_whole


def put_in_place(new: Path, path: Path, *, stamp: str) -> Path | None:
    """Put the database ``new`` in the place of the one at ``path``, which is kept; return its name now."""
    aside = path.with_name(f"{path.name}-before-{stamp}")
    try:
        is_kept = path.exists()
        if is_kept:
            os.link(path, aside)
        for suffix in _BESIDE[:2]:
            with contextlib.suppress(FileNotFoundError):
                Path(f"{path}{suffix}").rename(f"{aside}{suffix}")
        new.replace(path)
        Witness(path).path.unlink(missing_ok=True)
        _sync(path.parent)
    except OSError as error:
        raise CouldNot(f"{path}: cannot be replaced: {error.strerror}", hint=ELSEWHERE) from error
    return aside if is_kept else None


@contextmanager
def _workshop(path: Path) -> Iterator[Path]:
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder = TemporaryDirectory(prefix=f".{path.name}-", dir=path.parent)
    except OSError as error:
        raise CouldNot(f"{path.parent}: cannot write: {error.strerror}", hint=ELSEWHERE) from error
    with folder as name:
        yield Path(name)


def _copy_of(path: Path, folder: Path) -> Path:
    """Copy a database that cannot be trusted, with its log, to where it may be opened; empty where there is none."""
    copy = folder / "earlier.db"
    copy.touch(mode=0o600)
    try:
        for suffix in ("", "-wal"):
            with contextlib.suppress(FileNotFoundError):
                shutil.copyfile(f"{path}{suffix}", f"{copy}{suffix}")
    except OSError as error:
        raise CouldNot(f"{path}: cannot be read: {error.strerror}", hint="Check the file and the disk.") from error
    return copy


def _name_as(new: Path, path: Path) -> None:
    """Give ``new`` the id that the state at ``path`` had, as far as its witness knows."""
    seen = Witness(path).read()
    if seen is not None:
        _set_meta(new, "state_id", seen[0])


def _count_on(new: Path, state: StateFile, path: Path) -> None:
    """Let ``new`` count its changes on from those of the state whose place it takes: it is the later one now."""
    seen = Witness(path).read()
    if seen is not None and seen[0] == state.state_id and seen[1] > state.commits:
        _set_meta(new, "commits", str(seen[1]))


def _set_meta(new: Path, key: str, value: str) -> None:
    try:
        with contextlib.closing(_open(new)) as database, database:
            database.execute("INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)", (key, value))
    except sqlite3.Error as error:
        raise explain(error, new, busy_seconds=BUSY_SECONDS) from error


def _open(path: Path) -> sqlite3.Connection:
    if not path.is_file():
        raise CouldNot(f"{path}: there is no such file", hint="Name a file that `reconciler backup` has written.")
    return sqlite3.connect(path, timeout=BUSY_SECONDS)


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
