"""Schedules: how far each is settled, and which are due."""

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import and_, bindparam, select

from reconciler.model.forms import Kind, decode_form
from reconciler.model.instant import format_instant
from reconciler.model.inventory import Applied, ScheduleState
from reconciler.store import schema
from reconciler.store.database import Row
from reconciler.store.part import Part, next_target, targets_of
from reconciler.store.reading import told
from reconciler.store.rows import ORIGIN_NAMES, instant_of, maybe_instant, origin_from, schedule_of, schedule_row

_schedules = schema.schedules.c
_inventory = schema.inventory.c

_ALL = select(schema.schedules).order_by(_schedules.target, _schedules.root_id)
_OF_TARGET = _ALL.where(_schedules.target == bindparam("of_target"))
_OF_ROOTS = _OF_TARGET.where(_schedules.root_id.in_(bindparam("keys", expanding=True)))
_NEXT_TARGET = next_target(_schedules.target)
_UPCOMING = (
    select(schema.schedules)
    .where(_schedules.next_at.is_not(None))
    .order_by(_schedules.next_at)
    .limit(bindparam("row_limit"))
)
_DUE_COLUMNS = (
    *(schema.schedules.c[name] for name in ("target", "root_id", "job_id", "anchor_at", "cursor_at", "next_at")),
    *(schema.inventory.c[name] for name in ("id", "applied_at", "retired_at")),
    schema.forms.c.data,
    *(schema.inventory.c[name] for name in ORIGIN_NAMES),
)
_DUE = (
    select(*_DUE_COLUMNS)
    .select_from(schema.schedules)
    .join(
        schema.inventory,
        and_(
            _inventory.target == _schedules.target,
            _inventory.kind == Kind.JOB.value,
            _inventory.root_id == _schedules.root_id,
        ),
    )
    .join(schema.forms, schema.FORM_OF)
    .where(_schedules.next_at <= bindparam("now"))
    .order_by(_schedules.next_at)
    .limit(bindparam("row_limit"))
)


class Schedules(Part):
    def schedules(self, target: str | None = None) -> list[ScheduleState]:
        """Return all schedules, on ``target`` or everywhere, ordered by target and root id."""
        with self._db.read() as tx:
            rows = tx.rows(_ALL) if target is None else tx.rows(_OF_TARGET, of_target=target)
        return [schedule_of(row) for row in rows]

    def schedules_of(self, root_ids: Collection[str]) -> list[ScheduleState]:
        """Return the schedules of these jobs, on any target."""
        with self._db.read() as tx:
            return [
                schedule_of(row)
                for target in targets_of(tx, _NEXT_TARGET)
                for row in tx.rows_in(_OF_ROOTS, root_ids, of_target=target)
            ]

    def due_schedules(self, now: datetime, limit: int) -> list[tuple[ScheduleState, Applied]]:
        """Return the ``limit`` schedules that fell due first, by ``now``, with the jobs they belong to."""
        with self._db.read() as tx:
            rows = tx.rows(_DUE, now=format_instant(now), row_limit=limit)
        return [_due_of(row) for row in rows]

    def upcoming(self, limit: int) -> list[ScheduleState]:
        """Return the ``limit`` schedules that fire next, soonest first."""
        with self._db.read() as tx:
            return [schedule_of(row) for row in tx.rows(_UPCOMING, row_limit=limit)]

    def save_schedules(self, states: Sequence[ScheduleState]) -> None:
        """Write ``states`` as they are, new or not; one transaction."""
        with self._db.write() as tx:
            tx.upsert(schema.schedules, map(schedule_row, states))


@told("schedule of", "job_id")
def _due_of(row: Row) -> tuple[ScheduleState, Applied]:
    """Return a schedule and its job, read by their place: by their names they would take twice as long."""
    target, root_id, job_id, anchor_at, cursor_at, next_at = row[:6]
    id_, applied_at, retired_at, data = row[6:10]
    state = ScheduleState(
        root_id=root_id,
        job_id=job_id,
        target=target,
        anchor_at=instant_of(anchor_at),
        cursor_at=instant_of(cursor_at),
        next_at=maybe_instant(next_at),
    )
    applied = Applied(
        target=target,
        kind=Kind.JOB,
        id=id_,
        root_id=root_id,
        form=decode_form(Kind.JOB, data),
        origin=origin_from(row[10:]),
        applied_at=instant_of(applied_at),
        retired_at=maybe_instant(retired_at),
    )
    return state, applied
