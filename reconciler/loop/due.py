"""What the clock makes due: each schedule's instants since the last pass become runs, or a reason why not."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from msgspec import Struct
from msgspec.structs import replace

from reconciler.model.errors import TargetRefused, TargetUnavailable
from reconciler.model.instant import NewUid
from reconciler.model.inventory import Applied, Hold, ScheduleState
from reconciler.model.job import Job, Schedule
from reconciler.model.run import Disposition, Occurrence, Run
from reconciler.runs.choosing import History, Request
from reconciler.runs.enqueue import Requested, cancel_replaced, make_occurrence, make_runs, schedule_trigger
from reconciler.schedule.misfire import Settled, Span, settle_instants, skip_instants
from reconciler.schedule.times import next_fire
from reconciler.schedule.zones import UnknownZone
from reconciler.targets.protocol import LiveTarget

TOLERANCE = timedelta(seconds=60)
"""How far behind the clock a start still counts as on time, for `misfire: skip`, while a scheduler is up."""

BATCH = 200
INSTANT = timedelta(microseconds=1)


class Ledger(History, Protocol):
    """What settling asks of the store; a simulation keeps the same in memory."""

    def due_schedules(self, now: datetime, limit: int) -> Sequence[tuple[ScheduleState, Applied]]: ...

    def settle(
        self, states: Sequence[ScheduleState], occurrences: Sequence[Occurrence], runs: Sequence[Run]
    ) -> None: ...


class Scheduler(Struct, frozen=True, kw_only=True):
    """What settling works with; ``tell`` says what a person should know."""

    ledger: Ledger
    targets: Mapping[str, LiveTarget]
    new_uid: NewUid
    tell: Callable[[str], None]


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


def missed_at_apply(applied: Applied, schedule: Schedule, *, now: datetime, new_uid: NewUid) -> list[Occurrence]:
    """Return the one instant of a `runAt` that had passed before its job was applied: it never runs, and that is kept.

    One that ran or was missed before is left as it is: its key is taken.
    """
    if schedule.run_at is None or schedule.run_at > now:
        return []
    span = Span(schedule.run_at, schedule.run_at, 1, Disposition.MISSED, "past_at_apply")
    return [_span_occurrence(applied, span, now=now, new_uid=new_uid)]


def skip_to(
    state: ScheduleState, applied: Applied, *, after: datetime, now: datetime, reason: str, new_uid: NewUid
) -> tuple[ScheduleState, Occurrence | None]:
    """Return where a schedule stands when nothing of ``(after, now]`` is to start, and its instants as skipped."""
    schedule = _schedule_of(applied)
    span = skip_instants(schedule, after=max(after, state.cursor_at), until=now, anchor=state.anchor_at, reason=reason)
    skipped = _span_occurrence(applied, span, now=now, new_uid=new_uid) if span else None
    following = next_fire(schedule, after=now, anchor=state.anchor_at) if state.next_at is not None else None
    return replace(state, cursor_at=max(state.cursor_at, now), next_at=following), skipped


def settle_due(
    scheduler: Scheduler,
    *,
    now: datetime,
    tolerance: timedelta = TOLERANCE,
    between: Callable[[], object] = lambda: None,
) -> int:
    """Account for every instant up to ``now``, and return how many occurrences were made.

    ``between`` is called where many are due, while others are still to be settled: the first can start meanwhile.
    An instant no older than ``tolerance`` is on time.  A target that cannot be reached keeps its instants for the next
    call; its jobs' grace decides then.
    """
    made = 0
    holds = scheduler.ledger.holds()
    put_off: set[tuple[str, str]] = set()
    while True:
        due = [
            (state, applied)
            for state, applied in scheduler.ledger.due_schedules(now, BATCH + len(put_off))
            if (state.target, state.root_id) not in put_off
        ]
        if not due:
            return made
        active = _active_runs(scheduler, due)
        states: list[ScheduleState] = []
        requested: list[Requested] = []
        for state, applied in due:
            if _is_held_elsewhere(scheduler, applied):
                states.append(replace(state, cursor_at=max(state.cursor_at, now), next_at=None))
                continue
            try:
                following = next_fire(_schedule_of(applied), after=state.next_at or now, anchor=state.anchor_at)
                requested += _settle_one(
                    scheduler,
                    state,
                    applied,
                    following=following,
                    hold=holds.get(state.root_id),
                    active=active[state.target, state.root_id],
                    now=now,
                    tolerance=tolerance,
                )
                states.append(_moved(state, applied, following, now))
            except TargetUnavailable:
                put_off.add((state.target, state.root_id))
            except UnknownZone as error:
                # An update of tzdata took the zone away: the job stands still until its definition is mended.
                put_off.add((state.target, state.root_id))
                scheduler.tell(f"{applied.id} is held: {error.message}")
        scheduler.ledger.settle(
            states, [item.occurrence for item in requested], [run for item in requested for run in item.runs]
        )
        cancel_replaced(requested, scheduler.targets.get)
        made += len(requested)
        if len(due) >= BATCH:
            between()


def _is_held_elsewhere(scheduler: Scheduler, applied: Applied) -> bool:
    """Return whether the target starts the job by itself: its provider was changed since the job was applied."""
    target = scheduler.targets.get(applied.target)
    return target is not None and target.capabilities.holds_schedules


def _settle_one(
    scheduler: Scheduler,
    state: ScheduleState,
    applied: Applied,
    *,
    following: datetime | None,
    hold: Hold | None,
    active: Sequence[Run],
    now: datetime,
    tolerance: timedelta,
) -> list[Requested]:
    """Return what becomes of the instants since the cursor; ``following`` is the next one after ``next_at``."""
    schedule = _schedule_of(applied)
    held, after = _settle_held(schedule, state, hold, now=now)
    if hold is None and _is_one_on_time(state, following, now=now, tolerance=tolerance):
        assert state.next_at is not None
        settled = Settled(start=(state.next_at,))  # as settle_instants says, at a third of its cost
    else:
        settled = settle_instants(schedule, after=after, now=now, anchor=state.anchor_at, tolerance=tolerance)
    requested = [
        Requested(occurrence=_span_occurrence(applied, span, now=now, new_uid=scheduler.new_uid))
        for span in (*held, *settled.spans)
    ]
    if not settled.start:
        return requested
    target = scheduler.targets.get(applied.target)
    if target is None:
        raise TargetUnavailable(f"target {applied.target} is not configured")
    # Instants that start together are not each other's overlap: they were named one after the other, and run so.
    for instant in settled.start:
        request = Request(trigger=schedule_trigger(instant), scheduled_for=instant)
        try:
            made = make_runs(
                applied,
                request,
                target,
                history=scheduler.ledger,
                active=active,
                now=now,
                new_uid=scheduler.new_uid,
            )
        except TargetRefused as error:
            scheduler.tell(f"{applied.id} was not started: {error}")
            made = _refused(applied, request, now=now, new_uid=scheduler.new_uid)
        requested.append(made)
    return requested


def _refused(applied: Applied, request: Request, *, now: datetime, new_uid: NewUid) -> Requested:
    disposition, reason = Disposition.SKIPPED, "target_refused"
    return Requested(
        occurrence=make_occurrence(applied, request, now=now, new_uid=new_uid, disposition=disposition, reason=reason)
    )


def _active_runs(
    scheduler: Scheduler, due: Sequence[tuple[ScheduleState, Applied]]
) -> Mapping[tuple[str, str], list[Run]]:
    """Return the runs that have not ended of the jobs that are due, by target and root id: one question for all."""
    active: defaultdict[tuple[str, str], list[Run]] = defaultdict(list)
    for run in scheduler.ledger.active_runs_of([state.root_id for state, _ in due]):
        active[run.target, run.root_id].append(run)
    return active


def _settle_held(
    schedule: Schedule, state: ScheduleState, hold: Hold | None, *, now: datetime
) -> tuple[tuple[Span, ...], datetime]:
    """Return the instants that a hold skips, and from where on the others are settled."""
    if hold is None:
        return (), state.cursor_at
    until = now if hold.until is None else min(now, hold.until - INSTANT)
    span = skip_instants(schedule, after=state.cursor_at, until=until, anchor=state.anchor_at, reason="held")
    return (span,) if span else (), max(state.cursor_at, until)


def _span_occurrence(applied: Applied, span: Span, *, now: datetime, new_uid: NewUid) -> Occurrence:
    request = Request(trigger=schedule_trigger(span.first), scheduled_for=span.first)
    occurrence = make_occurrence(
        applied, request, now=now, new_uid=new_uid, disposition=span.disposition, reason=span.reason
    )
    return replace(occurrence, last_instant=span.last, count=span.count) if span.count > 1 else occurrence


def _is_one_on_time(state: ScheduleState, following: datetime | None, *, now: datetime, tolerance: timedelta) -> bool:
    """Return whether exactly one instant has passed since the cursor, and is on time whatever the policy."""
    is_one = following is None or following > now
    return is_one and state.next_at is not None and now - tolerance <= state.next_at <= now


def _moved(state: ScheduleState, applied: Applied, following: datetime | None, now: datetime) -> ScheduleState:
    if following is not None and following <= now:
        following = next_fire(_schedule_of(applied), after=now, anchor=state.anchor_at)
    return replace(state, cursor_at=max(state.cursor_at, now), next_at=following)


def _schedule_of(applied: Applied) -> Schedule:
    assert isinstance(applied.form, Job)
    assert applied.form.schedule is not None
    return applied.form.schedule
