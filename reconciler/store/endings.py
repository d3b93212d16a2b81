"""How runs end: once, durably, with their tasks, output and report; and which reports wait to be published."""

from collections.abc import Collection, Mapping, Sequence

from sqlalchemy import bindparam, func, select, update

from reconciler.model.instant import format_instant
from reconciler.model.run import Disposition, OutputRecord, TaskResult
from reconciler.store import schema
from reconciler.store.database import Row, Transaction, Values
from reconciler.store.part import Part
from reconciler.store.records import FinishedRun, LateResult, UnpublishedReport
from reconciler.store.rows import (
    late_result_of,
    late_result_row,
    maybe_text,
    output_of,
    output_rows,
    report_of,
    task_of,
    task_rows,
)

_runs = schema.runs.c
_AS_IT_STANDS = (
    select(_runs.uid, _runs.occurrence_id, _runs.status, _runs.ended_at)
    .where(_runs.uid.in_(bindparam("keys", expanding=True)))
    .with_for_update()
)
_END = (
    update(schema.runs)
    .where(_runs.uid == bindparam("of_uid"), schema.ACTIVE)
    .values(
        status=bindparam("to_status"),
        reason=bindparam("for_reason"),
        question=None,
        started_at=func.coalesce(bindparam("was_started_at"), _runs.started_at),
        ended_at=bindparam("at"),
    )
)
_DISPOSE = (
    update(schema.occurrences)
    .where(schema.occurrences.c.id == bindparam("of_id"), schema.NOT_RUN)
    .values(disposition=bindparam("to_disposition"), reason=bindparam("for_reason"))
)
_TASKS = select(schema.tasks).where(schema.tasks.c.run_uid == bindparam("of_uid")).order_by("position")
_OUTPUT = select(schema.output).where(schema.output.c.run_uid == bindparam("of_uid")).order_by("position")
_REPORT = select(schema.reports.c.data).where(schema.reports.c.run_uid == bindparam("of_uid"))
_LATE = (
    select(schema.late_results)
    .where(schema.late_results.c.run_uid == bindparam("of_uid"))
    .order_by(schema.late_results.c.ended_at)
)
_UNPUBLISHED = (
    select(_runs.uid, _runs.ended_at, schema.origins.c.commit, _runs.status, _runs.job_id, schema.reports.c.data)
    .select_from(schema.reports)
    .join(schema.runs)
    .join(schema.origins)
    .where(schema.UNPUBLISHED)
    .order_by(schema.reports.c.run_uid)
    .limit(bindparam("row_limit"))
)
_PUBLISH = (
    update(schema.reports)
    .where(schema.reports.c.run_uid == bindparam("of_uid"))
    .values(published_in=bindparam("in_commit"))
)


class Endings(Part):
    def finish_runs(self, items: Sequence[FinishedRun]) -> set[str]:
        """End these runs: status, tasks, output, report and the occurrence's disposition, in one transaction.

        Return the uids that were ended by this call.  A run that had ended before does not change; an ending that
        differs from the one it has is kept beside it (``late_results``).  A uid that no run has is passed over.
        """
        by_uid = {item.uid: item for item in items}
        with self._db.write() as tx:
            standing = {row.uid: row for row in tx.rows_in(_AS_IT_STANDS, by_uid)}
            active = [by_uid[row.uid] for row in standing.values() if row.ended_at is None]
            late = [by_uid[row.uid] for row in standing.values() if _is_late(row, by_uid[row.uid])]
            _end(tx, active)
            tx.run_many(_DISPOSE, [_disposition(item, standing[item.uid].occurrence_id) for item in active])
            tx.insert_new(schema.late_results, [late_result_row(item) for item in late])
        return {item.uid for item in active}

    def tasks(self, uid: str) -> tuple[TaskResult, ...]:
        with self._db.read() as tx:
            return tuple(task_of(row) for row in tx.rows(_TASKS, of_uid=uid))

    def output(self, uid: str) -> list[OutputRecord]:
        with self._db.read() as tx:
            return [output_of(row) for row in tx.rows(_OUTPUT, of_uid=uid)]

    def report(self, uid: str) -> bytes | None:
        with self._db.read() as tx:
            row = tx.row(_REPORT, of_uid=uid)
            return None if row is None else bytes(row.data)

    def late_results(self, uid: str) -> list[LateResult]:
        """Return the endings that arrived after the run had ended, by their time."""
        with self._db.read() as tx:
            return [late_result_of(row) for row in tx.rows(_LATE, of_uid=uid)]

    def unpublished_reports(self, limit: int) -> list[UnpublishedReport]:
        """Return reports that are not yet on the reports branch, those of the oldest runs first."""
        with self._db.read() as tx:
            return [report_of(row) for row in tx.rows(_UNPUBLISHED, row_limit=limit)]

    def mark_published(self, uids: Collection[str], *, commit: str) -> None:
        """Note that the reports of ``uids`` are in ``commit`` of the reports branch."""
        with self._db.write() as tx:
            tx.run_many(_PUBLISH, [{"of_uid": uid, "in_commit": commit} for uid in uids])

    def keep_published(self, reports: Mapping[str, bytes], *, commit: str) -> None:
        """Keep reports of ended runs, by uid, that ``commit`` of the reports branch has; other uids are passed over."""
        with self._db.write() as tx:
            known = {row.uid for row in tx.rows_in(_AS_IT_STANDS, reports) if row.ended_at is not None}
            tx.insert_new(schema.reports, [{"run_uid": uid, "data": reports[uid]} for uid in known])
            tx.run_many(_PUBLISH, [{"of_uid": uid, "in_commit": commit} for uid in known])


def _is_late(row: Row, item: FinishedRun) -> bool:
    ending = (item.status.value, format_instant(item.ended_at))
    return row.ended_at is not None and (row.status, row.ended_at) != ending


def _end(tx: Transaction, items: Sequence[FinishedRun]) -> None:
    tx.run_many(_END, [_ending(item) for item in items])
    tx.insert(schema.tasks, [row for item in items for row in task_rows(item)])
    tx.insert(schema.output, [row for item in items for row in output_rows(item.uid, item.output)])
    tx.insert(schema.reports, [{"run_uid": item.uid, "data": item.report} for item in items])


def _ending(item: FinishedRun) -> Values:
    return {
        "of_uid": item.uid,
        "to_status": item.status.value,
        "for_reason": item.reason,
        "was_started_at": maybe_text(item.started_at),
        "at": format_instant(item.ended_at),
    }


def _disposition(item: FinishedRun, occurrence_id: str) -> Values:
    is_run = item.disposition is Disposition.RUN
    return {
        "of_id": occurrence_id,
        "to_disposition": item.disposition.value,
        "for_reason": "" if is_run else item.reason,
    }
