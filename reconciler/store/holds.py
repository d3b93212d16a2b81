"""Holds: jobs that a person paused, kept beside Git and never undone by a pass."""

from datetime import datetime

from sqlalchemy import bindparam, or_, select, update

from reconciler.model.instant import format_instant
from reconciler.model.inventory import Hold
from reconciler.store import schema
from reconciler.store.part import Part
from reconciler.store.rows import hold_of, hold_row

_holds = schema.holds.c
_ALL = select(schema.holds).order_by(_holds.job_id)
_END = (
    update(schema.holds)
    .where(_holds.root_id == bindparam("of_root"), or_(_holds.until.is_(None), _holds.until > bindparam("end_at")))
    .values(until=bindparam("end_at"))
)


class Holds(Part):
    def holds(self) -> dict[str, Hold]:
        """Return all holds by root id, also those that are over: what passed under them is still theirs to judge."""
        with self._db.read() as tx:
            return {row.root_id: hold_of(row) for row in tx.rows(_ALL)}

    def set_hold(self, hold: Hold) -> None:
        """Pause a job, in place of an earlier hold of it."""
        with self._db.write() as tx:
            tx.upsert(schema.holds, [hold_row(hold)], "root_id")

    def end_hold(self, root_id: str, *, at: datetime) -> bool:
        """Let a hold be over at ``at``; False when there is none that lasts longer."""
        with self._db.write() as tx:
            return tx.run(_END, of_root=root_id, end_at=format_instant(at)) == 1
