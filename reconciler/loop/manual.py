"""A run that a person asks for, of a job as it is applied."""

from collections.abc import Mapping

from msgspec.structs import replace

from reconciler.loop.world import World
from reconciler.model.errors import CouldNot, UsageError
from reconciler.model.forms import Kind
from reconciler.model.inventory import Applied
from reconciler.model.job import Devices, Job, Value
from reconciler.model.run import Device, Run, Trigger, TriggerKind
from reconciler.runs.choosing import Request
from reconciler.runs.components import check_variables, job_of_component
from reconciler.runs.devices import find_device
from reconciler.runs.enqueue import cancel_replaced, make_runs
from reconciler.runs.parameters import resolve_parameters
from reconciler.runs.retry import make_retry, retries_of
from reconciler.targets.protocol import STARTS_ITSELF, LiveTarget

_UNMET = "does not run now: its condition does not hold, and its alternate cannot run"
_WHY_NOT = {
    "disabled": ("is disabled", "Enable it in its definition, or add --force."),
    "overlap": ("is running already, and does not overlap", "Wait for that run: reconciler status"),
    "os_filter": ("does not run on this operating system", "Its osFilter decides."),
    "too_many_devices": ("matches more devices than its devices.max", "Raise devices.max, or name fewer."),
    "condition": ("does not run now: its condition does not hold", "Look at its condition, or add --force."),
    "alternate_missing": (_UNMET, "Its alternateJobId is not applied on this target."),
    "alternate_disabled": (_UNMET, "Its alternateJobId is disabled."),
    "alternate_held": (_UNMET, "Its alternateJobId is paused."),
    "alternate_os_filter": (_UNMET, "Its alternateJobId does not run on this operating system."),
    "alternate_overlap": (_UNMET, "Its alternateJobId is running already, and does not overlap."),
    "alternate_condition": (_UNMET, "The condition of its alternateJobId does not hold either."),
    "alternate_cycle": (_UNMET, "Its alternateJobId leads back to itself: mend the definitions."),
    "no_device": ("matches no device", "Look at its devices."),
}


def describe_refusal(reason: str) -> tuple[str, str]:
    """Return why a job may not run now, to follow its name, and the way out."""
    return _WHY_NOT[reason]


def request_manual_run(
    world: World,
    applied: Applied,
    given: Mapping[str, Value],
    *,
    requested_by: str,
    is_forced: bool = False,
    device: str | None = None,
) -> tuple[Run, ...]:
    """Enqueue the job, on the one ``device`` if that is given, and return its runs.

    Raises UsageError for parameters and devices, CouldNot when the job may not run now.
    """
    job = applied.form
    assert isinstance(job, Job)
    resolve_parameters(job, given)
    target = _target_of(world, applied)
    refuse_where_not_startable(target, applied.id)
    if not is_forced:
        _refuse_held(world, applied.root_id, applied.id)
    if device is not None:
        applied = _on_device(applied, find_device(target, device, selector=job.devices))
    return _enqueue(world, applied, target, given, requested_by=requested_by, is_forced=is_forced)


def request_component_run(
    world: World, applied: Applied, given: Mapping[str, Value], *, requested_by: str, device: str | None = None
) -> tuple[Run, ...]:
    """Enqueue an applied component by itself, on ``device`` or the only one there is, and return its run.

    Raises UsageError for variables and devices, CouldNot when it cannot run there now.
    """
    check_variables(applied, given, device=device)
    target = _target_of(world, applied)
    refuse_where_not_startable(target, applied.id)
    place = find_device(target, device)
    if place.online is False:
        raise _offline(place)
    job = job_of_component(applied)
    with world.store.transaction():
        world.store.keep_form(Kind.JOB, job.form)
        return _enqueue(world, _on_device(job, place), target, given, requested_by=requested_by)


def _target_of(world: World, applied: Applied) -> LiveTarget:
    target = world.targets.get(applied.target)
    if target is None:
        raise UsageError(f"target {applied.target} is not configured", hint="See definitions/targets/.")
    return target


def refuse_where_not_startable(target: LiveTarget, job_id: str) -> None:
    """Raise CouldNot for a target that cannot be asked to run anything."""
    if not target.capabilities.runs_now:
        message = f"job {job_id} on target {target.name}: {STARTS_ITSELF}; nothing was started"
        raise CouldNot(message, hint="Start it there, or give it a schedule that its target keeps.")


def _on_device(applied: Applied, device: Device) -> Applied:
    assert isinstance(applied.form, Job)
    return replace(applied, form=replace(applied.form, devices=Devices(uids=(device.uid,))))


def _offline(device: Device) -> CouldNot:
    seen = f"{device.last_seen:%Y-%m-%d %H:%M:%S} UTC" if device.last_seen else "-"
    facts = (("Device", device.hostname), ("Status", "Offline"), ("Last Seen", seen))
    options = (
        "Quick jobs require the device to be online.",
        "",
        "Options:",
        "1. Wait for device to come online",
        "2. Schedule a job instead (run when device connects)",
        "3. Contact on-site personnel to check device",
    )
    lines = ["", *(f"{name + ':':<11} {value}" for name, value in facts), "", *options]
    return CouldNot("Cannot run job - Device is offline", hint="\n".join(lines))


def _enqueue(
    world: World,
    applied: Applied,
    target: LiveTarget,
    given: Mapping[str, Value],
    *,
    requested_by: str,
    is_forced: bool = False,
) -> tuple[Run, ...]:
    now = world.clock()
    request = Request(
        trigger=Trigger(TriggerKind.MANUAL, f"manual:{world.new_uid()}"),
        scheduled_for=now,
        variables=given,
        requested_by=requested_by,
        is_forced=is_forced,
    )
    active = world.store.active_runs(applied.target, root_id=applied.root_id)
    requested = make_runs(applied, request, target, history=world.store, active=active, now=now, new_uid=world.new_uid)
    if not requested.runs:
        why, way_out = describe_refusal(requested.occurrence.reason)
        noun = "component" if isinstance(applied.form, Job) and applied.root_id.startswith("component:") else "job"
        raise CouldNot(f"{noun} {applied.id} {why}; nothing was started", hint=way_out)
    world.store.add_occurrence(requested.occurrence, requested.runs)
    cancel_replaced([requested], world.targets.get)
    return requested.runs


def request_retry(world: World, run: Run, *, requested_by: str, is_forced: bool = False) -> Run:
    """Enqueue a run that repeats ``run``, and return it. Raises CouldNot where that may not be now."""
    if not run.status.is_ended:
        hint = f"Wait for its end, or cancel it: reconciler runs cancel {run.uid}"
        raise CouldNot(f"run {run.uid} of {run.job_id} has not ended; nothing was started", hint=hint)
    if run.target not in world.targets:
        raise UsageError(f"target {run.target} is not configured", hint="See definitions/targets/.")
    refuse_where_not_startable(world.targets[run.target], run.job_id)
    if not is_forced:
        _refuse_held(world, run.root_id, run.job_id)
    earlier = retries_of(world.store, run)
    retry = make_retry(
        run, now=world.clock(), new_uid=world.new_uid, requested_by=requested_by, number=len(earlier) + 1
    )
    under_way = next((child for child in earlier if not child.status.is_ended), None)
    if under_way is not None or not world.store.add_occurrence(retry.occurrence, retry.runs):
        which = f": {under_way.uid}" if under_way else " by somebody else"
        raise CouldNot(f"run {run.uid} of {run.job_id} is being retried already{which}; nothing was started")
    return retry.runs[0]


def _refuse_held(world: World, root_id: str, job_id: str) -> None:
    hold = world.store.holds().get(root_id)
    if hold is not None and hold.covers(world.clock()):
        hint = f"Resume it, or add --force.  Paused by {hold.held_by}: {hold.reason}"
        raise CouldNot(f"job {job_id} is paused; nothing was started", hint=hint)
