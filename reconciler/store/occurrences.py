"""The ledger of occurrences: what each trigger named, what became of it, and the receipts of one-offs."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, func, select, update

from reconciler.model.inventory import Receipt, ScheduleState
from reconciler.model.run import Disposition, Occurrence, Run
from reconciler.store import schema
from reconciler.store.batches import batches
from reconciler.store.part import Part
from reconciler.store.rows import (
    ORIGIN_COLUMNS,
    occurrence_of,
    occurrence_row,
    origin_id,
    origin_row,
    receipt_row,
    run_row,
)

_OCCURRENCES = (
    select(schema.occurrences, *ORIGIN_COLUMNS)
    .join(schema.origins)
    .order_by(schema.occurrences.c.scheduled_for.desc(), schema.occurrences.c.id.desc())
    .limit(bindparam("row_limit"))
)
_LAST_INSTANT = func.coalesce(schema.occurrences.c.last_instant, schema.occurrences.c.scheduled_for)
_PRESENT = select(schema.occurrences.c.id).where(schema.occurrences.c.id.in_(bindparam("ids", expanding=True)))
_DISPOSE = (
    update(schema.occurrences)
    .where(schema.occurrences.c.id == bindparam("of_id"))
    .values(disposition=bindparam("to_disposition"), reason=bindparam("for_reason"))
)
_MOVE_CURSOR = (
    update(schema.schedules)
    .where(
        schema.schedules.c.target == bindparam("of_target"),
        schema.schedules.c.root_id == bindparam("of_root"),
        schema.schedules.c.cursor_at <= bindparam("to_cursor"),
    )
    .values(cursor_at=bindparam("to_cursor"), next_at=bindparam("to_next"))
)
_ONE_OFFS = select(schema.occurrences.c.trigger_key.label("key"), schema.occurrences.c.target).where(
    schema.occurrences.c.trigger_key.like("oneoff:%")
)
_RECEIPTS = select(schema.receipts).order_by(
    schema.receipts.c.one_off_id, schema.receipts.c.target, schema.receipts.c.device_uid
)
_RECEIPTS_OF = _RECEIPTS.where(schema.receipts.c.one_off_id.in_(bindparam("ids", expanding=True)))


class Occurrences(Part):
    def settle(self, states: Sequence[ScheduleState], occurrences: Sequence[Occurrence], runs: Sequence[Run]) -> None:
        """Account for instants: insert what became of them, with their runs, and move the cursors; one transaction.

        An occurrence whose key (root, target, trigger key) is already there is left as it is, and the runs that came
        with it are not inserted.  A cursor never moves back.  A run may also belong to an earlier occurrence.
        """
        with self._db.write() as connection:
            self._insert(connection, occurrences, runs)
            if states:
                connection.execute(_MOVE_CURSOR, [_move(state) for state in states])

    def add_occurrence(self, occurrence: Occurrence, runs: Sequence[Run], receipts: Sequence[Receipt] = ()) -> bool:
        """Insert ``occurrence`` with its runs and, for a one-off, their receipts; one transaction.

        False, and nothing is written, when its key is already there, or any of the receipts.
        """
        with self._db.write() as connection, connection.begin_nested() as savepoint:
            rows = [receipt_row(receipt) for receipt in receipts]
            is_new = self._insert(connection, [occurrence], runs)
            if is_new and rows:
                is_new = connection.execute(self._db.insert_new(schema.receipts), rows).rowcount == len(rows)
            if not is_new:
                savepoint.rollback()
            return is_new

    def occurrences(
        self,
        *,
        root_id: str | None = None,
        target: str | None = None,
        dispositions: Collection[Disposition] | None = None,
        since: datetime | None = None,
        limit: int,
    ) -> list[Occurrence]:
        """Return the latest occurrences by their instant, newest first. ``since``: whose last instant is not before."""
        table = schema.occurrences
        statement = _OCCURRENCES
        if root_id is not None:
            statement = statement.where(table.c.root_id == root_id)
        if target is not None:
            statement = statement.where(table.c.target == target)
        if dispositions is not None:
            statement = statement.where(table.c.disposition.in_(sorted(dispositions)))
            if Disposition.RUN not in dispositions:
                statement = statement.where(schema.NOT_RUN)
        if since is not None:
            statement = statement.where(since <= _LAST_INSTANT)
        with self._db.read() as connection:
            return [occurrence_of(row) for row in connection.execute(statement, {"row_limit": limit})]

    def set_disposition(self, id: str, disposition: Disposition, reason: str = "") -> None:  # noqa: A002
        with self._db.write() as connection:
            connection.execute(_DISPOSE, {"of_id": id, "to_disposition": disposition, "for_reason": reason})

    def receipts(self, one_off_ids: Collection[str] | None = None) -> list[Receipt]:
        """Return the receipts of these one-offs, or all, ordered by one-off, target and device."""
        with self._db.read() as connection:
            if one_off_ids is None:
                return [Receipt(**row._mapping) for row in connection.execute(_RECEIPTS)]
            return [
                Receipt(**row._mapping)
                for batch in batches(sorted(set(one_off_ids)))
                for row in connection.execute(_RECEIPTS_OF, {"ids": batch})
            ]

    def settled_one_offs(self) -> set[tuple[str, str]]:
        """Return (one-off id, target) of all whose fate is recorded: started, expired or skipped."""
        with self._db.read() as connection:
            return {(row.key.partition(":")[2], row.target) for row in connection.execute(_ONE_OFFS)}

    def _insert(self, connection: Connection, occurrences: Sequence[Occurrence], runs: Sequence[Run]) -> bool:
        """Insert new occurrences and the runs that are not of an occurrence refused; True if none was refused."""
        origins = {item.origin for item in occurrences} | {run.origin for run in runs}
        if origins:
            rows = [{"id": origin_id(origin), **origin_row(origin)} for origin in origins]
            connection.execute(self._db.insert_new(schema.origins), rows)
        refused = self._insert_occurrences(connection, occurrences)
        rows = [run_row(run) for run in runs if run.occurrence_id not in refused]
        if rows:
            connection.execute(self._db.insert_new(schema.runs), rows)
        return not refused

    def _insert_occurrences(self, connection: Connection, occurrences: Sequence[Occurrence]) -> set[str]:
        """Return the ids of those that are not in the database, because their key was taken under another id."""
        if not occurrences:
            return set()
        rows = [occurrence_row(occurrence) for occurrence in occurrences]
        if connection.execute(self._db.insert_new(schema.occurrences), rows).rowcount == len(rows):
            return set()
        ids = {occurrence.id for occurrence in occurrences}
        for batch in batches(sorted(ids)):
            ids -= set(connection.execute(_PRESENT, {"ids": batch}).scalars())
        return ids


def _move(state: ScheduleState) -> dict[str, Any]:
    return {
        "of_target": state.target,
        "of_root": state.root_id,
        "to_cursor": state.cursor_at,
        "to_next": state.next_at,
    }
