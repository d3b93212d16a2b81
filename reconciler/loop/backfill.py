"""Starting the instants of a past span by hand: each once, linked to its instant."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from msgspec import Struct

from reconciler.loop.world import World
from reconciler.model.errors import CouldNot, UsageError
from reconciler.model.instant import format_instant
from reconciler.model.inventory import Applied
from reconciler.model.job import Job, Value
from reconciler.model.run import Disposition, Run, Trigger, TriggerKind
from reconciler.runs.choosing import Request
from reconciler.runs.enqueue import make_runs
from reconciler.runs.manual import describe_refusal, refuse_where_not_startable
from reconciler.runs.parameters import resolve_parameters
from reconciler.schedule.times import fire_times

_INSTANT = timedelta(microseconds=1)
MAX_INSTANTS = 10_000
BACKFILL = "manual:backfill:"
"""How the trigger key of a backfilled instant begins: unique by instant, so each starts once."""


class Instant(Struct, frozen=True, kw_only=True):
    """One instant of the span, and why it is not started, or empty."""

    at: datetime
    why_not: str = ""


def list_instants(world: World, applied: Applied, *, start: datetime, until: datetime) -> list[Instant]:
    """Return the instants of the job's schedule in ``[start, until)``: those that ran already are not started.

    Raises UsageError for a job without a schedule, a span that is empty or not past, or one with too many instants.
    """
    job = applied.form
    assert isinstance(job, Job)
    if job.schedule is None:
        raise UsageError(f"job {job.id} has no schedule", hint=f"Run it: reconciler run {job.id}")
    if start >= until or until > world.clock():
        raise UsageError("the span is empty or not past", hint="Give --from before --to, and --to not after now.")
    states = {(state.target, state.root_id): state for state in world.store.schedules(applied.target)}
    state = states.get((applied.target, applied.root_id))
    anchor = state.anchor_at if state else applied.applied_at
    ran = _ran(world, applied, start)
    instants: list[Instant] = []
    for at in fire_times(job.schedule, after=start - _INSTANT, until=until - _INSTANT, anchor=anchor):
        if len(instants) == MAX_INSTANTS:
            raise UsageError(f"the span has more than {MAX_INSTANTS} instants", hint="Backfill it in parts.")
        instants.append(Instant(at=at, why_not="ran already" if at in ran else ""))
    return instants


def _ran(world: World, applied: Applied, start: datetime) -> set[datetime]:
    occurrences = world.store.occurrences(
        root_id=applied.root_id,
        target=applied.target,
        dispositions=[Disposition.RUN, Disposition.PENDING],
        since=start,
        limit=10 * MAX_INSTANTS,
    )
    return {
        item.scheduled_for
        for item in occurrences
        if item.trigger.kind is TriggerKind.SCHEDULE or item.trigger.key.startswith(BACKFILL)
    }


def start_instants(
    world: World, applied: Applied, instants: list[Instant], given: Mapping[str, Value], *, requested_by: str
) -> list[Run]:
    """Enqueue a run for each instant that may start, oldest first; one that was backfilled before is left as it is."""
    assert isinstance(applied.form, Job)
    resolve_parameters(applied.form, given)
    target = world.targets.get(applied.target)
    if target is None:
        raise UsageError(f"target {applied.target} is not configured", hint="See definitions/targets/.")
    refuse_where_not_startable(target, applied.id)
    runs: list[Run] = []
    for instant in instants:
        if instant.why_not:
            continue
        request = Request(
            trigger=Trigger(TriggerKind.MANUAL, BACKFILL + format_instant(instant.at)),
            scheduled_for=instant.at,
            variables=given,
            requested_by=requested_by,
        )
        requested = make_runs(
            applied, request, target, history=world.store, active=(), now=world.clock(), new_uid=world.new_uid
        )
        if not requested.runs:
            why, way_out = describe_refusal(requested.occurrence.reason)
            raise CouldNot(f"job {applied.id} {why}; nothing was started", hint=way_out)
        if world.store.add_occurrence(requested.occurrence, requested.runs):
            runs += requested.runs
    return runs
