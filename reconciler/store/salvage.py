"""What can still be read of a damaged database, row by row, into a sound one."""

import contextlib
import sqlite3
from collections.abc import Collection, Iterator
from pathlib import Path

from msgspec import Struct
from sqlalchemy import Table

from reconciler.model.errors import CouldNot
from reconciler.store.inventory import FOOTING
from reconciler.store.schema import meta, metadata

_AT_ONCE = 500
_MOST_HOLES = 5_000
"""How many unreadable places of one table are looked around; behind that many the rest is given up."""

_LAST_ROW = 2**48
_HEADER = 100
_MAGIC = b"SQLite format 3\0"


class Salvaged(Struct, frozen=True, kw_only=True):
    """How many rows were taken over, by table; and the tables of which something is missing, with what is known of it.

    ``is_readable``: there was a database at all.
    """

    kept: dict[str, int]
    lost: dict[str, str]
    is_readable: bool = True

    @property
    def is_whole(self) -> bool:
        return self.is_readable and not self.lost


def salvage(source: Path, to: Path, *, expected_revision: str, tables: Collection[str] | None = None) -> Salvaged:
    """Add to the database ``to`` the rows of ``source`` that can be read, of all ``tables`` or of these.

    A row that is there already stays; one whose counterpart in another table is lost is left out.  Raises CouldNot
    where ``source`` was written by another version of the program.
    """
    _mend_header(source, to)
    names = [table.name for table in metadata.sorted_tables if tables is None or table.name in tables]
    with contextlib.closing(sqlite3.connect(source)) as old, contextlib.closing(sqlite3.connect(to)) as new:
        if not _can_be_read(old):
            return Salvaged(kept={}, lost=dict.fromkeys(names, "not readable"), is_readable=False)
        _check_revision(old, source, expected_revision)
        kept: dict[str, int] = {}
        lost: dict[str, str] = {}
        new.execute("PRAGMA foreign_keys=OFF")
        with new:
            for name in names:
                reader = _Reader(old, metadata.tables[name])
                kept[name] = _copy(reader, new, metadata.tables[name])
                if reader.holes:
                    lost[name] = "a part cannot be read"
            # Some of what is applied may be lost: nothing is known of all of it any more.
            new.execute("DELETE FROM meta WHERE key = ?", (FOOTING,))
            for name, number in _drop_orphans(new).items():
                kept[name] = kept.get(name, 0) - number
                lost[name] = f"{number} rows that refer to what is lost"
    return Salvaged(kept=kept, lost=lost)


class _Reader:
    """Reads the rows of one table around what is damaged; ``holes`` counts the places that could not be read."""

    def __init__(self, database: sqlite3.Connection, table: Table) -> None:
        self.holes = 0
        self._database = database
        self._table = table
        self._columns = ", ".join(f'"{column.name}"' for column in table.columns)

    def pieces(self) -> Iterator[list[tuple[object, ...]]]:
        if self._table.dialect_kwargs.get("sqlite_with_rowid", True):
            last = self._last_row()
            if last is not None:
                yield from self._between(-1, last)
        else:
            yield from self._from_both_ends()

    def _last_row(self) -> int | None:
        """Return a row number that none is above; None where the table cannot be read from either end."""
        for order in ("DESC", "ASC"):
            with contextlib.suppress(sqlite3.DatabaseError):
                row = self._database.execute(
                    f'SELECT rowid FROM "{self._table.name}" NOT INDEXED ORDER BY rowid {order} LIMIT 1'  # noqa: S608
                ).fetchone()
                return _LAST_ROW if order == "ASC" else row[0] if row else -1
        self.holes = 1
        return None

    def _between(self, low: int, high: int) -> Iterator[list[tuple[object, ...]]]:
        """Yield the rows with row numbers above ``low`` and up to ``high``, halving where something cannot be read."""
        while self.holes < _MOST_HOLES:
            try:
                rows = self._database.execute(
                    f'SELECT rowid, {self._columns} FROM "{self._table.name}" NOT INDEXED '  # noqa: S608 - names of our own
                    "WHERE rowid > ? AND rowid <= ? ORDER BY rowid LIMIT ?",
                    (low, high, _AT_ONCE),
                ).fetchall()
            except sqlite3.DatabaseError:
                if high - low <= 1:
                    self.holes += 1
                    return
                middle = (low + high) // 2
                yield from self._between(low, middle)
                low = middle
                continue
            if rows:
                yield [row[1:] for row in rows]
            if len(rows) < _AT_ONCE:
                return
            low = rows[-1][0]

    def _from_both_ends(self) -> Iterator[list[tuple[object, ...]]]:
        """Yield the rows from the first on and, where one cannot be read, also from the last back to there."""
        key = ", ".join(f'"{column.name}"' for column in self._table.primary_key)
        backwards = ", ".join(f'"{column.name}" DESC' for column in self._table.primary_key)
        for order in (key, backwards):
            rows: list[tuple[object, ...]] = []
            try:
                cursor = self._database.execute(
                    f'SELECT {self._columns} FROM "{self._table.name}" ORDER BY {order}'  # noqa: S608 - names of our own
                )
                rows.extend(cursor)
            except sqlite3.DatabaseError:
                self.holes = 1
                yield rows
                continue
            yield rows
            return


def _copy(reader: _Reader, new: sqlite3.Connection, table: Table) -> int:
    # What the old one says of itself holds, also where the new one has words of its own.
    conflict = "REPLACE" if table is meta else "IGNORE"
    places = ", ".join("?" for _ in table.columns)
    names = ", ".join(f'"{column.name}"' for column in table.columns)
    kept = 0
    for rows in reader.pieces():
        statement = f'INSERT OR {conflict} INTO "{table.name}" ({names}) VALUES ({places})'  # noqa: S608 - names of our own
        kept += new.executemany(statement, rows).rowcount
    return kept


def _can_be_read(database: sqlite3.Connection) -> bool:
    try:
        database.execute("PRAGMA writable_schema=ON")  # reads on where the list of tables itself is damaged
        return bool(database.execute("SELECT count(*) FROM sqlite_master").fetchone()[0])
    except sqlite3.DatabaseError:
        return False


def _mend_header(source: Path, sound: Path) -> None:
    """Give a file that does not begin as a database does the beginning of one of ours ("Database File Format", 1.3)."""
    with source.open("r+b") as file, sound.open("rb") as other:
        header = bytearray(other.read(_HEADER))
        if file.read(len(_MAGIC)) == _MAGIC or header[: len(_MAGIC)] != _MAGIC:
            return
        pages = source.stat().st_size // int.from_bytes(header[16:18], "big")
        header[28:32] = pages.to_bytes(4, "big")
        header[32:40] = bytes(8)  # no free pages: none is needed for reading
        header[92:96] = header[24:28]  # the page count is valid for this change counter
        file.seek(0)
        file.write(header)


def _check_revision(old: sqlite3.Connection, source: Path, expected: str) -> None:
    try:
        row = old.execute("SELECT version_num FROM alembic_version").fetchone()
    except sqlite3.DatabaseError:
        return  # damaged there: what fits is taken
    if row is not None and row[0] != expected:
        raise CouldNot(
            f"{source.name}: the damaged database is at revision {row[0]}, this program at {expected}",
            hint="Repair it with the version that wrote it, then upgrade.",
        )


def _drop_orphans(new: sqlite3.Connection) -> dict[str, int]:
    """Delete the rows that refer to one that is not there, again until none is left; return how many, by table."""
    dropped: dict[str, int] = {}
    while found := new.execute("PRAGMA foreign_key_check").fetchall():
        for table, rowid, *_ in found:
            new.execute(f'DELETE FROM "{table}" WHERE rowid = ?', (rowid,))  # noqa: S608 - names of our own
            dropped[table] = dropped.get(table, 0) + 1
    return dropped
