"""The ledger of occurrences: what each trigger named, what became of it, and the receipts of one-offs."""

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import bindparam, func, select, update

from reconciler.model.inventory import Receipt, ScheduleState
from reconciler.model.run import Disposition, Occurrence, Run
from reconciler.store import schema
from reconciler.store.database import Transaction, Values
from reconciler.store.part import Part
from reconciler.store.rows import (
    ORIGIN_COLUMNS,
    maybe_text,
    occurrence_of,
    occurrence_row,
    origin_id,
    origin_row,
    receipt_of,
    receipt_row,
    run_row,
    text_of,
)

_occurrences = schema.occurrences.c
_schedules = schema.schedules.c
_receipts = schema.receipts.c

_COUNTS = select(_occurrences.disposition, func.sum(_occurrences["count"]).label("instants")).group_by(
    _occurrences.disposition
)
_OCCURRENCES = (
    select(schema.occurrences, *ORIGIN_COLUMNS)
    .join(schema.origins)
    .order_by(_occurrences.scheduled_for.desc(), _occurrences.id.desc())
    .limit(bindparam("row_limit"))
)
_last_instant = func.coalesce(_occurrences.last_instant, _occurrences.scheduled_for)
_PRESENT = select(_occurrences.id).where(_occurrences.id.in_(bindparam("keys", expanding=True)))
_DISPOSE = (
    update(schema.occurrences)
    .where(_occurrences.id == bindparam("of_id"))
    .values(disposition=bindparam("to_disposition"), reason=bindparam("for_reason"))
)
_MOVE_CURSOR = (
    update(schema.schedules)
    .where(
        _schedules.target == bindparam("of_target"),
        _schedules.root_id == bindparam("of_root"),
        _schedules.cursor_at <= bindparam("to_cursor"),
    )
    .values(cursor_at=bindparam("to_cursor"), next_at=bindparam("to_next"))
)
_ONE_OFFS = select(_occurrences.trigger_key, _occurrences.target).where(schema.ONE_OFF)
_STARTED = select(_receipts.one_off_id, _receipts.target).distinct()
_ONE_OFFS_OF = _ONE_OFFS.where(_occurrences.trigger_key.in_(bindparam("keys", expanding=True)))
_STARTED_OF = _STARTED.where(_receipts.one_off_id.in_(bindparam("keys", expanding=True)))
_RECEIPTS = select(schema.receipts).order_by(_receipts.one_off_id, _receipts.target, _receipts.device_uid)
_RECEIPTS_OF = _RECEIPTS.where(_receipts.one_off_id.in_(bindparam("keys", expanding=True)))


class Occurrences(Part):
    def settle(self, states: Sequence[ScheduleState], occurrences: Sequence[Occurrence], runs: Sequence[Run]) -> None:
        """Account for instants: insert what became of them, with their runs, and move the cursors; one transaction.

        An occurrence whose key (root, target, trigger key) is already there is left as it is, and the runs that came
        with it are not inserted.  A cursor never moves back.  A run may also belong to an earlier occurrence.
        """
        with self._db.write() as tx:
            _insert(tx, occurrences, runs)
            tx.run_many(_MOVE_CURSOR, [_move(state) for state in states])

    def add_occurrence(self, occurrence: Occurrence, runs: Sequence[Run], receipts: Sequence[Receipt] = ()) -> bool:
        """Insert ``occurrence`` with its runs and, for a one-off, their receipts; one transaction.

        False, and nothing is written, when its key is already there, or any of the receipts.
        """
        with self._db.write() as tx, tx.connection.begin_nested() as savepoint:
            is_new = _insert(tx, [occurrence], runs)
            if is_new:
                is_new = tx.insert_new(schema.receipts, [receipt_row(receipt) for receipt in receipts]) == len(receipts)
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
        statement = _OCCURRENCES
        if root_id is not None:
            statement = statement.where(_occurrences.root_id == root_id)
        if target is not None:
            statement = statement.where(_occurrences.target == target)
        if dispositions is not None:
            statement = statement.where(_occurrences.disposition.in_(sorted(word.value for word in dispositions)))
            if Disposition.RUN not in dispositions:
                statement = statement.where(schema.NOT_RUN)
        if since is not None:
            statement = statement.where(_last_instant >= text_of(since))
        with self._db.read() as tx:
            return [occurrence_of(row) for row in tx.connection.execute(statement, {"row_limit": limit})]

    def set_disposition(self, id: str, disposition: Disposition, reason: str = "") -> None:  # noqa: A002
        with self._db.write() as tx:
            tx.run(_DISPOSE, of_id=id, to_disposition=disposition.value, for_reason=reason)

    def add_receipts(self, receipts: Sequence[Receipt]) -> None:
        """Take in what another state started; what is known already stays as it is."""
        with self._db.write() as tx:
            tx.insert_new(schema.receipts, [receipt_row(receipt) for receipt in receipts])

    def receipts(self, one_off_ids: Collection[str] | None = None) -> list[Receipt]:
        """Return the receipts of these one-offs, or all, ordered by one-off, target and device."""
        with self._db.read() as tx:
            rows = tx.rows(_RECEIPTS) if one_off_ids is None else tx.rows_in(_RECEIPTS_OF, one_off_ids)
            return [receipt_of(row) for row in rows]

    def count_instants(self) -> dict[Disposition, int]:
        """Return how many instants, events and requests became what; a missed span counts with all its instants."""
        with self._db.read() as tx:
            return {Disposition(row.disposition): row.instants for row in tx.rows(_COUNTS)}

    def settled_one_offs(self, one_off_ids: Collection[str] | None = None) -> set[tuple[str, str]]:
        """Return (one-off id, target) of those whose fate is recorded: started, here or by another state, or expired.

        Of all, or of ``one_off_ids``.
        """
        with self._db.read() as tx:
            if one_off_ids is None:
                rows, started = tx.rows(_ONE_OFFS), tx.rows(_STARTED)
            else:
                rows = list(tx.rows_in(_ONE_OFFS_OF, [f"oneoff:{one_off_id}" for one_off_id in one_off_ids]))
                started = list(tx.rows_in(_STARTED_OF, one_off_ids))
        known = {(row.trigger_key.partition(":")[2], row.target) for row in rows}
        return known | {(row.one_off_id, row.target) for row in started}


def _insert(tx: Transaction, occurrences: Sequence[Occurrence], runs: Sequence[Run]) -> bool:
    """Insert new occurrences, and the runs except those of an occurrence refused; True if none was refused."""
    origins = {item.origin for item in occurrences} | {run.origin for run in runs}
    tx.insert_new(schema.origins, [{"id": origin_id(origin), **origin_row(origin)} for origin in origins])
    refused = _insert_occurrences(tx, occurrences)
    tx.insert_new(schema.runs, [run_row(run) for run in runs if run.occurrence_id not in refused])
    return not refused


def _insert_occurrences(tx: Transaction, occurrences: Sequence[Occurrence]) -> set[str]:
    """Return the ids of those that are not in the database, because their key was taken under another id."""
    inserted = tx.insert_new(schema.occurrences, [occurrence_row(occurrence) for occurrence in occurrences])
    if inserted == len(occurrences):
        return set()
    ids = {occurrence.id for occurrence in occurrences}
    return ids - {row.id for row in tx.rows_in(_PRESENT, ids)}


def _move(state: ScheduleState) -> Values:
    return {
        "of_target": state.target,
        "of_root": state.root_id,
        "to_cursor": text_of(state.cursor_at),
        "to_next": maybe_text(state.next_at),
    }
