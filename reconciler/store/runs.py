"""Runs on their way: claimed, started, followed; and the list of them."""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from msgspec.structs import replace
from sqlalchemy import ColumnElement, Executable, bindparam, exists, func, or_, select, update

from reconciler.model.errors import UsageError
from reconciler.model.instant import format_instant
from reconciler.model.run import OutputRecord, Run, RunStatus
from reconciler.store import schema
from reconciler.store.database import Row, Transaction
from reconciler.store.part import Part
from reconciler.store.reading import told
from reconciler.store.records import Attempt, RunFilter, Standing
from reconciler.store.rows import (
    RUN_COLUMNS,
    attempt_of,
    attempt_row,
    json_text,
    maybe_instant,
    maybe_text,
    output_of,
    output_rows,
    run_of,
)

_LAST_CHARACTER = "\U0010ffff"

_runs = schema.runs.c
_commit = schema.origins.c.commit
RUNS = select(*RUN_COLUMNS).select_from(schema.runs).join(schema.origins)
_RUN = RUNS.where(_runs.uid == bindparam("of_uid"))
_BY_PREFIX = (
    RUNS.where(_runs.uid >= bindparam("first_uid"), _runs.uid < bindparam("past_uid")).order_by(_runs.uid).limit(3)
)
_NEWEST = RUNS.order_by(_runs.uid.desc()).limit(bindparam("row_limit"))
_ON_DEVICE = select(_runs.uid).where(_runs.device_uid == bindparam("of_device")).limit(1)
_COMMITS = (
    select(_commit)
    .where(_commit >= bindparam("first_commit"), _commit < bindparam("past_commit"))
    .distinct()
    .limit(100)
)
_ACTIVE = RUNS.where(schema.ACTIVE).order_by(_runs.uid)
_ACTIVE_OF = RUNS.where(schema.ACTIVE, _runs.root_id.in_(bindparam("keys", expanding=True)))
_ANY_ACTIVE = select(_runs.uid).where(schema.ACTIVE).limit(1)
_COUNT_ACTIVE = select(func.count().label("number")).select_from(schema.runs).where(schema.ACTIVE)
_others = schema.runs.alias("others")
_BESIDE = exists().where(
    _others.c.root_id == _runs.root_id,
    _others.c.target == _runs.target,
    _others.c.device_uid == _runs.device_uid,
    _others.c.ended_at.is_(None),
    _others.c.status != RunStatus.CREATED.value,
)
_WITH_KEY = (
    select(func.count())
    .select_from(_others)
    .where(
        _others.c.concurrency_key == _runs.concurrency_key,
        _others.c.ended_at.is_(None),
        _others.c.status != RunStatus.CREATED.value,
    )
    .correlate(schema.runs)
    .scalar_subquery()
)
_CLAIMABLE = (
    RUNS.where(
        schema.ACTIVE,
        _runs.status == RunStatus.CREATED.value,
        _runs.target == bindparam("of_target"),
        _runs.due_at <= bindparam("now"),
        _runs.priority > bindparam("above"),
        or_(_runs.start_after.is_(None), _runs.start_after <= bindparam("now")),
        or_(_runs.is_exclusive.is_(False), ~_BESIDE),
        or_(_runs.concurrency_key.is_(None), _runs.concurrency_max > _WITH_KEY),
    )
    .order_by(_runs.priority.desc(), _runs.due_at, _runs.uid)
    .limit(bindparam("row_limit"))
    .with_for_update(of=schema.runs, skip_locked=True)
)
CLAIMABLE_OF_JOB = _CLAIMABLE.where(_runs.root_id == bindparam("of_root"))
_COUNT_ACTIVE_THERE = (
    select(func.count().label("number"))
    .select_from(schema.runs)
    .where(schema.ACTIVE, _runs.target == bindparam("of_target"))
)
_KEYS = (
    select(_runs.concurrency_key.label("key"), func.count().label("number"))
    .where(schema.ACTIVE_KEY, _runs.status != RunStatus.CREATED.value)
    .group_by(_runs.concurrency_key)
)
_COUNT_UNDER_WAY = (
    select(_runs.priority, func.count().label("number"))
    .where(
        schema.ACTIVE,
        _runs.target == bindparam("of_target"),
        or_(_runs.status == RunStatus.QUEUED.value, _runs.status == RunStatus.RUNNING.value),
    )
    .group_by(_runs.priority)
)
# Not "is not created": the index leads to a status, and past all that wait to be claimed.
_IS_UNDER_WAY = or_(
    *(_runs.status == status.value for status in (RunStatus.QUEUED, RunStatus.RUNNING, RunStatus.WAITING))
)
_UNDER_WAY = RUNS.where(schema.ACTIVE, _IS_UNDER_WAY).order_by(_runs.uid)
_UNDER_WAY_THERE = _UNDER_WAY.where(_runs.target == bindparam("of_target"))
_LAST_STATUS = (
    select(_runs.uid, _runs.status)
    .where(
        _runs.job_id == bindparam("of_job"),
        _runs.target == bindparam("of_target"),
        _runs.device_uid == bindparam("of_device"),
        _runs.ended_at.is_not(None),
    )
    .order_by(_runs.uid.desc())
    .limit(1)
)
_CHILDREN = RUNS.where(schema.CHILD, _runs.parent_uid == bindparam("of_uid")).order_by(_runs.uid)
_CLAIM = (
    update(schema.runs)
    .where(_runs.uid == bindparam("of_uid"), _runs.status == RunStatus.CREATED.value, schema.ACTIVE)
    .values(status=RunStatus.QUEUED.value, queued_at=bindparam("now"), claimed_by=bindparam("by_owner"))
)
_NOT_STARTED = or_(_runs.status == RunStatus.CREATED.value, _runs.status == RunStatus.QUEUED.value)
_RELEASE = (
    update(schema.runs)
    .where(_runs.uid == bindparam("of_uid"), _runs.status == RunStatus.QUEUED.value, _runs.handle.is_(None))
    .values(status=RunStatus.CREATED.value, queued_at=None, claimed_by=None, start_after=bindparam("to_start_after"))
)
_START = (
    update(schema.runs)
    .where(_runs.uid == bindparam("of_uid"), _NOT_STARTED)
    .values(
        status=RunStatus.RUNNING.value,
        started_at=func.coalesce(_runs.started_at, bindparam("at")),
        handle=bindparam("by_handle"),
    )
)
_ACCEPT = (
    update(schema.runs).where(_runs.uid == bindparam("of_uid"), _NOT_STARTED).values(handle=bindparam("by_handle"))
)
_TRY_AGAIN = (
    update(schema.runs)
    .where(
        _runs.uid == bindparam("of_uid"),
        _runs.attempt == bindparam("of_attempt"),
        _runs.cancel_requested_at.is_(None),
        schema.ACTIVE,
    )
    .values(
        status=RunStatus.CREATED.value,
        reason="",
        question=None,
        attempt=_runs.attempt + 1,
        due_at=bindparam("to_due"),
        queued_at=None,
        claimed_by=None,
        handle=None,
        start_after=None,
    )
)
_ATTEMPTS = (
    select(schema.attempts).where(schema.attempts.c.run_uid == bindparam("of_uid")).order_by(schema.attempts.c.attempt)
)
_written = schema.attempt_output.c
_ATTEMPT_OUTPUT = (
    select(schema.attempt_output)
    .where(_written.run_uid == bindparam("of_uid"), _written.attempt == bindparam("of_attempt"))
    .order_by(_written.position)
)
_NEXT_DUE = select(func.min(_runs.due_at).label("at")).where(
    schema.ACTIVE, _runs.status == RunStatus.CREATED.value, _runs.due_at > bindparam("now")
)
_NEXT_TRY = select(func.min(_runs.start_after).label("at")).where(
    schema.ACTIVE, _runs.status == RunStatus.CREATED.value, _runs.start_after > bindparam("now")
)
_CANCEL = (
    update(schema.runs)
    .where(_runs.uid == bindparam("of_uid"), schema.ACTIVE)
    .values(cancel_requested_at=func.coalesce(_runs.cancel_requested_at, bindparam("at")))
)
_PROGRESS = (
    update(schema.runs)
    .where(_runs.uid == bindparam("of_uid"), schema.ACTIVE)
    .values(
        status=bindparam("to_status"),
        reason=bindparam("for_reason"),
        question=bindparam("of_question"),
        started_at=func.coalesce(_runs.started_at, bindparam("at")),
    )
)


class Runs(Part):
    def claim_runs(
        self,
        target: str,
        *,
        owner: str,
        now: datetime,
        limit: int,
        slots: int | None = None,
        overtakes: bool = False,
    ) -> list[Run]:
        """Make up to ``limit`` due runs ``queued`` for ``owner`` and return them: no two callers get the same one.

        The most urgent come first: by priority, then due time, then age.  A run that is exclusive waits while another
        run of its job is under way on the same device, one with a concurrency key while too many of that key are, and
        all wait while ``slots`` runs are under way on the target, not counting those that wait themselves.
        ``overtakes``: the target starts the most urgent first, so only those as urgent, or more so, are counted.
        """
        with self._db.write() as tx:
            found = self.claim_in(tx, target, owner=owner, now=now, limit=limit, slots=slots, overtakes=overtakes)
        return [replace(run, status=RunStatus.QUEUED, queued_at=now) for run in found]

    def claim_in(
        self,
        tx: Transaction,
        target: str,
        *,
        owner: str,
        now: datetime,
        limit: int,
        slots: int | None,
        overtakes: bool = False,
        claimable: Executable = _CLAIMABLE,
        **given: str,
    ) -> list[Run]:
        """Claim in a transaction those that ``claimable`` finds, ``given`` what it names; return them as they were."""
        text = format_instant(now)
        found: list[Run] = []
        above = 0
        if slots is not None:
            under_way = {row.priority: row.number for row in tx.rows(_COUNT_UNDER_WAY, of_target=target)}
            above, room = _room(under_way, slots) if overtakes else (0, slots - sum(under_way.values()))
            limit = min(limit, room)
        # Some of the first may stand in each other's way: then those behind them get their turn at once.
        while limit > len(found):
            rows = tx.rows(claimable, of_target=target, now=text, above=above, row_limit=limit - len(found), **given)
            chosen = _compatible([run_of(row) for row in rows], lambda: _count_keys(tx))
            tx.run_many(_CLAIM, [{"of_uid": run.uid, "now": text, "by_owner": owner} for run in chosen])
            found += chosen
            if len(chosen) in {0, len(rows)}:
                break
        return found

    def withdraw_run(self, uid: str, *, owner: str, now: datetime) -> bool:
        """Claim one run so that nobody else starts it; False when it is no longer ``created``."""
        with self._db.write() as tx:
            return tx.run(_CLAIM, of_uid=uid, now=format_instant(now), by_owner=owner) == 1

    def try_again(self, ended: Attempt, *, due_at: datetime) -> bool:
        """Keep how an attempt ended, and make the run ``created`` again, for its next attempt at ``due_at``.

        False, and nothing is written, when that attempt is not the run's present one, or the run is to be cancelled.
        """
        with self._db.write() as tx:
            row = {"of_uid": ended.run_uid, "of_attempt": ended.attempt, "to_due": format_instant(due_at)}
            if tx.run(_TRY_AGAIN, **row) != 1:
                return False
            tx.insert_new(schema.attempts, [attempt_row(ended)])
            rows = output_rows(ended.run_uid, ended.output)
            tx.insert_new(schema.attempt_output, [{**row, "attempt": ended.attempt} for row in rows])
        return True

    def attempts(self, uid: str) -> list[Attempt]:
        """Return the attempts of a run before its present one, oldest first."""
        with self._db.read() as tx:
            return [attempt_of(row) for row in tx.rows(_ATTEMPTS, of_uid=uid)]

    def attempt_output(self, uid: str, attempt: int) -> list[OutputRecord]:
        """Return what an attempt before the present one wrote."""
        with self._db.read() as tx:
            return [output_of(row) for row in tx.rows(_ATTEMPT_OUTPUT, of_uid=uid, of_attempt=attempt)]

    def next_due_run(self, now: datetime) -> datetime | None:
        """Return when the next run that waits for its time, or for its next try, after ``now``, is due."""
        with self._db.read() as tx:
            rows = [tx.row(statement, now=format_instant(now)) for statement in (_NEXT_DUE, _NEXT_TRY)]
        found = [at for row in rows if row is not None and (at := maybe_instant(row.at)) is not None]
        return min(found, default=None)

    def request_cancel(self, uid: str, *, at: datetime) -> bool:
        """Note that the run is to be cancelled, for whoever follows it; False when it has ended."""
        with self._db.write() as tx:
            return tx.run(_CANCEL, of_uid=uid, at=format_instant(at)) == 1

    def release_run(self, uid: str, *, start_after: datetime | None = None) -> bool:
        """Make a claimed run that was not started ``created`` again, for a later claim, not before ``start_after``.

        False when it is not such.
        """
        with self._db.write() as tx:
            return tx.run(_RELEASE, of_uid=uid, to_start_after=maybe_text(start_after)) == 1

    def record_started(self, uid: str, *, at: datetime, handle: str | None) -> bool:
        """Make the run ``running``; False when it was not waiting for its start."""
        with self._db.write() as tx:
            return tx.run(_START, of_uid=uid, at=format_instant(at), by_handle=handle) == 1

    def record_starts(self, handles: Mapping[str, str], *, at: datetime, is_durable: bool = True) -> None:
        """Make the runs ``running``, given their handles by uid; one that was not waiting for its start stays so.

        Not ``is_durable``: after a power cut they may be found waiting for their start, as they were before.
        """
        text = format_instant(at)
        with self._db.write(is_durable=is_durable) as tx:
            tx.run_many(_START, [{"of_uid": uid, "at": text, "by_handle": handle} for uid, handle in handles.items()])

    def record_accepted(self, handles: Mapping[str, str], *, is_durable: bool) -> None:
        """Note the handles, by uid, of runs that their target will start in its own time."""
        with self._db.write(is_durable=is_durable) as tx:
            tx.run_many(_ACCEPT, [{"of_uid": uid, "by_handle": handle} for uid, handle in handles.items()])

    def record_progress(self, standings: Sequence[Standing]) -> None:
        """Give runs that are under way another status that is not an end; those that have ended stay as they are."""
        rows = [
            {
                "of_uid": standing.uid,
                "to_status": standing.status.value,
                "for_reason": standing.reason,
                "of_question": json_text(standing.question) if standing.question is not None else None,
                "at": maybe_text(standing.started_at),
            }
            for standing in standings
        ]
        with self._db.write() as tx:
            tx.run_many(_PROGRESS, rows)

    def active_runs(self, target: str | None = None, root_id: str | None = None) -> list[Run]:
        """Return the runs that have not ended, oldest first."""
        statement = _ACTIVE
        if target is not None:
            statement = statement.where(_runs.target == target)
        if root_id is not None:
            statement = statement.where(_runs.root_id == root_id)
        with self._db.read() as tx:
            return [run_of(row) for row in tx.connection.execute(statement)]

    def active_runs_of(self, root_ids: Collection[str]) -> list[Run]:
        """Return the runs of these jobs that have not ended, on any target."""
        with self._db.read() as tx:
            if tx.row(_ANY_ACTIVE) is None:
                return []  # so it is at most instants, and to ask for many jobs costs ten times as much
            return [run_of(row) for row in tx.rows_in(_ACTIVE_OF, root_ids)]

    def runs_under_way(self, target: str | None = None) -> list[Run]:
        """Return the runs that were claimed and have not ended, oldest first."""
        with self._db.read() as tx:
            rows = tx.rows(_UNDER_WAY) if target is None else tx.rows(_UNDER_WAY_THERE, of_target=target)
            return [run_of(row) for row in rows]

    def children(self, uid: str) -> list[Run]:
        """Return the runs that this one started, and those that retry it, oldest first."""
        with self._db.read() as tx:
            return [run_of(row) for row in tx.rows(_CHILDREN, of_uid=uid)]

    def last_status(self, job_id: str, target: str, device_uid: str) -> RunStatus | None:
        """Return how the job's latest run there that has ended did end; None: there is none."""
        with self._db.read() as tx:
            row = tx.row(_LAST_STATUS, of_job=job_id, of_target=target, of_device=device_uid)
        return None if row is None else _status_of(row)

    def count_active(self, target: str | None = None) -> int:
        """Return how many runs have not ended."""
        with self._db.read() as tx:
            row = tx.row(_COUNT_ACTIVE) if target is None else tx.row(_COUNT_ACTIVE_THERE, of_target=target)
            return row.number if row is not None else 0

    def run(self, uid: str) -> Run | None:
        """Return the run with this uid, or the only one whose uid begins so. Raises UsageError where several do."""
        with self._db.read() as tx:
            row = tx.row(_RUN, of_uid=uid)
            if row is not None:
                return run_of(row)
            prefix = uid.strip().lower()
            if not prefix:
                return None
            found = tx.rows(_BY_PREFIX, first_uid=prefix, past_uid=prefix + _LAST_CHARACTER)
        if len(found) > 1:
            some = ", ".join(row.uid for row in found[:2])
            raise UsageError(f"{uid!r} is the beginning of several runs: {some} ...", hint="Give more of the uid.")
        return run_of(found[0]) if found else None

    def runs(self, filter: RunFilter, *, limit: int, before_uid: str | None = None) -> list[Run]:  # noqa: A002
        """Return the newest runs that pass ``filter``, newest first; ``before_uid`` is the last of the page before."""
        statement = _filtered(_NEWEST, filter)
        if before_uid is not None:
            statement = statement.where(_runs.uid < before_uid)
        with self._db.read() as tx:
            if filter.commit is not None:
                past = filter.commit + _LAST_CHARACTER
                commits = [row.commit for row in tx.rows(_COMMITS, first_commit=filter.commit, past_commit=past)]
                statement = statement.where(_one_of(_runs.commit, commits))
            if filter.device is not None:
                is_uid = tx.row(_ON_DEVICE, of_device=filter.device) is not None
                statement = statement.where((_runs.device_uid if is_uid else _runs.device_hostname) == filter.device)
            return [run_of(row) for row in tx.connection.execute(statement, {"row_limit": limit})]


@told("run", "uid")
def _status_of(row: Row) -> RunStatus:
    return RunStatus(row.status)


def _one_of(column: ColumnElement[str], values: list[str]) -> ColumnElement[bool]:
    """Return the condition by which the newest are found without sorting, where there is one value only."""
    return column == values[0] if len(values) == 1 else column.in_(values)


def _room(under_way: Mapping[int, int], slots: int) -> tuple[int, int]:
    """Return the priority above which there is room, and for how many, given how many are under way by priority."""
    for above in sorted({0, *under_way}):
        room = slots - sum(number for priority, number in under_way.items() if priority > above)
        if room > 0:
            return above, room
    return 0, 0


def _count_keys(tx: Transaction) -> dict[str, int]:
    return {row.key: row.number for row in tx.rows(_KEYS)}


def _compatible(runs: Sequence[Run], count_keys: Callable[[], dict[str, int]]) -> list[Run]:
    """Return those of ``runs`` that may all be under way together, the first of each conflict.

    ``count_keys`` tells how many are under way by concurrency key.
    """
    taken: set[tuple[str, str]] = set()
    keys = count_keys() if any(run.concurrency for run in runs) else {}
    found = []
    for run in runs:
        place, limit = (run.root_id, run.device.uid), run.concurrency
        if (run.is_exclusive and place in taken) or (limit and keys.get(limit.key, 0) >= limit.max):
            continue
        found.append(run)
        taken.add(place)
        if limit:
            keys[limit.key] = keys.get(limit.key, 0) + 1
    return found


def _filtered(statement: Any, wanted: RunFilter) -> Any:
    """Return ``statement`` with what ``wanted`` says, but for what must be looked up first."""
    if wanted.job_id is not None:
        statement = statement.where(_runs.job_id == wanted.job_id)
    if wanted.target is not None:
        statement = statement.where(_runs.target == wanted.target)
    if wanted.status is not None:
        statement = statement.where(_runs.status == wanted.status.value)
        if wanted.status.is_ended and wanted.status is not RunStatus.COMPLETED:
            statement = statement.where(schema.TROUBLED)
        elif not wanted.status.is_ended:
            statement = statement.where(schema.ACTIVE)
    if wanted.trigger_kind is not None:
        statement = statement.where(_runs.trigger_kind == wanted.trigger_kind.value)
    if wanted.site is not None:
        statement = statement.where(_runs.device_site == wanted.site, schema.ON_SITE)
    if wanted.since is not None:
        statement = statement.where(_runs.created_at >= format_instant(wanted.since))
    return statement
