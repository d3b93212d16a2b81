"""What is known beside a plan, gathered for those who judge it: anchors, pauses, devices, other jobs."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from reconciler.loop.world import World
from reconciler.model.change import Plan
from reconciler.model.desired import DesiredState
from reconciler.model.errors import CouldNot
from reconciler.model.forms import OneOff
from reconciler.model.job import Devices, Job
from reconciler.model.systems import keeps_off
from reconciler.planning.judgement_company import Timetable
from reconciler.planning.judgement_values import Known, Matched, Place, place_of
from reconciler.schedule.forecast import Scheduled
from reconciler.targets.protocol import DeviceList, LiveTarget

MOST_JOBS = 20_000
"""Beyond that, nobody looks which jobs start together: it would take longer than the plan."""

MOST_SELECTORS = 100
"""So many are looked up of one plan; each may be a request to a target."""

_ROOT_PROVIDERS = frozenset({"datto", "keeper", "salt"})
"""Their agents run as root or SYSTEM. Source: Datto "Scripting"; Keeper, Salt: their services' units."""

_NAMED = 5
_ANY = datetime(2000, 1, 1, tzinfo=UTC)  # a schedule that is no interval has no use for it


def known_of_state(world: World, desired: DesiredState, plan: Plan, *, is_root: bool) -> Known:
    """Return what the state and the targets know; ``is_root``: this process runs as root, and so do local runs."""
    if not plan.changes:
        return Known()
    # All of them only where somebody looks which jobs start together.
    is_small = len(desired.jobs) <= MOST_JOBS
    roots = {change.root_id for change in plan.changes}
    states = world.store.schedules() if is_small else world.store.schedules_of(roots)
    anchors = {(state.target, state.root_id): state.anchor_at for state in states}
    return Known(
        anchors=anchors,
        holds=world.store.holds(),
        devices=_match_devices(world.targets, plan, _job_of(desired)),
        job_of=_job_of(desired),
        root_targets=_root_targets(desired, is_root=is_root),
        company=_timetable(desired, anchors).company,
    )


def known_of_commits(desired: DesiredState) -> Known:
    """Return what two commits alone tell: no target is asked, and when an interval began is not known."""
    return Known(
        job_of=_job_of(desired),
        root_targets=_root_targets(desired, is_root=False),
        company=_timetable(desired, {}).company,
    )


def _job_of(desired: DesiredState) -> Callable[[str], Job | None]:
    def job_of(job_id: str) -> Job | None:
        declared = desired.jobs.get(job_id)
        return declared.form if declared is not None else None

    return job_of


def _root_targets(desired: DesiredState, *, is_root: bool) -> frozenset[str]:
    providers = {"local": "local"} | {name: item.form.provider for name, item in desired.targets.items()}
    return frozenset(
        name for name, provider in providers.items() if provider in _ROOT_PROVIDERS or (provider == "local" and is_root)
    )


def _timetable(desired: DesiredState, anchors: Mapping[tuple[str, str], datetime]) -> Timetable:
    """Return when the declared jobs start; an interval whose beginning is not known starts with nobody."""
    jobs: dict[str, list[Scheduled]] = {}
    if len(desired.jobs) > MOST_JOBS:
        return Timetable(jobs)
    for job_id, declared in desired.jobs.items():
        job = declared.form
        if job.schedule is None or not job.enabled:
            continue
        for target in job.targets:
            anchor_at = anchors.get((target, job.previous_id or job_id)) or anchors.get((target, job_id))
            anchor_at = anchor_at or job.schedule.start_at
            if job.schedule.interval_minutes is not None and anchor_at is None:
                continue
            scheduled = Scheduled(id=job_id, schedule=job.schedule, anchor_at=anchor_at or _ANY)
            jobs.setdefault(target, []).append(scheduled)
    return Timetable(jobs)


def _match_devices(
    targets: Mapping[str, LiveTarget], plan: Plan, job_of: Callable[[str], Job | None]
) -> dict[Place, Matched]:
    """Return on which devices the jobs and one-offs in question run today, at targets that can be asked."""
    found: dict[Place, Matched] = {}
    listed: dict[tuple[str, Devices], DeviceList] = {}
    silent: set[str] = set()
    for change in plan.changes:
        target = targets.get(change.target)
        for form in (change.before, change.after):
            place = place_of(change.target, form, job_of)
            selector = place[1]
            if target is None or selector is None or place in found:
                continue
            if (target.name, selector) not in listed:
                if target.name in silent or len(listed) >= MOST_SELECTORS:
                    continue
                try:
                    listed[target.name, selector] = target.devices(selector)
                except CouldNot:
                    silent.add(target.name)  # a plan needs no login: what nobody looked up is said to be so
                    continue
            found[place] = _matched(listed[target.name, selector], form, job_of)
    return found


def _matched(listing: DeviceList, form: object, job_of: Callable[[str], Job | None]) -> Matched:
    job = job_of(form.job) if isinstance(form, OneOff) else form
    devices = [device for device in listing.devices if not (isinstance(job, Job) and keeps_off(job, device.os))]
    return Matched(
        count=len(devices),
        names=tuple(device.hostname or device.uid for device in devices[:_NAMED]),
        complete=listing.complete,
        kept_off=len(listing.devices) - len(devices),
    )
