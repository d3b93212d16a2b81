"""From a trigger to runs: one occurrence, and one run for each device that is to run it."""

from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress
from datetime import datetime

from msgspec import Struct

from reconciler.model.errors import TargetRefused, TargetUnavailable
from reconciler.model.instant import NewUid, format_instant
from reconciler.model.inventory import Applied, Receipt
from reconciler.model.job import Job, Overlap
from reconciler.model.run import Device, Disposition, Occurrence, Run, Trigger, TriggerKind
from reconciler.model.systems import keeps_off
from reconciler.runs.batches import hold_later_batches
from reconciler.runs.choosing import Choice, History, Request, busy_devices, choose_job
from reconciler.schedule.jitter import jitter_of
from reconciler.targets.protocol import LiveTarget


class Requested(Struct, frozen=True, kw_only=True, gc=False):
    """The occurrence and its runs, to be written in one transaction; without runs its reason says why.

    ``replaced`` are runs under way that are to be cancelled once it is written (overlap: replace).
    """

    occurrence: Occurrence
    runs: tuple[Run, ...] = ()
    replaced: tuple[Run, ...] = ()


def schedule_trigger(instant: datetime) -> Trigger:
    return Trigger(TriggerKind.SCHEDULE, f"schedule:{format_instant(instant)}")


def make_runs(
    applied: Applied,
    request: Request,
    target: LiveTarget,
    *,
    history: History,
    active: Sequence[Run],
    now: datetime,
    new_uid: NewUid,
) -> Requested:
    """Return the occurrence of ``request`` and the runs it leads to, each of the job or of its alternate.

    ``active`` are the runs of the same job on this target that have not ended: overlap is judged by them, device by
    device; a one-off was asked for, and waits its turn.  Raises TargetUnavailable when the target cannot list its
    devices: nothing is decided then.
    """
    job = applied.form
    assert isinstance(job, Job)
    if not job.enabled and not request.is_forced:
        return _skipped(applied, request, "disabled", now=now, new_uid=new_uid)
    listing = target.devices(job.devices)
    if not listing.complete:
        raise TargetUnavailable(f"target {target.name}: its list of devices is incomplete")
    listed = _narrowed(listing.devices, job, request)
    if job.devices is not None and job.devices.max is not None and len(listed) > job.devices.max:
        return _skipped(applied, request, "too_many_devices", now=now, new_uid=new_uid)
    kept_off = {device.uid: keeps_off(job, device.os) for device in listed}
    devices = [device for device in listed if not kept_off[device.uid]]
    if not devices:
        return _skipped(applied, request, _why_none(kept_off.values()), now=now, new_uid=new_uid)
    busy = busy_devices(job, request, active)
    free = [device for device in devices if device.uid not in busy]
    if not free:
        return _skipped(applied, request, "overlap", now=now, new_uid=new_uid)
    answers = [
        (device, choose_job(applied, device, request, history=history, active=active, now=now)) for device in free
    ]
    chosen = [(device, answer) for device, answer in answers if isinstance(answer, Choice)]
    if not chosen:
        reason = next(answer for _, answer in answers if isinstance(answer, str))
        return _skipped(applied, request, reason, now=now, new_uid=new_uid)
    occurrence = make_occurrence(applied, request, now=now, new_uid=new_uid)
    is_scheduled = request.trigger.kind is TriggerKind.SCHEDULE
    jitter_seconds = job.schedule.jitter_seconds if is_scheduled and job.schedule is not None else 0
    return Requested(
        occurrence=occurrence,
        runs=hold_later_batches(
            [
                _make_run(occurrence, choice, device, request, jitter_seconds=jitter_seconds, uid=new_uid())
                for device, choice in chosen
            ],
            job.rollout,
        ),
        replaced=tuple(run for device, choice in chosen for run in _replaced(choice, device)),
    )


def _why_none(kept_off: Collection[str]) -> str:
    if not kept_off:
        return "no_device"
    return "os_type" if set(kept_off) == {"osType"} else "os_filter"


def _narrowed(devices: Sequence[Device], job: Job, request: Request) -> Sequence[Device]:
    """Return the device that the request names; all where it names none, or the job selects none."""
    if not request.device or job.devices is None:
        return devices
    name = request.device.casefold()
    return [device for device in devices if name in {device.uid.casefold(), device.hostname.casefold()}]


def _replaced(choice: Choice, device: Device) -> tuple[Run, ...]:
    if choice.job.overlap is not Overlap.REPLACE or choice.refusal:
        return ()
    return tuple(run for run in choice.active if run.device.uid == device.uid and run.handle is not None)


def cancel_replaced(requested: Iterable[Requested], target_of: Callable[[str], LiveTarget | None]) -> None:
    """Cancel what newer runs replace; one whose target does not answer goes on, and the newer one waits for its end."""
    for run in (run for item in requested for run in item.replaced):
        target = target_of(run.target)
        if target is not None and run.handle is not None:
            with suppress(TargetUnavailable, TargetRefused):
                target.cancel(run.handle)


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


def _make_run(
    occurrence: Occurrence, choice: Choice, device: Device, request: Request, *, jitter_seconds: int, uid: str
) -> Run:
    job, applied = choice.job, choice.applied
    return Run(
        uid=uid,
        occurrence_id=occurrence.id,
        root_id=applied.root_id,
        job_id=applied.id,
        target=occurrence.target,
        device=device,
        trigger=occurrence.trigger,
        scheduled_for=occurrence.scheduled_for,
        due_at=occurrence.scheduled_for + jitter_of(occurrence.root_id, device.uid, jitter_seconds),
        created_at=occurrence.created_at,
        origin=applied.origin,
        priority=job.priority,
        parent_uid=request.parent_uid,
        requested_by=request.requested_by,
        variables=dict(choice.variables),
        event=dict(request.event),
        refusal=choice.refusal,
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
