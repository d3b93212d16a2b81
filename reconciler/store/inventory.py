"""The inventory: what this repository has applied, in which form, and from where."""

from collections.abc import Collection, Sequence

from sqlalchemy import bindparam, delete, exists, func, select, update

from reconciler.model.errors import InternalError
from reconciler.model.forms import Form, Kind, decode_form, digest_encoded, encode_form
from reconciler.model.inventory import Applied, ScheduleState
from reconciler.model.job import Job
from reconciler.store import schema
from reconciler.store.database import Database, Transaction, Values
from reconciler.store.part import Part, next_target, targets_of
from reconciler.store.reading import NOT_OURS, unreadable
from reconciler.store.rows import applied_of, applied_row, schedule_row

_inventory = schema.inventory.c
_schedules = schema.schedules.c
_forms = schema.forms.c

_APPLIED = select(schema.inventory, schema.forms.c.data).join(schema.forms, schema.FORM_OF)
_ALL = _APPLIED.order_by(_inventory.target, _inventory.kind, _inventory.id)
_OF_TARGET = _ALL.where(_inventory.target == bindparam("of_target"))
_OF_KIND = _OF_TARGET.where(_inventory.kind == bindparam("of_kind"))
_JOB = _APPLIED.where(
    _inventory.target == bindparam("of_target"),
    _inventory.kind == Kind.JOB.value,
    _inventory.root_id == bindparam("of_root"),
)

_NEXT_TARGET = next_target(_inventory.target)
_OF_KIND = _APPLIED.where(_inventory.target == bindparam("of_target"), _inventory.kind == bindparam("of_kind"))
_WITH_ROOTS = _OF_KIND.where(_inventory.root_id.in_(bindparam("keys", expanding=True)))
_OBJECTS = (
    select(_inventory.target, func.count().label("objects"))
    .where(_inventory.kind != Kind.VARIABLE.value)
    .group_by(_inventory.target)
)
_ANY_RETIRED = select(_inventory.id).where(_inventory.retired_at.is_not(None)).limit(1)

_COUNTS = select(_inventory.target, func.count()).where(_inventory.kind == Kind.JOB.value).group_by(_inventory.target)
_OF_COMMIT = _ALL.where(_inventory.commit == bindparam("of_commit"))
_FORMS = select(schema.forms).where(_forms.digest.in_(bindparam("keys", expanding=True)))
_FORM = select(_forms.data).where(_forms.kind == bindparam("of_kind"), _forms.digest == bindparam("of_digest"))

_BY_ID = (
    _inventory.target == bindparam("of_target"),
    _inventory.kind == bindparam("of_kind"),
    _inventory.id == bindparam("of_id"),
)
_ANY = select(_inventory.target).limit(1)
_APPLIED_BY_ID = _APPLIED.where(*_BY_ID)
_ROOT = select(_inventory.root_id).where(*_BY_ID)
_DELETE = delete(schema.inventory).where(*_BY_ID)
_DELETE_OTHER_ROOT = _DELETE.where(_inventory.root_id != bindparam("of_root"))

_BY_ROOT = (_schedules.target == bindparam("of_target"), _schedules.root_id == bindparam("of_root"))
_DELETE_SCHEDULE = delete(schema.schedules).where(*_BY_ROOT)
_RENAME_SCHEDULE = update(schema.schedules).where(*_BY_ROOT).values(job_id=bindparam("to_id"))
_DELETE_ORPHANS = delete(schema.schedules).where(
    ~exists().where(
        _inventory.target == _schedules.target,
        _inventory.kind == Kind.JOB.value,
        _inventory.root_id == _schedules.root_id,
    )
)

_event_jobs = schema.event_jobs.c
_ANY_EVENT_JOB = select(_event_jobs.target).limit(1)
_DELETE_EVENT_JOBS = delete(schema.event_jobs).where(
    _event_jobs.target == bindparam("of_target"), _event_jobs.root_id == bindparam("of_root")
)
_DELETE_EVENT_ORPHANS = delete(schema.event_jobs).where(
    ~exists().where(
        _inventory.target == _event_jobs.target,
        _inventory.kind == Kind.JOB.value,
        _inventory.root_id == _event_jobs.root_id,
    )
)

FOOTING = "footing"
_FIND_FOOTING = select(schema.meta.c.value).where(schema.meta.c.key == bindparam("of_key"))
_FORGET_FOOTING = delete(schema.meta).where(schema.meta.c.key == bindparam("of_key"))

_FORMS_HELD = 4096
"""How many forms are held in memory, by digest: a run needs its own some four times."""


class Inventory(Part):
    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._forms: dict[tuple[Kind, str], Form] = {}

    def inventory(self, target: str | None = None) -> list[Applied]:
        """Return what is applied, on ``target`` or everywhere, ordered by target, kind and id."""
        with self._db.read() as tx:
            rows = tx.rows(_ALL) if target is None else tx.rows(_OF_TARGET, of_target=target)
        return [applied_of(row) for row in rows]

    def applied_of(self, target: str, kind: Kind) -> list[Applied]:
        """Return what is applied of a kind on ``target``, ordered by id."""
        with self._db.read() as tx:
            return [applied_of(row) for row in tx.rows(_OF_KIND, of_target=target, of_kind=kind.value)]

    def applied_targets(self) -> list[str]:
        """Return the targets on which something is applied."""
        with self._db.read() as tx:
            return list(targets_of(tx, _NEXT_TARGET))

    def applied_under(self, kind: Kind, names: Collection[str]) -> list[Applied]:
        """Return what is applied anywhere with one of ``names`` as its id or its root id."""
        with self._db.read() as tx:
            found = {}
            for target in targets_of(tx, _NEXT_TARGET):
                rows = list(tx.rows_in(_WITH_ROOTS, names, of_target=target, of_kind=kind.value))
                # One by one: of many ids at once SQLite would go through all that is there of the kind.
                for name in names:
                    rows += tx.rows(_APPLIED_BY_ID, of_target=target, of_kind=kind.value, of_id=name)
                found.update({(target, row.root_id): row for row in rows})
        return [applied_of(row) for row in found.values()]

    def count_objects(self) -> dict[str, int]:
        """Return how many objects but variables are applied, by target; those without any are left out."""
        with self._db.read() as tx:
            return {row.target: row.objects for row in tx.rows(_OBJECTS)}

    def note_footing(self, value: str) -> None:
        """Keep what all that is applied is known to equal; any change to what is applied forgets it."""
        with self._db.write() as tx:
            tx.upsert(schema.meta, [{"key": FOOTING, "value": value}], "key")

    def footing(self) -> str:
        """Return what was last noted of all that is applied, or nothing when it has changed since."""
        with self._db.read() as tx:
            row = tx.row(_FIND_FOOTING, of_key=FOOTING)
            return str(row.value) if row is not None else ""

    def has_retired(self) -> bool:
        """Return whether a job is disabled and waits for its removal."""
        with self._db.read() as tx:
            return bool(tx.rows(_ANY_RETIRED))

    def count_applied(self) -> dict[str, int]:
        """Return how many jobs are applied, by target; those without any are left out."""
        with self._db.read() as tx:
            return {row[0]: row[1] for row in tx.rows(_COUNTS)}

    def applied_from(self, commit: str) -> list[Applied]:
        """Return what was applied from ``commit``, ordered by target, kind and id."""
        with self._db.read() as tx:
            return [applied_of(row) for row in tx.rows(_OF_COMMIT, of_commit=commit)]

    def applied_job(self, target: str, root_id: str) -> Applied | None:
        with self._db.read() as tx:
            row = tx.row(_JOB, of_target=target, of_root=root_id)
        return None if row is None else applied_of(row)

    def applied_by_id(self, target: str, job_id: str) -> Applied | None:
        with self._db.read() as tx:
            row = tx.row(_APPLIED_BY_ID, of_target=target, of_kind=Kind.JOB.value, of_id=job_id)
        return None if row is None else applied_of(row)

    def form(self, kind: Kind, digest: str) -> Form | None:
        """Return the form with this digest if it was ever applied: runs keep the form they were made from."""
        form = self._forms.get((kind, digest))
        if form is not None:
            return form
        with self._db.read() as tx:
            row = tx.row(_FORM, of_kind=kind.value, of_digest=digest)
        if row is None:
            return None
        if len(self._forms) >= _FORMS_HELD:
            self._forms.clear()
        return self._forms.setdefault((kind, digest), _form_of(kind, digest, row.data))

    def hold_forms(self, kind: Kind, digests: Collection[str]) -> None:
        """Read the forms with these digests in one go, for whoever asks for them next."""
        missing = {digest for digest in digests if (kind, digest) not in self._forms}
        if len(self._forms) + len(missing) > _FORMS_HELD:
            self._forms.clear()
        with self._db.read() as tx:
            for row in tx.rows_in(_FORMS, missing):
                if row.kind == kind.value:
                    self._forms[kind, row.digest] = _form_of(kind, row.digest, row.data)

    def keep_form(self, kind: Kind, form: Form) -> str:
        """Keep a form that is applied nowhere, for runs that are made from it; return its digest."""
        data = encode_form(form)
        digest = digest_encoded(data)
        with self._db.write() as tx:
            tx.insert_new(schema.forms, [{"digest": digest, "kind": kind.value, "data": data}])
        return digest

    def record_applied(self, items: Sequence[Applied], schedules: Sequence[ScheduleState]) -> None:
        """Write down what was applied, and the schedules that begin or change with it; one transaction.

        An earlier row with the same root or the same id is replaced.  The schedule of an item that is not among
        ``schedules`` stays as it is, or ends where the job has none any more.  The digest of an item's origin is that
        of its form.
        """
        with self._db.write() as tx:
            forget_footing(tx)
            tx.insert_new(schema.forms, map(_form_row, sorted(items, key=_digest)))
            _make_room(tx, items)
            tx.upsert(schema.inventory, map(applied_row, items))
            _follow_schedules(tx, [item for item in items if item.kind is Kind.JOB])
            _follow_events(tx, items)
            tx.upsert(schema.schedules, map(schedule_row, schedules))

    def record_deleted(self, target: str, kind: Kind, id: str) -> None:  # noqa: A002 - the word of the form
        """Forget the object and its schedule; its occurrences, runs and receipts stay."""
        with self._db.write() as tx:
            row = tx.row(_ROOT, of_target=target, of_kind=kind.value, of_id=id)
            if row is None:
                return
            forget_footing(tx)
            tx.run(_DELETE, of_target=target, of_kind=kind.value, of_id=id)
            if kind is Kind.JOB:
                tx.run(_DELETE_SCHEDULE, of_target=target, of_root=row.root_id)
                tx.run(_DELETE_EVENT_JOBS, of_target=target, of_root=row.root_id)


def _form_of(kind: Kind, digest: str, data: bytes) -> Form:
    try:
        return decode_form(kind, data)
    except NOT_OURS as error:
        raise unreadable(f"form of a {kind}", digest[:12]) from error


def forget_footing(tx: Transaction) -> None:
    """Forget what was noted of all that is applied: it changes."""
    tx.run(_FORGET_FOOTING, of_key=FOOTING)


def _digest(item: Applied) -> str:
    return item.origin.digest


def _form_row(item: Applied) -> Values:
    data = encode_form(item.form)
    if digest_encoded(data) != item.origin.digest:
        raise InternalError(
            f"{item.target}: the digest {item.origin.digest!r} of {item.kind} {item.id!r} is not that of its form",
            hint="The origin of what is applied carries digest_form(form).",
        )
    return {"digest": item.origin.digest, "kind": item.kind.value, "data": data}


def _make_room(tx: Transaction, items: Sequence[Applied]) -> None:
    """Delete what has the id of one of ``items`` under another root, and the schedules and events that it leaves."""
    # The first apply of a large repository need not ask for each of its items: nothing is there yet.
    if tx.row(_ANY) is not None and tx.run_many(_DELETE_OTHER_ROOT, map(_place, items)):
        tx.run(_DELETE_ORPHANS)
        tx.run(_DELETE_EVENT_ORPHANS)


def _place(item: Applied) -> Values:
    return {"of_target": item.target, "of_kind": item.kind.value, "of_id": item.id, "of_root": item.root_id}


def _follow_schedules(tx: Transaction, jobs: Sequence[Applied]) -> None:
    """End the schedules of jobs that have none any more, rename those of renamed jobs."""
    ended = [job for job in jobs if isinstance(job.form, Job) and job.form.schedule is None]
    tx.run_many(_DELETE_SCHEDULE, [{"of_target": job.target, "of_root": job.root_id} for job in ended])
    renamed = [job for job in jobs if job.id != job.root_id]
    tx.run_many(
        _RENAME_SCHEDULE, [{"of_target": job.target, "of_root": job.root_id, "to_id": job.id} for job in renamed]
    )


def _follow_events(tx: Transaction, items: Sequence[Applied]) -> None:
    jobs = [(item, item.form) for item in items if isinstance(item.form, Job)]
    # Most repositories have none at all; then a large apply need not ask for each of its jobs.
    if tx.row(_ANY_EVENT_JOB) is not None:
        tx.run_many(_DELETE_EVENT_JOBS, [{"of_target": item.target, "of_root": item.root_id} for item, _ in jobs])
    tx.insert_new(
        schema.event_jobs,
        [
            {"event_type": trigger.event_type, "target": item.target, "root_id": item.root_id}
            for item, job in jobs
            for trigger in job.events
        ],
    )
