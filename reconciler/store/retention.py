"""What is no longer kept: old runs whose reports are published, with all that belongs to them."""

from datetime import datetime

from sqlalchemy import BindParameter, ColumnElement, Select, and_, bindparam, delete, exists, func, or_, select, union

from reconciler.model.instant import format_instant
from reconciler.model.run import Disposition, TriggerKind
from reconciler.store import schema
from reconciler.store.database import Transaction
from reconciler.store.part import Part

AT_ONCE = 500
"""How many runs are dropped in one transaction: others write in between."""

_runs = schema.runs.c
_occurrences = schema.occurrences.c
_JOBS = select(_runs.job_id).distinct()
_NEWEST = (
    select(_runs.uid)
    .where(_runs.job_id == bindparam("of_job"), _runs.ended_at.is_not(None))
    .order_by(_runs.uid.desc())
    .limit(1)
    .offset(bindparam("kept"))
)
_KEYS: BindParameter[str] = bindparam("keys", expanding=True)
_PARTS = (schema.attempts, schema.attempt_output, schema.tasks, schema.output, schema.late_results, schema.reports)
_DROP_PARTS = [delete(table).where(table.c.run_uid.in_(_KEYS)) for table in _PARTS]
_DROP_RUNS = delete(schema.runs).where(_runs.uid.in_(_KEYS))
_HAS_RUN = exists().where(_runs.occurrence_id == _occurrences.id)
# What says that a one-off was started, or will not be, is kept for ever.
_DROP_OCCURRENCES = delete(schema.occurrences).where(
    _occurrences.id.in_(_KEYS), ~_HAS_RUN, _occurrences.trigger_kind != TriggerKind.ONE_OFF.value
)
_OLD_OCCURRENCES = delete(schema.occurrences).where(
    _occurrences.job_id == bindparam("of_job"),
    _occurrences.scheduled_for < bindparam("before"),
    func.coalesce(_occurrences.last_instant, _occurrences.scheduled_for) < bindparam("before"),
    schema.NOT_RUN,
    _occurrences.disposition != Disposition.PENDING.value,
    _occurrences.trigger_kind != TriggerKind.ONE_OFF.value,
    ~_HAS_RUN,
)
_JOBS_NOT_RUN = select(_occurrences.job_id).where(schema.NOT_RUN).distinct()
_origins = schema.origins.c
_DROP_ORIGINS = delete(schema.origins).where(
    ~exists().where(_runs.origin_id == _origins.id), ~exists().where(_occurrences.origin_id == _origins.id)
)
# Not one look-up per form: neither of the two has an index by digest.
_NAMED = union(select(schema.inventory.c.digest), select(_origins.digest))
_DROP_FORMS = delete(schema.forms).where(schema.forms.c.digest.not_in(_NAMED), ~exists(select(schema.journal.c.id)))


class Retention(Part):
    def job_ids_of_history(self) -> list[str]:
        """Return the ids of all jobs that have runs or occurrences here, also of those that are gone."""
        with self._db.read() as tx:
            return sorted({row.job_id for row in (*tx.rows(_JOBS), *tx.rows(_JOBS_NOT_RUN))})

    def drop_occurrences(self, job_id: str, *, before: datetime) -> int:
        """Drop what is known of instants of before that no run stands for; return how many rows that were.

        What waits for its start, and what tells of a one-off, stays.
        """
        with self._db.write() as tx:
            return tx.run(_OLD_OCCURRENCES, of_job=job_id, before=format_instant(before))

    def drop_unnamed_forms(self) -> int:
        """Drop the forms that are not applied and that no run or occurrence was made from; return how many."""
        with self._db.write() as tx:
            tx.run(_DROP_ORIGINS)
            return tx.run(_DROP_FORMS)

    def drop_runs(self, job_id: str, *, max_runs: int | None, ended_before: datetime | None) -> int:
        """Drop what the job's newest ``max_runs`` ended runs leave behind, and what ended before; return how many.

        Only runs that have ended and whose report is published are dropped.  Receipts of one-offs stay.
        """
        dropped = 0
        while True:
            with self._db.write() as tx:
                batch = _drop_some(tx, job_id, max_runs=max_runs, ended_before=ended_before)
            dropped += batch
            if batch < AT_ONCE:
                return dropped


def _drop_some(tx: Transaction, job_id: str, *, max_runs: int | None, ended_before: datetime | None) -> int:
    too_old: list[ColumnElement[bool]] = []
    if ended_before is not None:
        too_old.append(_runs.ended_at < format_instant(ended_before))
    if max_runs is not None and (row := tx.row(_NEWEST, of_job=job_id, kept=max_runs)) is not None:
        too_old.append(_runs.uid <= row.uid)
    if not too_old:
        return 0
    rows = tx.connection.execute(_published(job_id, or_(*too_old))).all()
    if not rows:
        return 0
    uids = [row.uid for row in rows]
    for statement in (*_DROP_PARTS, _DROP_RUNS):
        tx.connection.execute(statement, {"keys": uids})
    tx.connection.execute(_DROP_OCCURRENCES, {"keys": [row.occurrence_id for row in rows]})
    return len(uids)


def _published(job_id: str, condition: ColumnElement[bool]) -> Select[tuple[str, str]]:
    return (
        select(_runs.uid, _runs.occurrence_id)
        .join(schema.reports)
        .where(
            and_(_runs.job_id == job_id, _runs.ended_at.is_not(None), schema.reports.c.published_in.is_not(None)),
            condition,
        )
        .order_by(_runs.uid)
        .limit(AT_ONCE)
    )
