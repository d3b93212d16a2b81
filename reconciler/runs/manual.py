"""A run that a person asks for, of a job as it is applied."""

from collections.abc import Mapping
from datetime import datetime
from difflib import get_close_matches

from msgspec import Struct
from msgspec.structs import replace

from reconciler.model.errors import CouldNot, UsageError
from reconciler.model.forms import Kind
from reconciler.model.inventory import Applied
from reconciler.model.job import Devices, Job, Overlap, Value
from reconciler.model.run import Device, Run, Trigger, TriggerKind
from reconciler.model.systems import SYSTEMS, keeps_off, systems_of
from reconciler.runs.choosing import Request, choose_job
from reconciler.runs.components import check_variables, job_of_component
from reconciler.runs.devices import find_device
from reconciler.runs.driver import Driver
from reconciler.runs.enqueue import Requested, cancel_replaced, make_runs
from reconciler.runs.offline import OPTIONS, TITLE, seen_words
from reconciler.runs.parameters import resolve_parameters
from reconciler.runs.retry import make_retry, retries_of
from reconciler.store.store import Store
from reconciler.targets.protocol import STARTS_ITSELF, LiveTarget

_UNMET = "does not run now: its condition does not hold, and its alternate cannot run"
_WHY_NOT = {
    "disabled": ("is disabled", "Enable it in its definition, or add --force."),
    "overlap": ("is running already, and does not overlap", "Wait for that run: reconciler status"),
    "os_filter": ("does not run on this operating system", "Its osFilter decides."),
    "os_type": ("does not run on this operating system", "Its component is for another: osType decides."),
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


class Asked(Struct, frozen=True, kw_only=True):
    """Who asks for a run. ``key`` tells it from others of its job, or is empty for a new one.

    Where the task of a run asks: ``parent_uid`` is that run, ``ancestor_roots`` are the jobs that led to it,
    ``priority`` is for a run that is waited for, and ``held_keys`` are concurrency keys that it shares with those who
    wait for it.
    """

    by: str
    is_forced: bool = False
    key: str = ""
    parent_uid: str | None = None
    ancestor_roots: frozenset[str] = frozenset()
    priority: int = 0
    held_keys: frozenset[str] = frozenset()


def describe_refusal(reason: str) -> tuple[str, str]:
    """Return why a job may not run now, to follow its name, and the way out."""
    return _WHY_NOT[reason]


def request_manual_run(
    driver: Driver,
    applied: Applied,
    given: Mapping[str, Value],
    *,
    asked: Asked,
    device: str | None = None,
) -> tuple[Run, ...]:
    """Enqueue the job, on the one ``device`` if that is given, and return its runs.

    Raises UsageError for parameters and devices, CouldNot when the job may not run now.
    """
    job = applied.form
    assert isinstance(job, Job)
    resolve_parameters(job, given, device=device)
    target = _target_of(driver, applied)
    refuse_where_not_startable(target, applied.id)
    if not asked.is_forced:
        _refuse_held(driver, applied.root_id, applied.id)
    if device is not None:
        place = find_device(target, device, selector=job.devices)
        _refuse_system(applied, place)
        applied = _on_device(applied, place)
    return _enqueue(driver, applied, target, given, asked=asked)


def request_component_run(
    driver: Driver, applied: Applied, given: Mapping[str, Value], *, asked: Asked, device: str | None = None
) -> tuple[Run, ...]:
    """Enqueue an applied component by itself, on ``device`` or the only one there is, and return its run.

    Raises UsageError for variables and devices, CouldNot when it cannot run there now.
    """
    check_variables(applied, given, device=device)
    target = _target_of(driver, applied)
    refuse_where_not_startable(target, applied.id)
    place = find_device(target, device)
    job = job_of_component(applied)
    _refuse_system(job, place)
    if place.online is False:
        raise _offline(place, driver.clock())
    with driver.store.transaction():
        driver.store.keep_form(Kind.JOB, job.form)
        return _enqueue(driver, _on_device(job, place), target, given, asked=asked)


def _target_of(driver: Driver, applied: Applied) -> LiveTarget:
    target = driver.targets.get(applied.target)
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


def _refuse_system(applied: Applied, device: Device) -> None:
    """Raise CouldNot where the device has another operating system than what is to run there is for."""
    job = applied.form
    assert isinstance(job, Job)
    why = keeps_off(job, device.os)
    if not why:
        return
    only = [SYSTEMS[system] for system in SYSTEMS if system in systems_of(job)]
    is_for = f"is for {' and '.join(only)} ({why} decides)" if only else f"runs nowhere ({why} decides)"
    has = f"has {SYSTEMS.get(device.os.casefold(), device.os)}" if device.os else "has a system that is not known"
    raise CouldNot(
        f"{_noun(applied)} {applied.id} {is_for}, and {device.hostname} {has}; nothing was started",
        hint=f"Its devices: reconciler devices --target {applied.target}",
    )


def _noun(applied: Applied) -> str:
    return "component" if applied.root_id.startswith("component:") else "job"


def _offline(device: Device, now: datetime) -> CouldNot:
    facts = (("Device", device.hostname), ("Status", "Offline"), ("Last Seen", seen_words(device, now)))
    lines = ["", *(f"{name + ':':<11} {value}" for name, value in facts), "", *OPTIONS]
    return CouldNot(TITLE, hint="\n".join(lines))


def _enqueue(
    driver: Driver,
    applied: Applied,
    target: LiveTarget,
    given: Mapping[str, Value],
    *,
    asked: Asked,
) -> tuple[Run, ...]:
    now = driver.clock()
    request = Request(
        trigger=Trigger(TriggerKind.MANUAL, f"manual:{asked.key or driver.new_uid()}"),
        scheduled_for=now,
        variables=given,
        requested_by=asked.by,
        parent_uid=asked.parent_uid,
        is_forced=asked.is_forced,
    )
    active = driver.store.active_runs(applied.target, root_id=applied.root_id)
    requested = make_runs(
        applied, request, target, history=driver.store, active=active, now=now, new_uid=driver.new_uid
    )
    if not requested.runs:
        why, way_out = describe_refusal(requested.occurrence.reason)
        raise CouldNot(f"{_noun(applied)} {applied.id} {why}; nothing was started", hint=way_out)
    runs = tuple(_as_child(run, asked) for run in requested.runs)
    driver.store.add_occurrence(requested.occurrence, runs)
    cancel_replaced([requested], driver.targets.get)
    return runs


def _as_child(run: Run, asked: Asked) -> Run:
    """Return ``run`` as it is when a run asked for it. Raises CouldNot where that would wait for itself."""
    if run.root_id in asked.ancestor_roots:
        raise refuse_cycle(run.job_id)
    is_held = run.concurrency is not None and run.concurrency.key in asked.held_keys
    return replace(run, priority=max(run.priority, asked.priority), concurrency=None if is_held else run.concurrency)


def refuse_cycle(job_id: str) -> CouldNot:
    return CouldNot(
        f"job {job_id} is among the jobs that led to this run; nothing was started",
        hint="A job does not start itself, not by way of others either.",
    )


def find_jobs(store: Store, job_id: str, target: str | None) -> list[Applied]:
    """Return the applied job on each target, or on ``target``. Raises UsageError."""
    jobs = [item for item in store.inventory(target) if item.kind is Kind.JOB]
    found = [item for item in jobs if item.id == job_id]
    if found:
        return found
    if not jobs:
        where = f" on {target}" if target else ""
        raise UsageError(f"no job is applied{where} yet", hint="Next: reconciler reconcile")
    close = get_close_matches(job_id, [item.id for item in jobs], n=3)
    known = (
        f"Did you mean {' or '.join(close)}?" if close else f"Applied are: {', '.join(sorted({j.id for j in jobs}))}"
    )
    raise UsageError(f"unknown job `{job_id}`", hint=known)


def _judged_again(driver: Driver, retry: Requested) -> Requested:
    """Return the retry of a run whose condition could not be evaluated, as it is evaluated now. Raises CouldNot."""
    (run,) = retry.runs
    form = driver.form_of(run)
    applied = Applied(
        target=run.target,
        kind=Kind.JOB,
        id=run.job_id,
        root_id=run.root_id,
        form=form,
        origin=run.origin,
        applied_at=run.created_at,
    )
    request = Request(
        trigger=run.trigger,
        scheduled_for=run.scheduled_for,
        variables=run.variables,
        event=run.event,
        requested_by=run.requested_by,
    )
    now = driver.clock()
    choice = choose_job(applied, run.device, request, history=driver.store, active=(), now=now)
    if isinstance(choice, str):
        why, way_out = describe_refusal(choice)
        raise CouldNot(f"job {run.job_id} {why}; nothing was started", hint=way_out)
    chosen = replace(
        run,
        root_id=choice.applied.root_id,
        job_id=choice.applied.id,
        origin=choice.applied.origin,
        variables=dict(choice.variables),
        refusal=choice.refusal,
        priority=choice.job.priority,
        is_exclusive=choice.job.overlap is not Overlap.ALLOW,
        concurrency=choice.job.concurrency,
    )
    return replace(retry, runs=(chosen,))


def request_retry(driver: Driver, run: Run, *, requested_by: str, is_forced: bool = False) -> Run:
    """Enqueue a run that repeats ``run``, and return it. Raises CouldNot where that may not be now."""
    if not run.status.is_ended:
        hint = f"Wait for its end, or cancel it: reconciler runs cancel {run.uid}"
        raise CouldNot(f"run {run.uid} of {run.job_id} has not ended; nothing was started", hint=hint)
    if run.target not in driver.targets:
        raise UsageError(f"target {run.target} is not configured", hint="See definitions/targets/.")
    refuse_where_not_startable(driver.targets[run.target], run.job_id)
    if not is_forced:
        _refuse_held(driver, run.root_id, run.job_id)
    earlier = retries_of(driver.store, run)
    retry = make_retry(
        run, now=driver.clock(), new_uid=driver.new_uid, requested_by=requested_by, number=len(earlier) + 1
    )
    if run.refusal and not is_forced:
        retry = _judged_again(driver, retry)
    elif run.refusal:
        retry = replace(retry, runs=(replace(retry.runs[0], refusal=""),))
    under_way = next((child for child in earlier if not child.status.is_ended), None)
    if under_way is not None or not driver.store.add_occurrence(retry.occurrence, retry.runs):
        which = f": {under_way.uid}" if under_way else " by somebody else"
        raise CouldNot(f"run {run.uid} of {run.job_id} is being retried already{which}; nothing was started")
    return retry.runs[0]


def _refuse_held(driver: Driver, root_id: str, job_id: str) -> None:
    hold = driver.store.holds().get(root_id)
    if hold is not None and hold.covers(driver.clock()):
        hint = f"Resume it, or add --force.  Paused by {hold.held_by}: {hold.reason}"
        raise CouldNot(f"job {job_id} is paused; nothing was started", hint=hint)
