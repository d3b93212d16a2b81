"""Passes and the journal of an apply: what we set out to do, and whether we came to its end."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import bindparam, delete, insert, select, update

from reconciler.store.part import Part
from reconciler.store.records import JournalEntry, PassRecord
from reconciler.store.schema import journal, passes

_BEGIN = insert(passes)
_FINISH = update(passes).where(passes.c.id == bindparam("pass_id"))
_PASSES = select(passes).order_by(passes.c.id.desc()).limit(bindparam("row_limit"))

_ENTRIES = (
    select(journal.c.target, journal.c.key, journal.c.data, journal.c.opened_at)
    .where(journal.c.target == bindparam("of_target"))
    .order_by(journal.c.id)
)
_CLOSE = delete(journal).where(journal.c.target == bindparam("of_target"), journal.c.key == bindparam("of_key"))


class Passes(Part):
    def begin_pass(self, *, commit: str, tree_digest: str, now: datetime) -> int:
        row = {
            "commit": commit,
            "tree_digest": tree_digest,
            "started_at": now,
            "outcome": "",
            "detail": "",
            "counts": {},
        }
        with self._db.write() as connection:
            key = connection.execute(_BEGIN, row).inserted_primary_key
        assert key is not None
        return int(key[0])

    def finish_pass(self, pass_id: int, *, now: datetime, outcome: str, detail: str, counts: Mapping[str, int]) -> None:
        row = {"finished_at": now, "outcome": outcome, "detail": detail, "counts": dict(counts)}
        with self._db.write() as connection:
            connection.execute(_FINISH.values(row), {"pass_id": pass_id})

    def passes(self, limit: int) -> list[PassRecord]:
        """Return the last ``limit`` passes, newest first."""
        with self._db.read() as connection:
            return [PassRecord(**row._mapping) for row in connection.execute(_PASSES, {"row_limit": limit})]

    def open_journal(self, target: str, changes: Sequence[tuple[str, bytes]], now: datetime) -> None:
        """Write down, before the first of them is carried out, the changes (key, JSON) meant for ``target``."""
        rows = [{"target": target, "key": key, "data": data, "opened_at": now} for key, data in changes]
        if rows:
            with self._db.write() as connection:
                connection.execute(self._db.upsert(journal, "target", "key"), rows)

    def close_journal_entry(self, target: str, key: str) -> None:
        with self._db.write() as connection:
            connection.execute(_CLOSE, {"of_target": target, "of_key": key})

    def open_entries(self, target: str) -> list[JournalEntry]:
        """Return what was begun on ``target`` and not closed, in the order in which it was written down."""
        with self._db.read() as connection:
            rows = connection.execute(_ENTRIES, {"of_target": target})
            return [JournalEntry(**row._mapping) for row in rows]
