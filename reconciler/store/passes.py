"""Passes and the journal of an apply: what we set out to do, and whether we came to its end."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import bindparam, delete, insert, select, update

from reconciler.model.instant import format_instant
from reconciler.store.part import Part
from reconciler.store.records import JournalEntry, PassRecord
from reconciler.store.rows import entry_of, json_text, pass_of
from reconciler.store.schema import journal, passes

_BEGIN = (
    insert(passes)
    .values(
        commit=bindparam("of_commit"),
        tree_digest=bindparam("of_tree"),
        started_at=bindparam("now"),
        outcome="",
        detail="",
        counts="{}",
    )
    .returning(passes.c.id)
)
_FINISH = (
    update(passes)
    .where(passes.c.id == bindparam("of_id"))
    .values(
        finished_at=bindparam("now"),
        outcome=bindparam("with_outcome"),
        detail=bindparam("with_detail"),
        counts=bindparam("with_counts"),
    )
)
_PASSES = select(passes).order_by(passes.c.id.desc()).limit(bindparam("row_limit"))

_BY_KEY = (journal.c.target == bindparam("of_target"), journal.c.key == bindparam("of_key"))
_ENTRIES = select(journal).where(journal.c.target == bindparam("of_target")).order_by(journal.c.id)
_CLEAR = delete(journal).where(journal.c.target == bindparam("of_target"))
_CLOSE = delete(journal).where(*_BY_KEY)


class Passes(Part):
    def begin_pass(self, *, commit: str, tree_digest: str, now: datetime) -> int:
        """Write down that a pass begins; return its id, by which it is finished."""
        with self._db.write() as tx:
            row = tx.row(_BEGIN, of_commit=commit, of_tree=tree_digest, now=format_instant(now))
            assert row is not None
            return int(row.id)

    def finish_pass(self, pass_id: int, *, now: datetime, outcome: str, detail: str, counts: Mapping[str, int]) -> None:
        with self._db.write() as tx:
            tx.run(
                _FINISH,
                of_id=pass_id,
                now=format_instant(now),
                with_outcome=outcome,
                with_detail=detail,
                with_counts=json_text(counts),
            )

    def passes(self, limit: int) -> list[PassRecord]:
        """Return the last ``limit`` passes, newest first."""
        with self._db.read() as tx:
            return [pass_of(row) for row in tx.rows(_PASSES, row_limit=limit)]

    def open_journal(self, target: str, changes: Sequence[tuple[str, bytes]], now: datetime) -> None:
        """Write down, before the first of them is carried out, the changes (key, JSON) meant for ``target``."""
        at = format_instant(now)
        rows = [{"target": target, "key": key, "data": data, "opened_at": at} for key, data in changes]
        with self._db.write() as tx:
            tx.upsert(journal, rows, "target", "key")

    def clear_journal(self, target: str) -> None:
        """Forget what was begun on ``target``: it was found done, or is no longer wanted."""
        with self._db.write() as tx:
            tx.run(_CLEAR, of_target=target)

    def close_journal_entry(self, target: str, key: str) -> None:
        with self._db.write() as tx:
            tx.run(_CLOSE, of_target=target, of_key=key)

    def open_entries(self, target: str) -> list[JournalEntry]:
        """Return what was begun on ``target`` and not closed, in the order in which it was written down."""
        with self._db.read() as tx:
            return [entry_of(row) for row in tx.rows(_ENTRIES, of_target=target)]
