"""What would have run: the real scheduler over a span of time, on a clock that jumps from one due instant to the next.

Nothing is stored, started or contacted: the ledger is in memory, and each run ends the moment it starts.
"""

import heapq
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import count

from msgspec import Struct
from msgspec.structs import replace

from reconciler.loop.due import TOLERANCE, Scheduler, first_state, settle_due
from reconciler.model.desired import Declared
from reconciler.model.errors import UsageError
from reconciler.model.forms import Kind
from reconciler.model.inventory import Applied, Hold, ScheduleState
from reconciler.model.job import Job
from reconciler.model.run import Device, Disposition, Occurrence, Origin, Run, RunStatus
from reconciler.schedule.times import fire_times
from reconciler.targets.fake import FakeTarget

_INSTANT = timedelta(microseconds=1)
TARGET = "simulated"
DEVICE = Device(uid="simulated", hostname="simulated", os="linux", online=True)


class Downtime(Struct, frozen=True):
    """A span without a scheduler: from its start up to, but not at, its end."""

    start: datetime
    end: datetime


class SimulatedOccurrence(Struct, frozen=True, kw_only=True):
    """One instant and what became of it; ``started_at`` is None unless it ran."""

    job_id: str
    scheduled_for: datetime
    disposition: Disposition
    reason: str
    started_at: datetime | None


def simulate(
    jobs: Mapping[str, Declared[Job]], *, start: datetime, until: datetime, downtimes: Sequence[Downtime] = ()
) -> list[SimulatedOccurrence]:
    """Return every instant in ``[start, until)`` of the enabled jobs' schedules, by instant and job.

    Every job is first applied at ``start``: intervals count from there.  A downtime that reaches past ``until`` counts
    as over then, so each instant has a fate.  Which devices a job selects, and its condition, have no part in it.
    """
    if start >= until:
        raise UsageError("the span is empty: --from must be before --to")
    ledger = _MemoryLedger()
    for declared in jobs.values():
        ledger.apply(declared, at=start)
    numbers = count()
    target = FakeTarget(TARGET, clock=lambda: start, devices=[DEVICE])
    scheduler = Scheduler(ledger=ledger, targets={TARGET: target}, new_uid=lambda: str(next(numbers)), tell=_ignore)
    up_since = start
    spans = _merged(downtimes, start=start, until=until)
    while (due_at := ledger.next_due()) is not None and due_at < until:
        now, is_return = _when_acting(due_at, spans)
        if is_return:
            up_since = now
        if now >= until:
            now = until - _INSTANT
        settle_due(scheduler, now=now, tolerance=min(TOLERANCE, now - up_since))
    return sorted(ledger.told(until), key=lambda item: (item.scheduled_for, item.job_id))


def _ignore(words: str) -> None:
    """Nobody listens to a simulation; what it found out is its result."""


def _merged(downtimes: Iterable[Downtime], *, start: datetime, until: datetime) -> list[Downtime]:
    """Return the downtimes within the span, in order, those that touch made one."""
    merged: list[Downtime] = []
    for downtime in sorted(downtimes, key=lambda item: item.start):
        begin, end = max(downtime.start, start), min(downtime.end, until)
        if begin >= end:
            continue
        if merged and begin <= merged[-1].end:
            merged[-1] = Downtime(merged[-1].start, max(merged[-1].end, end))
        else:
            merged.append(Downtime(begin, end))
    return merged


def _when_acting(due_at: datetime, downtimes: list[Downtime]) -> tuple[datetime, bool]:
    """Return when the scheduler acts on what is due at ``due_at``, and whether it came back for it."""
    while downtimes and downtimes[0].end <= due_at:
        downtimes.pop(0)
    if downtimes and downtimes[0].start <= due_at:
        return downtimes[0].end, True
    return due_at, False


class _MemoryLedger:
    """What the store keeps of schedules, in memory: a heap of next instants."""

    def __init__(self) -> None:
        self._heap: list[tuple[datetime, str]] = []
        self._states: dict[str, tuple[ScheduleState, Applied]] = {}
        self._occurrences: list[tuple[Occurrence, tuple[Run, ...]]] = []

    def apply(self, declared: Declared[Job], *, at: datetime) -> None:
        job = replace(declared.form, devices=None, os_filter=None, component_link=None, condition=None)
        if job.schedule is None:
            return
        origin = Origin(commit="", path=declared.path, blob=declared.blob, digest=declared.digest)
        applied = Applied(
            target=TARGET, kind=Kind.JOB, id=job.id, root_id=job.id, form=job, origin=origin, applied_at=at
        )
        # The instant at which the span begins is part of it, so the schedule is settled up to just before.
        state = first_state(applied, job.schedule, anchor_at=at, now=at - _INSTANT)
        self._states[job.id] = (state, applied)
        self._push(state)

    def _push(self, state: ScheduleState) -> None:
        if state.next_at is not None:
            heapq.heappush(self._heap, (state.next_at, state.root_id))

    def next_due(self) -> datetime | None:
        return self._heap[0][0] if self._heap else None

    def due_schedules(self, now: datetime, limit: int) -> list[tuple[ScheduleState, Applied]]:
        due: list[tuple[ScheduleState, Applied]] = []
        while self._heap and self._heap[0][0] <= now and len(due) < limit:
            due.append(self._states[heapq.heappop(self._heap)[1]])
        return due

    def holds(self) -> dict[str, Hold]:
        return {}

    def active_runs_of(self, root_ids: Collection[str]) -> list[Run]:
        return []

    def applied_by_id(self, target: str, job_id: str) -> Applied | None:
        return self._states[job_id][1] if job_id in self._states else None

    def last_status(self, job_id: str, target: str, device_uid: str) -> RunStatus | None:
        return None

    def settle(self, states: Sequence[ScheduleState], occurrences: Sequence[Occurrence], runs: Sequence[Run]) -> None:
        by_occurrence: dict[str, list[Run]] = {}
        for run in runs:
            by_occurrence.setdefault(run.occurrence_id, []).append(run)
        self._occurrences += [(item, tuple(by_occurrence.get(item.id, ()))) for item in occurrences]
        for state in states:
            self._states[state.root_id] = (state, self._states[state.root_id][1])
            self._push(state)

    def told(self, until: datetime) -> Iterator[SimulatedOccurrence]:
        for occurrence, runs in self._occurrences:
            started_at = min((max(run.due_at, run.created_at) for run in runs), default=None)
            if started_at == until - _INSTANT:
                started_at = until  # it came back at the end, which is not part of the span, and acted then
            disposition = Disposition.RUN if runs else occurrence.disposition
            for instant in self._instants(occurrence):
                yield SimulatedOccurrence(
                    job_id=occurrence.job_id,
                    scheduled_for=instant,
                    disposition=disposition,
                    reason=occurrence.reason,
                    started_at=started_at,
                )

    def _instants(self, occurrence: Occurrence) -> Iterator[datetime]:
        """Return the instants of an occurrence: a missed span is one row, and is expanded here."""
        if occurrence.last_instant is None:
            yield occurrence.scheduled_for
            return
        state, applied = self._states[occurrence.root_id]
        assert isinstance(applied.form, Job)
        assert applied.form.schedule is not None
        yield from fire_times(
            applied.form.schedule,
            after=occurrence.scheduled_for - _INSTANT,
            until=occurrence.last_instant,
            anchor=state.anchor_at,
        )
