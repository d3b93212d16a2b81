"""Our values as rows, and rows as our values: the one place that knows how each is kept."""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

import msgspec

from reconciler.model.event import Event
from reconciler.model.forms import Kind, decode_form
from reconciler.model.instant import format_instant
from reconciler.model.inventory import Applied, Hold, Receipt, ScheduleState
from reconciler.model.job import Concurrency, Value
from reconciler.model.run import (
    Device,
    Disposition,
    Occurrence,
    Origin,
    OutputRecord,
    Question,
    Run,
    RunStatus,
    Stream,
    TaskResult,
    Trigger,
    TriggerKind,
)
from reconciler.store import schema
from reconciler.store.database import Row, Values
from reconciler.store.reading import told
from reconciler.store.records import (
    Attempt,
    EventRecord,
    FinishedRun,
    JournalEntry,
    LateResult,
    Lease,
    PassRecord,
    UnpublishedReport,
)

ORIGIN_NAMES = ("commit", "path", "blob", "digest", "changed_in", "repository")
ORIGIN_COLUMNS = tuple(schema.origins.c[name] for name in ORIGIN_NAMES)

instant_of = datetime.fromisoformat
text_of = lru_cache(maxsize=16_384)(format_instant)  # the same few instants stand in many columns and rows
_encode = msgspec.json.Encoder().encode
_decode_counts = msgspec.json.Decoder(dict[str, int]).decode
_device_of = lru_cache(maxsize=16_384)(msgspec.json.Decoder(Device).decode)
_STATUSES = {status.value: status for status in RunStatus}
_TRIGGER_KINDS = {kind.value: kind for kind in TriggerKind}
_decode_variables = msgspec.json.Decoder(dict[str, Value]).decode
_decode_event = msgspec.json.Decoder(dict[str, Any]).decode
_decode_remaining = msgspec.json.Decoder(tuple[tuple[str, str], ...]).decode
_decode_question = msgspec.json.Decoder(Question).decode
_decode_task = msgspec.json.Decoder(TaskResult).decode
_decode_tasks = msgspec.json.Decoder(tuple[TaskResult, ...]).decode


def maybe_instant(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def maybe_text(at: datetime | None) -> str | None:
    return None if at is None else text_of(at)


def json_text(value: Any) -> str:
    return _encode(value).decode()


@told("lease", "name")
def lease_of(row: Row) -> Lease:
    return Lease(
        name=row.name,
        owner=row.owner,
        token=row.token,
        acquired_at=instant_of(row.acquired_at),
        until=instant_of(row.until),
    )


def lease_row(lease: Lease) -> Values:
    return {
        "name": lease.name,
        "owner": lease.owner,
        "token": lease.token,
        "acquired_at": text_of(lease.acquired_at),
        "until": text_of(lease.until),
    }


@told("pass", "id")
def pass_of(row: Row) -> PassRecord:
    return PassRecord(
        id=row.id,
        commit=row.commit,
        tree_digest=row.tree_digest,
        started_at=instant_of(row.started_at),
        finished_at=maybe_instant(row.finished_at),
        outcome=row.outcome,
        detail=row.detail,
        counts=_decode_counts(row.counts),
    )


def entry_of(row: Row) -> JournalEntry:
    return JournalEntry(target=row.target, key=row.key, data=row.data, opened_at=instant_of(row.opened_at))


@lru_cache(maxsize=16_384)
def origin_id(origin: Origin) -> str:
    """Return the key of ``origin``: the hash of its fields, so that equal origins share a row without a look-up."""
    return hashlib.blake2b(_encode(origin), digest_size=16).hexdigest()


@lru_cache(maxsize=16_384)
def origin_from(fields: tuple[str, ...]) -> Origin:
    """Return the origin with these values of ``ORIGIN_NAMES``."""
    commit, path, blob, digest, changed_in, repository = fields
    return Origin(commit=commit, path=path, blob=blob, digest=digest, changed_in=changed_in, repository=repository)


def origin_of(row: Row) -> Origin:
    return origin_from((row.commit, row.path, row.blob, row.digest, row.changed_in, row.repository))


def origin_row(origin: Origin) -> dict[str, Any]:
    return {
        "commit": origin.commit,
        "path": origin.path,
        "blob": origin.blob,
        "digest": origin.digest,
        "changed_in": origin.changed_in,
        "repository": origin.repository,
    }


@told("applied", "id")
def applied_of(row: Row) -> Applied:
    kind = Kind(row.kind)
    return Applied(
        target=row.target,
        kind=kind,
        id=row.id,
        root_id=row.root_id,
        form=decode_form(kind, row.data),
        origin=origin_of(row),
        applied_at=instant_of(row.applied_at),
        retired_at=maybe_instant(row.retired_at),
    )


def applied_row(item: Applied) -> Values:
    return {
        "target": item.target,
        "kind": item.kind.value,
        "id": item.id,
        "root_id": item.root_id,
        "applied_at": text_of(item.applied_at),
        "retired_at": maybe_text(item.retired_at),
        **origin_row(item.origin),
    }


@told("schedule of", "job_id")
def schedule_of(row: Row) -> ScheduleState:
    return ScheduleState(
        root_id=row.root_id,
        job_id=row.job_id,
        target=row.target,
        anchor_at=instant_of(row.anchor_at),
        cursor_at=instant_of(row.cursor_at),
        next_at=maybe_instant(row.next_at),
    )


def schedule_row(state: ScheduleState) -> Values:
    return {
        "target": state.target,
        "root_id": state.root_id,
        "job_id": state.job_id,
        "anchor_at": text_of(state.anchor_at),
        "cursor_at": text_of(state.cursor_at),
        "next_at": maybe_text(state.next_at),
    }


@told("occurrence", "id")
def occurrence_of(row: Row) -> Occurrence:
    return Occurrence(
        id=row.id,
        root_id=row.root_id,
        job_id=row.job_id,
        target=row.target,
        trigger=Trigger(TriggerKind(row.trigger_kind), row.trigger_key),
        scheduled_for=instant_of(row.scheduled_for),
        created_at=instant_of(row.created_at),
        disposition=Disposition(row.disposition),
        reason=row.reason,
        origin=origin_of(row),
        last_instant=maybe_instant(row.last_instant),
        count=row.count,
    )


def occurrence_row(occurrence: Occurrence) -> Values:
    return {
        "id": occurrence.id,
        "root_id": occurrence.root_id,
        "job_id": occurrence.job_id,
        "target": occurrence.target,
        "trigger_kind": occurrence.trigger.kind.value,
        "trigger_key": occurrence.trigger.key,
        "scheduled_for": text_of(occurrence.scheduled_for),
        "created_at": text_of(occurrence.created_at),
        "disposition": occurrence.disposition.value,
        "reason": occurrence.reason,
        "origin_id": origin_id(occurrence.origin),
        "last_instant": maybe_text(occurrence.last_instant),
        "count": occurrence.count,
    }


_RUN_NAMES = (
    *("uid", "occurrence_id", "root_id", "job_id", "target", "device", "trigger_kind", "trigger_key"),
    *("scheduled_for", "due_at", "created_at", "queued_at", "started_at", "ended_at", "priority", "attempt"),
    *("status", "reason", "parent_uid", "requested_by", "variables", "event", "refusal", "handle"),
    *("is_exclusive", "concurrency_key", "concurrency_max", "cancel_requested_at", "start_after", "question"),
    *ORIGIN_NAMES,
)
RUN_COLUMNS = tuple(schema.origins.c[name] if name in schema.origins.c else schema.runs.c[name] for name in _RUN_NAMES)


@told("run", "uid")
def run_of(row: Row) -> Run:
    """Return the run of a row that has ``RUN_COLUMNS``: by their place, which takes a third of the time."""
    uid, occurrence_id, root_id, job_id, target, device, trigger_kind, trigger_key = row[:8]
    scheduled_for, due_at, created_at, queued_at, started_at, ended_at, priority, attempt = row[8:16]
    status, reason, parent_uid, requested_by, variables, event, refusal, handle = row[16:24]
    is_exclusive, concurrency_key, concurrency_max, cancel_requested_at, start_after, question = row[24:30]
    return Run(
        uid=uid,
        occurrence_id=occurrence_id,
        root_id=root_id,
        job_id=job_id,
        target=target,
        device=_device_of(device),
        trigger=Trigger(_TRIGGER_KINDS[trigger_kind], trigger_key),
        scheduled_for=instant_of(scheduled_for),
        due_at=instant_of(due_at),
        created_at=instant_of(created_at),
        origin=origin_from(row[30:]),
        priority=priority,
        queued_at=maybe_instant(queued_at),
        started_at=maybe_instant(started_at),
        ended_at=maybe_instant(ended_at),
        attempt=attempt,
        status=_STATUSES[status],
        reason=reason,
        parent_uid=parent_uid,
        requested_by=requested_by,
        variables=_decode_variables(variables),
        event=_decode_event(event) if event is not None else {},
        refusal=refusal or "",
        handle=handle,
        is_exclusive=bool(is_exclusive),
        concurrency=None if concurrency_key is None else Concurrency(key=concurrency_key, max=concurrency_max),
        cancel_requested_at=maybe_instant(cancel_requested_at),
        start_after=maybe_instant(start_after),
        question=_decode_question(question) if question is not None else None,
    )


def run_row(run: Run) -> Values:
    return {
        "uid": run.uid,
        "occurrence_id": run.occurrence_id,
        "root_id": run.root_id,
        "job_id": run.job_id,
        "target": run.target,
        "device_uid": run.device.uid,
        "device_hostname": run.device.hostname,
        "device": json_text(run.device),
        "trigger_kind": run.trigger.kind.value,
        "trigger_key": run.trigger.key,
        "scheduled_for": text_of(run.scheduled_for),
        "due_at": text_of(run.due_at),
        "created_at": text_of(run.created_at),
        "origin_id": origin_id(run.origin),
        "commit": run.origin.commit,
        "priority": run.priority,
        "queued_at": maybe_text(run.queued_at),
        "started_at": maybe_text(run.started_at),
        "ended_at": maybe_text(run.ended_at),
        "attempt": run.attempt,
        "status": run.status.value,
        "reason": run.reason,
        "parent_uid": run.parent_uid,
        "requested_by": run.requested_by,
        "variables": json_text(run.variables),
        "event": json_text(run.event) if run.event else None,
        "refusal": run.refusal or None,
        "question": json_text(run.question) if run.question is not None else None,
        "handle": run.handle,
        "is_exclusive": run.is_exclusive,
        "cancel_requested_at": maybe_text(run.cancel_requested_at),
        "start_after": maybe_text(run.start_after),
        "concurrency_key": run.concurrency.key if run.concurrency else None,
        "concurrency_max": run.concurrency.max if run.concurrency else None,
        "device_site": run.device.site,
    }


@told("pause of", "job_id")
def hold_of(row: Row) -> Hold:
    return Hold(
        root_id=row.root_id,
        job_id=row.job_id,
        at=instant_of(row.at),
        until=maybe_instant(row.until),
        reason=row.reason,
        held_by=row.held_by,
    )


def hold_row(hold: Hold) -> Values:
    return {
        "root_id": hold.root_id,
        "job_id": hold.job_id,
        "at": text_of(hold.at),
        "until": maybe_text(hold.until),
        "reason": hold.reason,
        "held_by": hold.held_by,
    }


def receipt_row(receipt: Receipt) -> Values:
    return {
        "one_off_id": receipt.one_off_id,
        "target": receipt.target,
        "device_uid": receipt.device_uid,
        "run_uid": receipt.run_uid,
        "digest": receipt.digest,
        "at": text_of(receipt.at),
    }


@told("receipt of", "one_off_id")
def receipt_of(row: Row) -> Receipt:
    return Receipt(
        one_off_id=row.one_off_id,
        target=row.target,
        device_uid=row.device_uid,
        run_uid=row.run_uid,
        digest=row.digest,
        at=instant_of(row.at),
    )


@told("task of run", "run_uid")
def task_of(row: Row) -> TaskResult:
    return _decode_task(row.data)


def task_rows(item: FinishedRun) -> list[Values]:
    return [
        {"run_uid": item.uid, "position": position, "data": json_text(task)} for position, task in enumerate(item.tasks)
    ]


@told("attempt of run", "run_uid")
def attempt_of(row: Row) -> Attempt:
    return Attempt(
        run_uid=row.run_uid,
        attempt=row.attempt,
        status=RunStatus(row.status),
        reason=row.reason,
        started_at=maybe_instant(row.started_at),
        ended_at=instant_of(row.ended_at),
        tasks=_decode_tasks(row.tasks),
    )


def attempt_row(item: Attempt) -> Values:
    return {
        "run_uid": item.run_uid,
        "attempt": item.attempt,
        "status": item.status.value,
        "reason": item.reason,
        "started_at": maybe_text(item.started_at),
        "ended_at": text_of(item.ended_at),
        "tasks": json_text(item.tasks),
    }


@told("output of run", "run_uid")
def output_of(row: Row) -> OutputRecord:
    return OutputRecord(row.task_id, Stream(row.stream), instant_of(row.at), row.data)


def output_rows(uid: str, output: Sequence[OutputRecord]) -> list[Values]:
    return [
        {
            "run_uid": uid,
            "position": position,
            "task_id": record.task_id,
            "stream": record.stream.value,
            "at": text_of(record.at),
            "data": record.data,
        }
        for position, record in enumerate(output)
    ]


@told("report of run", "uid")
def report_of(row: Row) -> UnpublishedReport:
    return UnpublishedReport(
        uid=row.uid,
        ended_at=instant_of(row.ended_at),
        commit=row.commit,
        status=RunStatus(row.status),
        job_id=row.job_id,
        data=row.data,
    )


@told("late result of run", "run_uid")
def late_result_of(row: Row) -> LateResult:
    return LateResult(
        run_uid=row.run_uid,
        status=RunStatus(row.status),
        reason=row.reason,
        started_at=maybe_instant(row.started_at),
        ended_at=instant_of(row.ended_at),
        tasks=_decode_tasks(row.tasks),
        report=row.report,
    )


def late_result_row(item: FinishedRun) -> Values:
    return {
        "run_uid": item.uid,
        "status": item.status.value,
        "reason": item.reason,
        "started_at": maybe_text(item.started_at),
        "ended_at": text_of(item.ended_at),
        "tasks": json_text(item.tasks),
        "report": item.report,
    }


def event_row(event: Event) -> Values:
    return {
        "source": event.source,
        "id": event.id,
        "type": event.type,
        "device": event.device,
        "data": json_text(event.data),
        "at": text_of(event.at),
        "depth": event.depth,
        "outcome": "{}",
    }


@told("event", "id")
def event_record_of(row: Row) -> EventRecord:
    data, is_readable = _data_of(row)
    event = Event(
        id=row.id,
        type=row.type,
        source=row.source,
        at=instant_of(row.at),
        device=row.device,
        data=data,
        depth=row.depth,
    )
    return EventRecord(
        seq=row.seq,
        event=event,
        remaining=_decode_remaining(row.remaining) if row.remaining is not None else None,
        settled_at=maybe_instant(row.settled_at),
        outcome=_decode_counts(row.outcome),
        is_readable=is_readable,
    )


def _data_of(row: Row) -> tuple[dict[str, Any], bool]:
    try:
        return _decode_event(row.data), True
    except (msgspec.DecodeError, RecursionError):
        return {}, False  # the others behind it must not wait for somebody to mend it
