"""Events as they came, and what became of each; which applied jobs they are for."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import bindparam, case, delete, func, select, update

from reconciler.model.event import Event
from reconciler.model.forms import Kind
from reconciler.model.instant import format_instant
from reconciler.model.inventory import Applied
from reconciler.model.run import RunStatus
from reconciler.store import schema
from reconciler.store.part import Part
from reconciler.store.records import EventRecord, StartedRun
from reconciler.store.rows import applied_of, event_record_of, event_row, json_text

KEPT_EVENTS = 10_000
_KEPT_BYTES = 4096
"""Of a settled event's data; its runs keep all of it."""

_BEFORE = timedelta(hours=1)
"""An event may be younger than the turn that settles it, whose moment its occurrences have."""

_events = schema.events.c
_jobs = schema.event_jobs.c
_occurrences = schema.occurrences.c
_inventory = schema.inventory.c

_PENDING = (
    select(schema.events)
    .where(schema.PENDING, _events.seq > bindparam("after_seq"))
    .order_by(_events.seq)
    .limit(bindparam("row_limit"))
)
_NEWEST = select(schema.events).order_by(_events.seq.desc()).limit(bindparam("row_limit"))
_runs = schema.runs.c
_CAME_OF = (
    select(_occurrences.trigger_key, _occurrences["count"].label("events"), _runs.uid, _runs.job_id, _runs.status)
    .join_from(schema.occurrences, schema.runs)
    .where(
        _occurrences.scheduled_for >= bindparam("since"),
        _occurrences.trigger_key.in_(bindparam("keys", expanding=True)),
    )
    .order_by(_runs.uid)
)
_BY_ID = select(schema.events).where(_events.source == bindparam("of_source"), _events.id == bindparam("of_id"))
_SETTLE = (
    update(schema.events)
    .where(_events.seq == bindparam("of_seq"))
    .values(
        settled_at=bindparam("was_at"),
        remaining=bindparam("still"),
        outcome=bindparam("became"),
        data=case((func.length(_events.data) > _KEPT_BYTES, "{}"), else_=_events.data),
    )
)
_PUT_OFF = (
    update(schema.events)
    .where(_events.seq == bindparam("of_seq"))
    .values(remaining=bindparam("still"), outcome=bindparam("became"))
)
_PRUNE = delete(schema.events).where(
    _events.settled_at.is_not(None),
    _events.seq <= select(func.max(_events.seq)).scalar_subquery() - bindparam("keep"),
)
_OF_TYPE = (
    select(schema.inventory, schema.forms.c.data)
    .join(schema.forms, schema.FORM_OF)
    .join(schema.event_jobs, (_jobs.target == _inventory.target) & (_jobs.root_id == _inventory.root_id))
    .where(_jobs.event_type == bindparam("of_type"), _inventory.kind == Kind.JOB.value)
    .order_by(_inventory.target, _inventory.id)
)
_TYPES = select(_jobs.event_type).where(_jobs.event_type.in_(bindparam("keys", expanding=True))).distinct()
_AGAIN = (
    update(schema.occurrences)
    .where(_occurrences.id == bindparam("of_id"))
    .values(count=_occurrences.count + bindparam("more"), last_instant=bindparam("to_last"))
)


class Events(Part):
    def add_events(self, events: Sequence[Event]) -> int:
        """Record what happened, durably, and return how much of it was new: one with a known source and id is not."""
        with self._db.write() as tx:
            return tx.insert_new(schema.events, [event_row(event) for event in events])

    def pending_events(self, *, after_seq: int = 0, limit: int) -> list[EventRecord]:
        """Return events that have still to reach a job, oldest first."""
        with self._db.read() as tx:
            return [event_record_of(row) for row in tx.rows(_PENDING, after_seq=after_seq, row_limit=limit)]

    def event(self, source: str, id: str) -> EventRecord | None:  # noqa: A002 - the word of the event
        with self._db.read() as tx:
            row = tx.row(_BY_ID, of_source=source, of_id=id)
        return None if row is None else event_record_of(row)

    def events(
        self,
        *,
        type: str | None = None,  # noqa: A002 - the word of the event
        source: str | None = None,
        before_seq: int | None = None,
        limit: int,
    ) -> list[EventRecord]:
        """Return the latest events, newest first, of that type and source; ``before_seq``: older than that one."""
        statement = _NEWEST
        for column, value in ((_events.type, type), (_events.source, source)):
            if value is not None:
                statement = statement.where(column == value)
        if before_seq is not None:
            statement = statement.where(_events.seq < before_seq)
        with self._db.read() as tx:
            return [event_record_of(row) for row in tx.connection.execute(statement, {"row_limit": limit})]

    def runs_of_events(self, records: Collection[EventRecord]) -> list[StartedRun]:
        """Return the runs that these events started, oldest first."""
        if not records:
            return []
        since = format_instant(min(record.event.at for record in records) - _BEFORE)
        keys = sorted({record.event.trigger_key for record in records})
        with self._db.read() as tx:
            return [
                StartedRun(row.trigger_key, row.uid, row.job_id, RunStatus(row.status), row.events)
                for row in tx.connection.execute(_CAME_OF, {"since": since, "keys": keys})
            ]

    def settle_event(self, seq: int, *, outcome: Mapping[str, int], now: datetime) -> None:
        """Note that the event has reached every job, and how many by what became of it there."""
        with self._db.write() as tx:
            tx.run(_SETTLE, of_seq=seq, was_at=format_instant(now), still=None, became=json_text(dict(outcome)))

    def put_off_event(self, seq: int, *, outcome: Mapping[str, int], remaining: Sequence[tuple[str, str]]) -> None:
        """Note what became of it so far, and which jobs, by target and root id, it has still to reach."""
        with self._db.write() as tx:
            tx.run(_PUT_OFF, of_seq=seq, still=json_text(remaining), became=json_text(dict(outcome)))

    def prune_events(self, *, keep: int = KEPT_EVENTS) -> int:
        """Drop the settled events that are not among the ``keep`` newest; return how many."""
        with self._db.write() as tx:
            return tx.run(_PRUNE, keep=keep)

    def jobs_for_event(self, event_type: str) -> list[Applied]:
        """Return the applied jobs that name this type, by target and id; also those that are disabled."""
        with self._db.read() as tx:
            return [applied_of(row) for row in tx.rows(_OF_TYPE, of_type=event_type)]

    def awaited_types(self, event_types: Collection[str]) -> set[str]:
        """Return those of the types that an applied job names."""
        with self._db.read() as tx:
            return {row.event_type for row in tx.rows_in(_TYPES, event_types)}

    def count_again(self, occurrence_id: str, *, more: int, last_at: datetime) -> None:
        """Let an occurrence stand for ``more`` further events, the last of them at ``last_at``."""
        with self._db.write() as tx:
            tx.run(_AGAIN, of_id=occurrence_id, more=more, to_last=format_instant(last_at))
