"""Values to rows and rows to values, for all modules of the store."""

import hashlib
from functools import lru_cache
from typing import Any, TypeAlias

import msgspec

from reconciler.model.forms import Form
from reconciler.model.inventory import Applied, Receipt, ScheduleState
from reconciler.model.run import Occurrence, Origin, Run, Trigger
from reconciler.store import schema

AnyRow: TypeAlias = Any
"""A row of a result: it has an attribute per column."""

ORIGIN_COLUMNS = tuple(column for column in schema.origins.c if column.name != "id")


@lru_cache(maxsize=16_384)
def origin_id(origin: Origin) -> str:
    """Return the key of ``origin``: the hash of its fields, so that equal origins share a row without a look-up."""
    return hashlib.blake2b(msgspec.json.encode(origin), digest_size=16).hexdigest()


def origin_of(row: AnyRow) -> Origin:
    return Origin(
        commit=row.commit,
        path=row.path,
        blob=row.blob,
        digest=row.digest,
        changed_in=row.changed_in,
        repository=row.repository,
    )


def origin_row(origin: Origin) -> dict[str, Any]:
    return {
        "commit": origin.commit,
        "path": origin.path,
        "blob": origin.blob,
        "digest": origin.digest,
        "changed_in": origin.changed_in,
        "repository": origin.repository,
    }


def applied_of(row: AnyRow, form: Form) -> Applied:
    return Applied(
        target=row.target,
        kind=row.kind,
        id=row.id,
        root_id=row.root_id,
        form=form,
        origin=origin_of(row),
        applied_at=row.applied_at,
    )


def applied_row(item: Applied) -> dict[str, Any]:
    return {
        "target": item.target,
        "kind": item.kind,
        "id": item.id,
        "root_id": item.root_id,
        "applied_at": item.applied_at,
        **origin_row(item.origin),
    }


def schedule_of(row: AnyRow) -> ScheduleState:
    return ScheduleState(
        root_id=row.root_id,
        job_id=row.job_id,
        target=row.target,
        anchor_at=row.anchor_at,
        cursor_at=row.cursor_at,
        next_at=row.next_at,
    )


def schedule_row(state: ScheduleState) -> dict[str, Any]:
    return {
        "target": state.target,
        "root_id": state.root_id,
        "job_id": state.job_id,
        "anchor_at": state.anchor_at,
        "cursor_at": state.cursor_at,
        "next_at": state.next_at,
    }


def occurrence_of(row: AnyRow) -> Occurrence:
    return Occurrence(
        id=row.id,
        root_id=row.root_id,
        job_id=row.job_id,
        target=row.target,
        trigger=Trigger(row.trigger_kind, row.trigger_key),
        scheduled_for=row.scheduled_for,
        created_at=row.created_at,
        disposition=row.disposition,
        reason=row.reason,
        origin=origin_of(row),
        last_instant=row.last_instant,
        count=row.count,
    )


def occurrence_row(occurrence: Occurrence) -> dict[str, Any]:
    return {
        "id": occurrence.id,
        "root_id": occurrence.root_id,
        "job_id": occurrence.job_id,
        "target": occurrence.target,
        "trigger_kind": occurrence.trigger.kind,
        "trigger_key": occurrence.trigger.key,
        "scheduled_for": occurrence.scheduled_for,
        "created_at": occurrence.created_at,
        "disposition": occurrence.disposition,
        "reason": occurrence.reason,
        "origin_id": origin_id(occurrence.origin),
        "last_instant": occurrence.last_instant,
        "count": occurrence.count,
    }


def run_of(row: AnyRow) -> Run:
    return Run(
        uid=row.uid,
        occurrence_id=row.occurrence_id,
        root_id=row.root_id,
        job_id=row.job_id,
        target=row.target,
        device=row.device,
        trigger=Trigger(row.trigger_kind, row.trigger_key),
        scheduled_for=row.scheduled_for,
        due_at=row.due_at,
        created_at=row.created_at,
        origin=origin_of(row),
        priority=row.priority,
        queued_at=row.queued_at,
        started_at=row.started_at,
        ended_at=row.ended_at,
        attempt=row.attempt,
        status=row.status,
        reason=row.reason,
        parent_uid=row.parent_uid,
        requested_by=row.requested_by,
        variables=row.variables,
        handle=row.handle,
    )


def run_row(run: Run) -> dict[str, Any]:
    return {
        "uid": run.uid,
        "occurrence_id": run.occurrence_id,
        "root_id": run.root_id,
        "job_id": run.job_id,
        "target": run.target,
        "device_uid": run.device.uid,
        "device_hostname": run.device.hostname,
        "device": run.device,
        "trigger_kind": run.trigger.kind,
        "trigger_key": run.trigger.key,
        "scheduled_for": run.scheduled_for,
        "due_at": run.due_at,
        "created_at": run.created_at,
        "origin_id": origin_id(run.origin),
        "priority": run.priority,
        "queued_at": run.queued_at,
        "started_at": run.started_at,
        "ended_at": run.ended_at,
        "attempt": run.attempt,
        "status": run.status,
        "reason": run.reason,
        "parent_uid": run.parent_uid,
        "requested_by": run.requested_by,
        "variables": run.variables,
        "handle": run.handle,
    }


def receipt_row(receipt: Receipt) -> dict[str, Any]:
    return {
        "one_off_id": receipt.one_off_id,
        "target": receipt.target,
        "device_uid": receipt.device_uid,
        "run_uid": receipt.run_uid,
        "digest": receipt.digest,
        "at": receipt.at,
    }
