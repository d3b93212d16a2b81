"""From a trigger to runs: one occurrence, and one run for each device that is to run it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime

from msgspec import Struct

from reconciler.model.errors import TargetUnavailable
from reconciler.model.instant import NewUid, format_instant
from reconciler.model.inventory import Applied, Receipt
from reconciler.model.job import Job, OsFilter, Overlap, Value
from reconciler.model.run import Device, Disposition, Occurrence, Run, RunStatus, Trigger, TriggerKind
from reconciler.schedule.jitter import jitter_of
from reconciler.targets.protocol import LiveTarget


class Request(Struct, frozen=True, kw_only=True):
    """Why and when a job is to run: the trigger, its instant, and what was given with it."""

    trigger: Trigger
    scheduled_for: datetime
    variables: Mapping[str, Value] = {}
    requested_by: str = ""
    parent_uid: str | None = None
    is_forced: bool = False


class Requested(Struct, frozen=True, kw_only=True):
    """The occurrence and its runs, to be written in one transaction; without runs its reason says why.

    ``replaced`` are runs under way that are to be cancelled once it is written (overlap: replace).
    """

    occurrence: Occurrence
    runs: tuple[Run, ...] = ()
    replaced: tuple[Run, ...] = ()


def schedule_trigger(instant: datetime) -> Trigger:
    return Trigger(TriggerKind.SCHEDULE, f"schedule:{format_instant(instant)}")


def make_runs(
    applied: Applied, request: Request, target: LiveTarget, *, active: Sequence[Run], now: datetime, new_uid: NewUid
) -> Requested:
    """Return the occurrence of ``request`` and the runs it leads to.

    ``active`` are the runs of the same job on this target that have not ended: overlap is judged by them, device by
    device; a one-off was asked for, and waits its turn.  Raises TargetUnavailable when the target cannot list its
    devices: nothing is decided then.
    """
    job = applied.form
    assert isinstance(job, Job)
    if not job.enabled and not request.is_forced:
        return _skipped(applied, request, "disabled", now=now, new_uid=new_uid)
    listing = target.devices(job.devices)
    if job.devices is not None and job.devices.max is not None and len(listing.devices) > job.devices.max:
        return _skipped(applied, request, "too_many_devices", now=now, new_uid=new_uid)
    devices = [device for device in listing.devices if is_admitted_by(job.os_filter, device)]
    if not devices:
        reason = "os_filter" if listing.devices else "no_device"
        return _skipped(applied, request, reason, now=now, new_uid=new_uid)
    busy = _busy_devices(job, request, active)
    free = [device for device in devices if device.uid not in busy]
    if not free:
        return _skipped(applied, request, "overlap", now=now, new_uid=new_uid)
    occurrence = make_occurrence(applied, request, now=now, new_uid=new_uid)
    return Requested(
        occurrence=occurrence,
        runs=tuple(_make_run(occurrence, job, device, request, uid=new_uid()) for device in free),
        replaced=_replaced(job, free, active),
    )


def _busy_devices(job: Job, request: Request, active: Iterable[Run]) -> set[str]:
    """Return the uids of the devices on which the job's overlap rule lets no further run come into being.

    A run that may come into being still is not started beside another of its job (``is_exclusive``): it waits.
    """
    if job.overlap is Overlap.ALLOW or request.trigger.kind is TriggerKind.ONE_OFF:
        return set()
    if job.overlap is Overlap.SKIP:
        return {run.device.uid for run in active}
    # queue holds one at most; replace puts the newest in the place of whatever waits, and of what runs.
    return {run.device.uid for run in active if run.status is RunStatus.CREATED}


def _replaced(job: Job, devices: Iterable[Device], active: Iterable[Run]) -> tuple[Run, ...]:
    if job.overlap is not Overlap.REPLACE:
        return ()
    uids = {device.uid for device in devices}
    return tuple(run for run in active if run.device.uid in uids and run.handle is not None)


def cancel_replaced(requested: Iterable[Requested], target_of: Callable[[str], LiveTarget | None]) -> None:
    """Cancel what newer runs replace; one whose target does not answer goes on, and the newer one waits for its end."""
    for run in (run for item in requested for run in item.replaced):
        target = target_of(run.target)
        if target is not None and run.handle is not None:
            with suppress(TargetUnavailable):
                target.cancel(run.handle)


def is_admitted_by(os_filter: OsFilter | None, device: Device) -> bool:
    if os_filter is None:
        return True
    return {"windows": os_filter.windows, "linux": os_filter.linux, "macos": os_filter.mac_os}.get(
        device.os.casefold(), False
    )


def make_occurrence(
    applied: Applied,
    request: Request,
    *,
    now: datetime,
    new_uid: NewUid,
    disposition: Disposition = Disposition.PENDING,
    reason: str = "",
) -> Occurrence:
    return Occurrence(
        id=new_uid(),
        root_id=applied.root_id,
        job_id=applied.id,
        target=applied.target,
        trigger=request.trigger,
        scheduled_for=request.scheduled_for,
        created_at=now,
        disposition=disposition,
        reason=reason,
        origin=applied.origin,
    )


def _skipped(applied: Applied, request: Request, reason: str, *, now: datetime, new_uid: NewUid) -> Requested:
    occurrence = make_occurrence(
        applied, request, now=now, new_uid=new_uid, disposition=Disposition.SKIPPED, reason=reason
    )
    return Requested(occurrence=occurrence)


def _make_run(occurrence: Occurrence, job: Job, device: Device, request: Request, *, uid: str) -> Run:
    due_at = occurrence.scheduled_for
    if job.schedule is not None and request.trigger.kind is TriggerKind.SCHEDULE:
        due_at += jitter_of(occurrence.root_id, device.uid, job.schedule.jitter_seconds)
    return Run(
        uid=uid,
        occurrence_id=occurrence.id,
        root_id=occurrence.root_id,
        job_id=occurrence.job_id,
        target=occurrence.target,
        device=device,
        trigger=occurrence.trigger,
        scheduled_for=occurrence.scheduled_for,
        due_at=due_at,
        created_at=occurrence.created_at,
        origin=occurrence.origin,
        priority=job.priority,
        parent_uid=request.parent_uid,
        requested_by=request.requested_by,
        variables=dict(request.variables),
        is_exclusive=job.overlap is not Overlap.ALLOW,
        concurrency=job.concurrency,
    )


def make_receipts(one_off_id: str, digest: str, runs: Sequence[Run], *, now: datetime) -> tuple[Receipt, ...]:
    """Return what is kept for ever of a one-off's runs, written with them."""
    return tuple(
        Receipt(
            one_off_id=one_off_id,
            target=run.target,
            device_uid=run.device.uid,
            run_uid=run.uid,
            digest=digest,
            at=now,
        )
        for run in runs
    )
