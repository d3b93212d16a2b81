"""Runs of targets that take few starts at a time, and take them without running them at once."""

from collections.abc import Collection, Mapping
from datetime import datetime

from msgspec.structs import replace
from sqlalchemy import bindparam, func, or_, select, update

from reconciler.model.instant import format_instant
from reconciler.model.run import Run, RunStatus
from reconciler.store import schema
from reconciler.store.rows import run_of
from reconciler.store.runs import CLAIMABLE_OF_JOB, RUNS, Runs

_runs = schema.runs.c
_STARTABLE = (
    schema.ACTIVE,
    _runs.status == RunStatus.CREATED.value,
    _runs.target == bindparam("of_target"),
    _runs.due_at <= bindparam("now"),
    or_(_runs.start_after.is_(None), _runs.start_after <= bindparam("now")),
)
_WAITING_JOBS = (
    select(_runs.root_id.label("root_id"), func.max(_runs.priority).label("priority"), func.count().label("number"))
    .where(*_STARTABLE)
    .group_by(_runs.root_id)
    .order_by(func.max(_runs.priority).desc(), func.min(_runs.due_at), _runs.root_id)
)
_COUNT_STARTABLE = select(func.count().label("number")).select_from(schema.runs).where(*_STARTABLE)
_CLAIMANTS = select(_runs.uid, _runs.claimed_by).where(_runs.uid.in_(bindparam("keys", expanding=True)))


_HELD = (
    select(_runs.occurrence_id)
    .where(
        schema.ACTIVE,
        _runs.target == bindparam("of_target"),
        _runs.status == RunStatus.CREATED.value,
        _runs.start_after == bindparam("held"),
    )
    .distinct()
)
_OF_OCCURRENCE = RUNS.where(_runs.occurrence_id == bindparam("of_id")).order_by(_runs.uid)
_RELEASE_BATCH = (
    update(schema.runs)
    .where(_runs.uid == bindparam("of_uid"), _runs.status == RunStatus.CREATED.value)
    .values(start_after=None, due_at=bindparam("to_due"))
)


class Pacing(Runs):
    def held_occurrences(self, target: str, *, held: datetime) -> list[str]:
        """Return the occurrences that have runs which wait, with ``held`` as their time, for others of it."""
        with self._db.read() as tx:
            return [row.occurrence_id for row in tx.rows(_HELD, of_target=target, held=format_instant(held))]

    def runs_of_occurrence(self, occurrence_id: str) -> list[Run]:
        """Return all runs of an occurrence, in the order in which they were made."""
        with self._db.read() as tx:
            return [run_of(row) for row in tx.rows(_OF_OCCURRENCE, of_id=occurrence_id)]

    def release_batch(self, uids: Collection[str], *, due_at: datetime) -> None:
        """Let these runs wait no longer: they are due at ``due_at``."""
        with self._db.write() as tx:
            tx.run_many(_RELEASE_BATCH, [{"of_uid": uid, "to_due": format_instant(due_at)} for uid in uids])

    def claim_shares(
        self, target: str, *, owner: str, now: datetime, limit: int, slots: int | None = None
    ) -> list[Run]:
        """Claim up to ``limit`` runs as ``claim_runs`` does, but in equal shares of all jobs that have as urgent ones.

        For a target that takes few at a time: a job on a thousand devices does not keep another waiting for its end.
        """
        with self._db.write() as tx:
            jobs = tx.rows(_WAITING_JOBS, of_target=target, now=format_instant(now))
            found: list[Run] = []
            for priority in sorted({row.priority for row in jobs}, reverse=True):
                waiting = {row.root_id: row.number for row in jobs if row.priority == priority}
                for root_id, share in _shares(waiting, limit - len(found)).items():
                    found += self.claim_in(
                        tx,
                        target,
                        owner=owner,
                        now=now,
                        limit=share,
                        slots=slots,
                        claimable=CLAIMABLE_OF_JOB,
                        of_root=root_id,
                    )
        return [replace(run, status=RunStatus.QUEUED, queued_at=now) for run in found]

    def claimants(self, uids: Collection[str]) -> dict[str, str]:
        """Return who claimed these runs, by uid; those that nobody holds are left out."""
        with self._db.read() as tx:
            return {row.uid: row.claimed_by for row in tx.rows_in(_CLAIMANTS, uids) if row.claimed_by}

    def count_startable(self, target: str, now: datetime) -> int:
        """Return how many runs of the target wait for nothing but their start."""
        with self._db.read() as tx:
            row = tx.row(_COUNT_STARTABLE, of_target=target, now=format_instant(now))
        return row.number if row is not None else 0


def _shares(waiting: Mapping[str, int], limit: int) -> dict[str, int]:
    """Return how many each job gets of ``limit``: the same, and what one does not need goes to the others."""
    shares = dict.fromkeys(waiting, 0)
    while limit > 0 and (hungry := [job for job in waiting if shares[job] < waiting[job]]):
        for job in hungry[:limit]:
            shares[job] += 1
        limit -= min(limit, len(hungry))
    return {job: share for job, share in shares.items() if share}
