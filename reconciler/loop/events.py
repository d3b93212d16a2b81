"""What events start: each applied job that names the type, once, or one run for many while it waits for its start."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta

from msgspec import Struct

from reconciler.loop.world import World
from reconciler.model.conditions import where_holds
from reconciler.model.errors import ReconcilerError, TargetRefused, TargetUnavailable
from reconciler.model.event import MAX_CHAIN, OWN_SOURCE, STARTUP, Event, check_event, is_end_of
from reconciler.model.expressions import ExpressionFailed, ExpressionInvalid
from reconciler.model.inventory import Applied, Hold
from reconciler.model.job import Job
from reconciler.model.run import Disposition, Occurrence, Run, RunStatus, Trigger, TriggerKind
from reconciler.runs.choosing import Request
from reconciler.runs.enqueue import Requested, cancel_replaced, make_occurrence, make_runs
from reconciler.store.records import EventRecord

BATCH = 200
GIVE_UP_AFTER = timedelta(days=1)
"""How long an event waits for a target that does not answer."""


def take_event(world: World, event: Event) -> bool:
    """Record the event durably; False when it was known. Raises UsageError where it is beyond the limits."""
    return world.store.add_events([check_event(event)]) == 1


def startup_event(world: World) -> Event:
    return Event(id=world.new_uid(), type=STARTUP, source=OWN_SOURCE, at=world.clock())


def settle_events(world: World, *, now: datetime) -> list[Run]:
    """Let every pending event reach the jobs that name its type, and return the runs that came of it.

    A target that cannot be reached keeps its jobs' part of an event for the next call, up to ``GIVE_UP_AFTER``.
    """
    runs: list[Run] = []
    after = 0
    while records := world.store.pending_events(after_seq=after, limit=BATCH):
        after = records[-1].seq
        batch = _Batch(world, now)
        for record in records:
            batch.take(record)
        runs += batch.write()
    return runs


class _Reached(Struct, kw_only=True):
    """What became of one event so far."""

    seq: int
    outcome: Counter[str]
    remaining: list[tuple[str, str]]


class _Batch:
    """Some events on their way to jobs, and what they come to, written together."""

    def __init__(self, world: World, now: datetime) -> None:
        self._world = world
        self._now = now
        self._holds: dict[str, Hold] = world.store.holds()
        self._jobs: dict[str, list[Applied]] = {}
        self._active: dict[tuple[str, str], list[Run]] = {}
        self._latest: dict[tuple[str, str], Occurrence | None] = {}
        self._waiting: dict[tuple[str, str, str, str], str] = {}
        self._again: dict[str, tuple[int, datetime]] = {}
        self._requested: list[Requested] = []
        self._reached: list[_Reached] = []

    def take(self, record: EventRecord) -> None:
        reached = _Reached(seq=record.seq, outcome=Counter(record.outcome), remaining=[])
        self._reached.append(reached)
        event = record.event
        if not record.is_readable:
            reached.outcome["unreadable"] += 1
            return
        if event.depth > MAX_CHAIN:
            reached.outcome["too_deep"] += 1
            self._world.tell(f"event {event.type} of {event.source} starts nothing: {MAX_CHAIN} runs led to it")
            return
        for applied in self._jobs_for(record):
            try:
                reached.outcome[self._reach(event, applied)] += 1
            except TargetUnavailable:
                if self._now - event.at > GIVE_UP_AFTER:
                    reached.outcome[self._skip(event, applied, "target_unavailable")] += 1
                else:
                    reached.remaining.append((applied.target, applied.root_id))
            except TargetRefused:
                reached.outcome[self._skip(event, applied, "target_refused")] += 1
            except ReconcilerError:
                raise
            except Exception as error:
                # The boundary of one event: what nobody thought of must not keep those behind it from their jobs.
                reached.outcome["error"] += 1
                self._world.tell(f"event {event.type} did not reach {applied.id}: {type(error).__name__}: {error}")
        if not reached.outcome and not reached.remaining:
            reached.outcome["no_job"] += 1

    def write(self) -> list[Run]:
        """Write what came of the events, in one transaction, and return the runs that are new with it."""
        store = self._world.store
        runs = [run for item in self._requested for run in item.runs]
        with store.transaction():
            store.settle([], [item.occurrence for item in self._requested], runs)
            for occurrence_id, (more, last_at) in self._again.items():
                store.count_again(occurrence_id, more=more, last_at=last_at)
            for item in self._reached:
                if item.remaining:
                    store.put_off_event(item.seq, outcome=item.outcome, remaining=item.remaining)
                else:
                    store.settle_event(item.seq, outcome=item.outcome, now=self._now)
            store.prune_events()
        cancel_replaced(self._requested, self._world.targets.get)
        return [run for run in runs if store.run(run.uid) is not None]

    def _jobs_for(self, record: EventRecord) -> Sequence[Applied]:
        event_type = record.event.type
        if event_type not in self._jobs:
            jobs = self._world.store.jobs_for_event(event_type)
            self._jobs[event_type] = [applied for applied in jobs if not self._is_held_elsewhere(applied)]
        jobs = self._jobs[event_type]
        if record.remaining is None:
            return jobs
        return [applied for applied in jobs if (applied.target, applied.root_id) in record.remaining]

    def _is_held_elsewhere(self, applied: Applied) -> bool:
        """Return whether the job waits for events of its target, which starts it by itself; ours are others."""
        target = self._world.targets.get(applied.target)
        return target is not None and target.capabilities.holds_schedules

    def _reach(self, event: Event, applied: Applied) -> str:
        """Return the word for what became of the event at this job."""
        job = applied.form
        assert isinstance(job, Job)
        if is_end_of(event, applied.id):
            return "own_end"
        try:
            if not _is_wanted(job, event):
                return "not_wanted"
        except (ExpressionInvalid, ExpressionFailed) as error:
            self._world.tell(f"event {event.type} does not start {applied.id}: its where cannot be evaluated: {error}")
            return self._skip(event, applied, "where_failed")
        hold = self._holds.get(applied.root_id)
        if hold is not None and hold.covers(self._now):
            return self._skip(event, applied, "held")
        if (waiting := self._waiting_occurrence(event, applied)) is not None:
            self._count_again(waiting, event)
            return "coalesced"
        target = self._world.targets.get(applied.target)
        if target is None:
            raise TargetUnavailable(f"target {applied.target} is not configured")
        requested = make_runs(
            applied,
            self._request(event),
            target,
            history=self._world.store,
            active=self._active_runs(applied),
            now=self._now,
            new_uid=self._world.new_uid,
        )
        if not requested.runs:
            return self._skip(event, applied, requested.occurrence.reason)
        self._add(event, applied, requested)
        return "started"

    def _request(self, event: Event) -> Request:
        return Request(
            trigger=Trigger(TriggerKind.EVENT, event.trigger_key),
            scheduled_for=min(event.at, self._now),
            event=event.facts,
            device=event.device,
            parent_uid=event.parent_uid,
        )

    def _add(self, event: Event, applied: Applied, requested: Requested) -> None:
        self._requested.append(requested)
        place = (applied.target, applied.root_id)
        self._latest[place] = requested.occurrence
        self._waiting[(*place, event.type, event.device)] = requested.occurrence.id
        for run in requested.runs:
            if run.root_id == applied.root_id:
                self._active_runs(applied).append(run)

    def _active_runs(self, applied: Applied) -> list[Run]:
        place = (applied.target, applied.root_id)
        if place not in self._active:
            runs = self._world.store.active_runs_of([applied.root_id])
            self._active[place] = [run for run in runs if run.target == applied.target]
        return self._active[place]

    def _waiting_occurrence(self, event: Event, applied: Applied) -> str | None:
        """Return the occurrence whose run has still to start for an event like this one, or None."""
        if (made := self._waiting.get((applied.target, applied.root_id, event.type, event.device))) is not None:
            return made
        return next((run.occurrence_id for run in self._active_runs(applied) if _waits_for(run, event)), None)

    def _count_again(self, occurrence_id: str, event: Event) -> None:
        more, last_at = self._again.get(occurrence_id, (0, event.at))
        self._again[occurrence_id] = (more + 1, max(last_at, event.at))

    def _skip(self, event: Event, applied: Applied, reason: str) -> str:
        """Account for an event that starts nothing: many of them in a row, for the same reason, are one occurrence."""
        place = (applied.target, applied.root_id)
        if place not in self._latest:
            found = self._world.store.occurrences(root_id=applied.root_id, target=applied.target, limit=1)
            self._latest[place] = found[0] if found else None
        latest = self._latest[place]
        if latest is not None and _is_skipped(latest, reason):
            self._count_again(latest.id, event)
            return reason
        occurrence = make_occurrence(
            applied,
            self._request(event),
            now=self._now,
            new_uid=self._world.new_uid,
            disposition=Disposition.SKIPPED,
            reason=reason,
        )
        self._latest[place] = occurrence
        self._requested.append(Requested(occurrence=occurrence))
        return reason


def _is_wanted(job: Job, event: Event) -> bool:
    """Return whether one of the job's triggers asks for the event. Raises ExpressionInvalid or ExpressionFailed."""
    wheres = {trigger.where for trigger in job.events if trigger.event_type == event.type}
    return "" in wheres or any(where_holds(where, event) for where in sorted(wheres))


def _waits_for(run: Run, event: Event) -> bool:
    like_this = (run.event.get("type"), run.event.get("device")) == (event.type, event.device)
    return run.status is RunStatus.CREATED and run.attempt == 1 and run.trigger.kind is TriggerKind.EVENT and like_this


def _is_skipped(occurrence: Occurrence, reason: str) -> bool:
    return (occurrence.trigger.kind, occurrence.disposition, occurrence.reason) == (
        TriggerKind.EVENT,
        Disposition.SKIPPED,
        reason,
    )
