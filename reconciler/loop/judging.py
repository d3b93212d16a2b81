"""What is known beside a plan, gathered for those who judge it: anchors, pauses, devices, other jobs."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cache

from reconciler.loop.device_lookup import DeviceLookup
from reconciler.loop.reconcile import Planned
from reconciler.loop.world import World
from reconciler.model.change import Plan
from reconciler.model.desired import DesiredState
from reconciler.model.job import Job
from reconciler.planning.judgement_company import Timetable
from reconciler.planning.judgement_values import Company, JobOf, Known, Matched, Place, place_of, run_by
from reconciler.schedule.forecast import Scheduled

MOST_JOBS = 20_000
"""Beyond that, nobody looks which jobs start together: it would take longer than the plan."""

_ROOT_PROVIDERS = frozenset({"datto", "keeper", "salt"})
"""Their agents run as root or SYSTEM. Source: Datto "Scripting"; Keeper, Salt: their services' units."""

Anchors = Mapping[tuple[str, str], datetime]
"""Where applied intervals count from, by target and root id."""

_ANY = datetime(2000, 1, 1, tzinfo=UTC)  # a schedule that is no interval has no use for it


def known_of_state(world: World, planned: Planned, *, is_root: bool) -> Known:
    """Return what the state and the targets know; ``is_root``: this process runs as root, and so do local runs."""
    plan = planned.plan
    if not plan.changes:
        return Known()
    store = world.store
    states = store.schedules_of({change.root_id for change in plan.changes})

    job_of = _lazy_job_of(planned)
    lookup = DeviceLookup(world.targets)
    devices = _match_devices(lookup, plan, job_of)
    return Known(
        anchors={(state.target, state.root_id): state.anchor_at for state in states},
        holds=world.store.holds(),
        devices=devices,
        job_of=job_of,
        root_targets=_root_targets(planned.desired, is_root=is_root),
        company=_lazy_company(planned, lambda: {(one.target, one.root_id): one.anchor_at for one in store.schedules()}),
        paces=lookup.paces(),
        match=lambda target, job: lookup.match(target, job.devices, job),
    )


def known_of_commits(planned: Planned) -> Known:
    """Return what two commits alone tell: no target is asked, and when an interval began is not known."""
    return Known(
        job_of=_lazy_job_of(planned),
        root_targets=_root_targets(planned.desired, is_root=False),
        company=_lazy_company(planned, dict),
    )


def _lazy_company(planned: Planned, anchors: Callable[[], Anchors]) -> Callable[[str, str, datetime], Company | None]:
    """Return what looks up who else starts; all jobs are read only when it is called."""

    @cache
    def timetable() -> Timetable:
        is_small = planned.source.job_count <= MOST_JOBS
        return _timetable(planned.source.loaded.desired, anchors()) if is_small else Timetable({})

    return lambda target, job_id, at: timetable().company(target, job_id, at)


def _lazy_job_of(planned: Planned) -> JobOf:
    """Return what gives a declared job; all are read only when one is asked for that is no part of the plan."""
    among_changed = _job_of(planned.desired)

    @cache
    def all_jobs() -> JobOf:
        return _job_of(planned.source.loaded.desired)

    return lambda job_id: among_changed(job_id) or (all_jobs()(job_id) if planned.is_part else None)


def _job_of(desired: DesiredState) -> JobOf:
    def job_of(job_id: str) -> Job | None:
        declared = desired.jobs.get(job_id)
        return declared.form if declared is not None else None

    return job_of


def _root_targets(desired: DesiredState, *, is_root: bool) -> frozenset[str]:
    providers = {"local": "local"} | {name: item.form.provider for name, item in desired.targets.items()}
    return frozenset(
        name for name, provider in providers.items() if provider in _ROOT_PROVIDERS or (provider == "local" and is_root)
    )


def _timetable(desired: DesiredState, anchors: Anchors) -> Timetable:
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


def _match_devices(lookup: DeviceLookup, plan: Plan, job_of: JobOf) -> dict[Place, Matched]:
    """Return on which devices the jobs and one-offs in question run today, at targets that can be asked."""
    found: dict[Place, Matched] = {}
    for change in plan.changes:
        for form in (change.before, change.after):
            place = place_of(change.target, form, job_of)
            if place in found:
                continue
            matched = lookup.match(change.target, place[1], run_by(form, job_of))
            if matched is not None:
                found[place] = matched
    return found
