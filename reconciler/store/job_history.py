"""How the runs of one job went, by the change of its file that they ran."""

from collections.abc import Collection

from sqlalchemy import bindparam, func, select

from reconciler.model.run import Run, RunStatus
from reconciler.store import schema
from reconciler.store.part import Part
from reconciler.store.records import RunCount
from reconciler.store.rows import run_of
from reconciler.store.runs import RUNS

BAD = (RunStatus.FAILED, RunStatus.TIMEOUT, RunStatus.LOST, RunStatus.UNKNOWN)
"""Ends that speak against a definition; who cancels a run, or lets it expire, says nothing of it."""

_runs = schema.runs.c
_origins = schema.origins.c
_OF_JOBS = _runs.job_id.in_(bindparam("keys", expanding=True))

_JOB_IDS = select(schema.occurrences.c.job_id).where(schema.occurrences.c.root_id == bindparam("of_root")).distinct()
_COUNTS = (
    select(_origins.path, _origins.changed_in, _origins.commit, _runs.status, func.count().label("number"))
    .select_from(schema.runs.join(schema.origins))
    .where(_OF_JOBS, _runs.ended_at.is_not(None))
    .group_by(_origins.path, _origins.changed_in, _origins.commit, _runs.status)
)
_LAST_GOOD = RUNS.where(_OF_JOBS, _runs.status == RunStatus.COMPLETED.value).order_by(_runs.uid.desc()).limit(1)
_FIRST_BAD = (
    RUNS.where(_OF_JOBS, _runs.uid > bindparam("after_uid"), _runs.status.in_([status.value for status in BAD]))
    .order_by(_runs.uid)
    .limit(1)
)


class JobHistory(Part):
    def former_ids(self, root_id: str) -> set[str]:
        """Return the ids under which the job with this root has had occurrences."""
        with self._db.read() as tx:
            return {row.job_id for row in tx.rows(_JOB_IDS, of_root=root_id)}

    def count_runs(self, job_ids: Collection[str]) -> list[RunCount]:
        """Return how many of the kept runs of these jobs ended how, by the form that they ran."""
        with self._db.read() as tx:
            return [
                RunCount(
                    path=row.path,
                    changed_in=row.changed_in,
                    commit=row.commit,
                    status=RunStatus(row.status),
                    number=row.number,
                )
                for row in tx.rows_in(_COUNTS, job_ids)
            ]

    def failing_since(self, job_ids: Collection[str]) -> tuple[Run | None, Run | None]:
        """Return the last run of these jobs that completed, and the first bad one after it; None where there is none.

        Without a completed run, the first bad one of all.
        """
        with self._db.read() as tx:
            good = next(tx.rows_in(_LAST_GOOD, job_ids), None)
            statement = _FIRST_BAD.params(after_uid="" if good is None else good.uid)
            bad = next(tx.rows_in(statement, job_ids), None)
        return run_of(good) if good else None, run_of(bad) if bad else None
