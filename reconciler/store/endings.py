"""How runs end: once, durably, with their tasks, output and report; and which reports wait to be published."""

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, func, select, update

from reconciler.model.instant import format_instant
from reconciler.model.run import Disposition, OutputRecord, TaskResult
from reconciler.store import schema
from reconciler.store.batches import batches
from reconciler.store.part import Part
from reconciler.store.records import FinishedRun, LateResult, UnpublishedReport
from reconciler.store.rows import AnyRow

_runs = schema.runs.c
_AS_IT_STANDS = (
    select(_runs.uid, _runs.occurrence_id, _runs.status, _runs.ended_at)
    .where(_runs.uid.in_(bindparam("uids", expanding=True)))
    .with_for_update()
)
_END = (
    update(schema.runs)
    .where(_runs.uid == bindparam("of_uid"), schema.ACTIVE)
    .values(
        status=bindparam("to_status"),
        reason=bindparam("for_reason"),
        started_at=func.coalesce(bindparam("was_started_at", type_=_runs.started_at.type), _runs.started_at),
        ended_at=bindparam("at"),
    )
)
_DISPOSE = (
    update(schema.occurrences)
    .where(schema.occurrences.c.id == bindparam("of_id"), schema.NOT_RUN)
    .values(disposition=bindparam("to_disposition"), reason=bindparam("for_reason"))
)
_TASKS = select(schema.tasks.c.data).where(schema.tasks.c.run_uid == bindparam("of_uid")).order_by("position")
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
        with self._db.write() as connection:
            standing = _standing(connection, by_uid)
            ended = [item for item in by_uid.values() if item.uid in standing and standing[item.uid].ended_at is None]
            late = [
                by_uid[row.uid]
                for row in standing.values()
                if row.ended_at is not None and not _is_same_end(row, by_uid[row.uid])
            ]
            if ended:
                self._end(connection, ended, standing)
            if late:
                connection.execute(self._db.insert_new(schema.late_results), [_late_row(item) for item in late])
        return {item.uid for item in ended}

    def tasks(self, uid: str) -> tuple[TaskResult, ...]:
        with self._db.read() as connection:
            return tuple(connection.execute(_TASKS, {"of_uid": uid}).scalars())

    def output(self, uid: str) -> list[OutputRecord]:
        with self._db.read() as connection:
            rows = connection.execute(_OUTPUT, {"of_uid": uid})
            return [OutputRecord(row.task_id, row.stream, row.at, row.data) for row in rows]

    def report(self, uid: str) -> bytes | None:
        with self._db.read() as connection:
            return connection.execute(_REPORT, {"of_uid": uid}).scalar_one_or_none()

    def late_results(self, uid: str) -> list[LateResult]:
        with self._db.read() as connection:
            return [LateResult(**row._mapping) for row in connection.execute(_LATE, {"of_uid": uid})]

    def unpublished_reports(self, limit: int) -> list[UnpublishedReport]:
        """Return reports that are not yet on the reports branch, those of the oldest runs first."""
        with self._db.read() as connection:
            return [UnpublishedReport(**row._mapping) for row in connection.execute(_UNPUBLISHED, {"row_limit": limit})]

    def mark_published(self, uids: Collection[str], *, commit: str) -> None:
        """Note that the reports of ``uids`` are in ``commit`` of the reports branch."""
        if uids:
            with self._db.write() as connection:
                connection.execute(_PUBLISH, [{"of_uid": uid, "in_commit": commit} for uid in uids])

    def _end(self, connection: Connection, items: Sequence[FinishedRun], standing: dict[str, AnyRow]) -> None:
        connection.execute(_END, [_end_row(item) for item in items])
        for table, rows in (
            (schema.tasks, [row for item in items for row in _task_rows(item)]),
            (schema.output, [row for item in items for row in _output_rows(item)]),
            (schema.reports, [{"run_uid": item.uid, "data": item.report} for item in items]),
        ):
            if rows:
                connection.execute(table.insert(), rows)
        connection.execute(_DISPOSE, [_disposition_row(item, standing[item.uid].occurrence_id) for item in items])


def _standing(connection: Connection, uids: Collection[str]) -> dict[str, AnyRow]:
    return {
        row.uid: row for batch in batches(sorted(uids)) for row in connection.execute(_AS_IT_STANDS, {"uids": batch})
    }


def _is_same_end(row: AnyRow, item: FinishedRun) -> bool:
    return bool(row.status is item.status and format_instant(row.ended_at) == format_instant(item.ended_at))


def _end_row(item: FinishedRun) -> dict[str, Any]:
    return {
        "of_uid": item.uid,
        "to_status": item.status,
        "for_reason": item.reason,
        "was_started_at": item.started_at,
        "at": item.ended_at,
    }


def _task_rows(item: FinishedRun) -> list[dict[str, Any]]:
    return [{"run_uid": item.uid, "position": position, "data": task} for position, task in enumerate(item.tasks)]


def _output_rows(item: FinishedRun) -> list[dict[str, Any]]:
    return [
        {
            "run_uid": item.uid,
            "position": position,
            "task_id": record.task_id,
            "stream": record.stream,
            "at": record.at,
            "data": record.data,
        }
        for position, record in enumerate(item.output)
    ]


def _disposition_row(item: FinishedRun, occurrence_id: str) -> dict[str, Any]:
    is_run = item.disposition is Disposition.RUN
    return {
        "of_id": occurrence_id,
        "to_disposition": item.disposition,
        "for_reason": "" if is_run else item.reason,
    }


def _late_row(item: FinishedRun) -> dict[str, Any]:
    return {
        "run_uid": item.uid,
        "status": item.status,
        "reason": item.reason,
        "started_at": item.started_at,
        "ended_at": item.ended_at,
        "tasks": item.tasks,
        "report": item.report,
    }
