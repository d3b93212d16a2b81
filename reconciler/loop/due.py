"""What the clock makes due: each schedule's instants since the last pass become runs, or a reason why not."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from msgspec.structs import replace

from reconciler.loop.world import World
from reconciler.model.errors import TargetUnavailable
from reconciler.model.inventory import Applied, ScheduleState
from reconciler.model.job import Job, Schedule
from reconciler.model.run import Disposition, Occurrence
from reconciler.runs.enqueue import Request, Requested, make_occurrence, make_runs, schedule_trigger
from reconciler.schedule.misfire import Span, settle_instants
from reconciler.schedule.times import next_fire

TOLERANCE = timedelta(seconds=5)
"""How far behind the clock a start still counts as on time, for `misfire: skip`."""

BATCH = 500


def first_state(applied: Applied, schedule: Schedule, *, anchor_at: datetime, now: datetime) -> ScheduleState:
    """Return where the schedule of a job stands when it is applied at ``now``: nothing before is owed."""
    assert isinstance(applied.form, Job)
    following = next_fire(schedule, after=now, anchor=anchor_at) if applied.form.enabled else None
    return ScheduleState(
        root_id=applied.root_id,
        job_id=applied.id,
        target=applied.target,
        anchor_at=anchor_at,
        cursor_at=now,
        next_at=following,
    )


def settle_due(world: World, *, now: datetime) -> int:
    """Account for every instant up to ``now``, and return how many occurrences were made.

    A target that cannot be reached keeps its instants for the next pass; its jobs' grace decides then.
    """
    made = 0
    put_off: set[tuple[str, str]] = set()
    while True:
        due = [
            (state, applied)
            for state, applied in world.store.due_schedules(now, BATCH + len(put_off))
            if (state.target, state.root_id) not in put_off
        ]
        if not due:
            return made
        states, requested = [], []
        for state, applied in due:
            try:
                requested += _settle_one(world, state, applied, now)
            except TargetUnavailable:
                put_off.add((state.target, state.root_id))
                continue
            states.append(_moved(state, applied, now))
        world.store.settle(
            states,
            [item.occurrence for item in requested],
            [run for item in requested for run in item.runs],
        )
        made += len(requested)


def _settle_one(world: World, state: ScheduleState, applied: Applied, now: datetime) -> list[Requested]:
    schedule = _schedule_of(applied)
    settled = settle_instants(schedule, after=state.cursor_at, now=now, anchor=state.anchor_at, tolerance=TOLERANCE)
    requested = [Requested(occurrence=_span_occurrence(world, applied, span, now)) for span in settled.spans]
    target = world.targets.get(applied.target)
    if settled.start and target is None:
        raise TargetUnavailable(f"target {applied.target} is not configured")
    active = world.store.active_runs(applied.target, root_id=applied.root_id) if settled.start else []
    for instant in settled.start:
        assert target is not None
        request = Request(trigger=schedule_trigger(instant), scheduled_for=instant)
        made = make_runs(applied, request, target, active=active, now=now, new_uid=world.new_uid)
        requested.append(made)
        active = [*active, *made.runs]
    return requested


def _span_occurrence(world: World, applied: Applied, span: Span, now: datetime) -> Occurrence:
    request = Request(trigger=schedule_trigger(span.first), scheduled_for=span.first)
    occurrence = make_occurrence(
        applied, request, now=now, new_uid=world.new_uid, disposition=Disposition(span.disposition), reason=span.reason
    )
    return replace(occurrence, last_instant=span.last, count=span.count) if span.count > 1 else occurrence


def _moved(state: ScheduleState, applied: Applied, now: datetime) -> ScheduleState:
    following = next_fire(_schedule_of(applied), after=now, anchor=state.anchor_at)
    return replace(state, cursor_at=max(state.cursor_at, now), next_at=following)


def _schedule_of(applied: Applied) -> Schedule:
    assert isinstance(applied.form, Job)
    assert applied.form.schedule is not None
    return applied.form.schedule


def next_times(states: Sequence[ScheduleState]) -> list[tuple[datetime, str, str]]:
    """Return (instant, job id, target) of the schedules that fire again, soonest first."""
    return sorted((state.next_at, state.job_id, state.target) for state in states if state.next_at is not None)
