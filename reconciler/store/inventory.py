"""The inventory: what this repository has applied, in which form, and from where."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, delete, exists, select, update

from reconciler.model.errors import InternalError
from reconciler.model.forms import Kind, digest_form, encode_form
from reconciler.model.inventory import Applied, ScheduleState
from reconciler.model.job import Job
from reconciler.store import schema
from reconciler.store.forms import Forms
from reconciler.store.rows import applied_of, applied_row, schedule_row

_ALL = select(schema.inventory).order_by(schema.inventory.c.target, schema.inventory.c.kind, schema.inventory.c.id)
_OF_TARGET = _ALL.where(schema.inventory.c.target == bindparam("of_target"))
_JOB = select(schema.inventory).where(
    schema.inventory.c.target == bindparam("of_target"),
    schema.inventory.c.kind == Kind.JOB,
    schema.inventory.c.root_id == bindparam("of_root"),
)

_BY_ID = (
    schema.inventory.c.target == bindparam("of_target"),
    schema.inventory.c.kind == bindparam("of_kind"),
    schema.inventory.c.id == bindparam("of_id"),
)
_ROOT = select(schema.inventory.c.root_id).where(*_BY_ID)
_DELETE = delete(schema.inventory).where(*_BY_ID)
_DELETE_OTHER_ROOT = _DELETE.where(schema.inventory.c.root_id != bindparam("of_root"))

_BY_ROOT = (schema.schedules.c.target == bindparam("of_target"), schema.schedules.c.root_id == bindparam("of_root"))
_DELETE_SCHEDULE = delete(schema.schedules).where(*_BY_ROOT)
_RENAME_SCHEDULE = update(schema.schedules).where(*_BY_ROOT).values(job_id=bindparam("to_id"))
_DELETE_ORPHANS = delete(schema.schedules).where(
    ~exists().where(
        schema.inventory.c.target == schema.schedules.c.target,
        schema.inventory.c.kind == Kind.JOB,
        schema.inventory.c.root_id == schema.schedules.c.root_id,
    )
)


class Inventory(Forms):
    def inventory(self, target: str | None = None) -> list[Applied]:
        """Return what is applied, on ``target`` or everywhere, ordered by target, kind and id."""
        with self._db.read() as connection:
            rows = connection.execute(_ALL if target is None else _OF_TARGET, {"of_target": target}).all()
            found = self._forms(connection, ((row.kind, row.digest) for row in rows))
        return [applied_of(row, found[row.kind, row.digest]) for row in rows]

    def applied_job(self, target: str, root_id: str) -> Applied | None:
        with self._db.read() as connection:
            row = connection.execute(_JOB, {"of_target": target, "of_root": root_id}).one_or_none()
            if row is None:
                return None
            key = (row.kind, row.digest)
            return applied_of(row, self._forms(connection, [key])[key])

    def record_applied(self, items: Sequence[Applied], schedules: Sequence[ScheduleState]) -> None:
        """Write down what was applied, and the schedules that begin or change with it; one transaction.

        An earlier row with the same root or the same id is replaced.  The schedule of an item that is not among
        ``schedules`` stays as it is, or ends where the job has none any more.  The digest of an item's origin
        is that of its form.
        """
        with self._db.write() as connection:
            if items:
                self._record_items(connection, items)
            if schedules:
                connection.execute(self._db.upsert(schema.schedules), [schedule_row(state) for state in schedules])

    def record_deleted(self, target: str, kind: Kind, id: str) -> None:  # noqa: A002 - the word of the form
        """Forget the object and its schedule; its occurrences, runs and receipts stay."""
        of = {"of_target": target, "of_kind": kind, "of_id": id}
        with self._db.write() as connection:
            root_id = connection.execute(_ROOT, of).scalar_one_or_none()
            connection.execute(_DELETE, of)
            if kind is Kind.JOB and root_id is not None:
                connection.execute(_DELETE_SCHEDULE, {"of_target": target, "of_root": root_id})

    def _record_items(self, connection: Connection, items: Sequence[Applied]) -> None:
        by_form = {(item.kind, item.origin.digest): item for item in items}
        connection.execute(self._db.insert_new(schema.forms), [_form_row(item) for item in by_form.values()])
        places = [
            {"of_target": item.target, "of_kind": item.kind, "of_id": item.id, "of_root": item.root_id}
            for item in items
        ]
        if connection.execute(_DELETE_OTHER_ROOT, places).rowcount:
            connection.execute(_DELETE_ORPHANS)
        connection.execute(self._db.upsert(schema.inventory), [applied_row(item) for item in items])
        _follow_schedules(connection, [item for item in items if item.kind is Kind.JOB])


def _follow_schedules(connection: Connection, jobs: Sequence[Applied]) -> None:
    """End the schedules of jobs that have none any more, rename those of renamed jobs."""
    ended = [
        {"of_target": job.target, "of_root": job.root_id}
        for job in jobs
        if isinstance(job.form, Job) and job.form.schedule is None
    ]
    renamed = [
        {"of_target": job.target, "of_root": job.root_id, "to_id": job.id} for job in jobs if job.id != job.root_id
    ]
    if ended:
        connection.execute(_DELETE_SCHEDULE, ended)
    if renamed:
        connection.execute(_RENAME_SCHEDULE, renamed)


def _form_row(item: Applied) -> dict[str, Any]:
    if digest_form(item.form) != item.origin.digest:
        raise InternalError(
            f"{item.target}: the digest {item.origin.digest!r} of {item.kind} {item.id!r} is not that of its form",
            hint="The origin of what is applied carries digest_form(form).",
        )
    return {"digest": item.origin.digest, "kind": item.kind, "data": encode_form(item.form)}
