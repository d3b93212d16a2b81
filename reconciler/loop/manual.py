"""A run that a person asks for, of a job as it is applied."""

from collections.abc import Mapping

from reconciler.loop.world import World
from reconciler.model.errors import CouldNot, UsageError
from reconciler.model.inventory import Applied
from reconciler.model.job import Job, Value
from reconciler.model.run import Run, Trigger, TriggerKind
from reconciler.runs.choosing import Request
from reconciler.runs.enqueue import cancel_replaced, make_runs
from reconciler.runs.parameters import resolve_parameters
from reconciler.runs.retry import make_retry, retries_of

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
    world: World, applied: Applied, given: Mapping[str, Value], *, requested_by: str, is_forced: bool = False
) -> tuple[Run, ...]:
    """Enqueue the job and return its runs. Raises UsageError for parameters, CouldNot when the job may not run now."""
    job = applied.form
    assert isinstance(job, Job)
    resolve_parameters(job, given)
    target = world.targets.get(applied.target)
    if target is None:
        raise UsageError(f"target {applied.target} is not configured", hint="See definitions/targets/.")
    now = world.clock()
    if not is_forced:
        _refuse_held(world, applied.root_id, applied.id)
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
        raise CouldNot(f"job {applied.id} {why}; nothing was started", hint=way_out)
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
