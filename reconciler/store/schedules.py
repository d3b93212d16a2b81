"""Schedules: how far each is settled, and which are due."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import and_, bindparam, select

from reconciler.model.forms import Kind
from reconciler.model.inventory import Applied, ScheduleState
from reconciler.store.forms import Forms
from reconciler.store.rows import applied_of, schedule_of, schedule_row
from reconciler.store.schema import inventory, schedules

_ALL = select(schedules).order_by(schedules.c.target, schedules.c.root_id)
_OF_TARGET = _ALL.where(schedules.c.target == bindparam("of_target"))
_UPCOMING = (
    select(schedules)
    .where(schedules.c.next_at.is_not(None))
    .order_by(schedules.c.next_at)
    .limit(bindparam("row_limit"))
)
_DUE = (
    select(schedules, *(column for column in inventory.c if column.name not in schedules.c))
    .join(
        inventory,
        and_(
            inventory.c.target == schedules.c.target,
            inventory.c.kind == Kind.JOB,
            inventory.c.root_id == schedules.c.root_id,
        ),
    )
    .where(schedules.c.next_at <= bindparam("now"))
    .order_by(schedules.c.next_at)
    .limit(bindparam("row_limit"))
)


class Schedules(Forms):
    def schedules(self, target: str | None = None) -> list[ScheduleState]:
        """Return all schedules, on ``target`` or everywhere, ordered by target and root id."""
        with self._db.read() as connection:
            rows = connection.execute(_ALL if target is None else _OF_TARGET, {"of_target": target})
            return [schedule_of(row) for row in rows]

    def due_schedules(self, now: datetime, limit: int) -> list[tuple[ScheduleState, Applied]]:
        """Return the ``limit`` schedules that fell due first, by ``now``, with the jobs they belong to."""
        with self._db.read() as connection:
            rows = connection.execute(_DUE, {"now": now, "row_limit": limit}).all()
            found = self._forms(connection, ((Kind.JOB, row.digest) for row in rows))
        return [(schedule_of(row), applied_of(row, found[Kind.JOB, row.digest])) for row in rows]

    def upcoming(self, limit: int) -> list[ScheduleState]:
        """Return the ``limit`` schedules that fire next, soonest first."""
        with self._db.read() as connection:
            return [schedule_of(row) for row in connection.execute(_UPCOMING, {"row_limit": limit})]

    def save_schedules(self, states: Sequence[ScheduleState]) -> None:
        """Write ``states`` as they are, new or not; one transaction."""
        if states:
            with self._db.write() as connection:
                connection.execute(self._db.upsert(schedules), [schedule_row(state) for state in states])
