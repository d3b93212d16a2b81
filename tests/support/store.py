"""A store on disk, and small makers of what goes into it. Real SQLite; uids count up, so that order is plain."""

from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from reconciler.model.forms import Kind, digest_form
from reconciler.model.inventory import Applied, Receipt, ScheduleState
from reconciler.model.job import Job, Schedule, Task
from reconciler.model.run import (
    Device,
    Occurrence,
    Origin,
    OutputRecord,
    Run,
    RunStatus,
    Stream,
    TaskResult,
    Trigger,
    TriggerKind,
)
from reconciler.store.open import open_store
from reconciler.store.records import FinishedRun, Lease
from reconciler.store.store import Store

MIDNIGHT = datetime(2026, 3, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
HERE = Device(uid="local", hostname="here", os="linux")
COMMIT = "c" * 40


def uid_maker(start: int = 1) -> Callable[[], str]:
    """Return a NewUid whose uids look like UUIDv7 and sort in the order in which they are made."""
    numbers: Iterator[int] = count(start)
    return lambda: uid_of(next(numbers))


def uid_of(number: int) -> str:
    digits = f"{number:012x}"
    return f"{digits[:8]}-{digits[8:]}-7000-8000-{number:012x}"


def open_at(folder: Path, *, busy_seconds: float = 5.0) -> Store:
    """Open (or create) the store ``state.db`` in ``folder``."""
    return open_store(folder / "state.db", new_uid=uid_maker(), now=MIDNIGHT, busy_seconds=busy_seconds)


def job_of(id: str, *, interval_minutes: int | None = 5, description: str = "") -> Job:  # noqa: A002
    return Job(
        id=id,
        description=description,
        schedule=None if interval_minutes is None else Schedule(interval_minutes=interval_minutes),
        tasks=(Task(id="task", command="true"),),
    )


def applied_of(job: Job, *, target: str = "local", root_id: str | None = None, commit: str = COMMIT) -> Applied:
    origin = Origin(commit=commit, path=f"definitions/jobs/{job.id}.yaml", blob="b" * 40, digest=digest_form(job))
    return Applied(
        target=target,
        kind=Kind.JOB,
        id=job.id,
        root_id=root_id or job.id,
        form=job,
        origin=origin,
        applied_at=MIDNIGHT,
    )


def schedule_of(
    root_id: str, next_at: datetime | None, *, target: str = "local", job_id: str | None = None
) -> ScheduleState:
    return ScheduleState(
        root_id=root_id,
        job_id=job_id or root_id,
        target=target,
        anchor_at=MIDNIGHT,
        cursor_at=MIDNIGHT,
        next_at=next_at,
    )


def occurrence_of(
    job_id: str,
    number: int,
    *,
    at: datetime = MIDNIGHT,
    kind: TriggerKind = TriggerKind.SCHEDULE,
    key: str | None = None,
    target: str = "local",
    commit: str = COMMIT,
) -> Occurrence:
    """Return an occurrence with the id ``uid_of(number)``; its key is the instant unless given."""
    return Occurrence(
        id=uid_of(number),
        root_id=job_id,
        job_id=job_id,
        target=target,
        trigger=Trigger(kind, key or f"{kind.value}:{at:%Y-%m-%dT%H:%M:%S.000Z}"),
        scheduled_for=at,
        created_at=at,
        origin=Origin(commit=commit, path=f"definitions/jobs/{job_id}.yaml", blob="b" * 40, digest="d" * 64),
    )


def run_of(occurrence: Occurrence, number: int, *, device: Device = HERE, priority: int = 5) -> Run:
    """Return a run of ``occurrence`` on ``device`` with the uid ``uid_of(number)``."""
    return Run(
        uid=uid_of(number),
        occurrence_id=occurrence.id,
        root_id=occurrence.root_id,
        job_id=occurrence.job_id,
        target=occurrence.target,
        device=device,
        trigger=occurrence.trigger,
        scheduled_for=occurrence.scheduled_for,
        due_at=occurrence.scheduled_for,
        created_at=occurrence.created_at,
        origin=occurrence.origin,
        priority=priority,
    )


def finished(run: Run, *, at: datetime = MIDNIGHT + MINUTE, status: RunStatus = RunStatus.COMPLETED) -> FinishedRun:
    """Return an end of ``run`` with one task, one line of output and a report."""
    return FinishedRun(
        uid=run.uid,
        status=status,
        started_at=MIDNIGHT,
        ended_at=at,
        tasks=(TaskResult(id="task", status=status, exit_code=0),),
        report=f'{{"uid":"{run.uid}"}}'.encode(),
        output=(OutputRecord("task", Stream.STDOUT, MIDNIGHT, b"one\n\xff"),),
    )


def receipt_of(one_off_id: str, run: Run) -> Receipt:
    return Receipt(
        one_off_id=one_off_id,
        target=run.target,
        device_uid=run.device.uid,
        run_uid=run.uid,
        digest="d" * 64,
        at=MIDNIGHT,
    )


def add_run(store: Store, job_id: str, number: int, *, at: datetime = MIDNIGHT, commit: str = COMMIT) -> Run:
    """Store an occurrence of ``job_id`` at ``at`` with one run; its numbers are ``number`` and the next."""
    occurrence = occurrence_of(job_id, number, at=at, commit=commit)
    run = run_of(occurrence, number + 1)
    assert store.add_occurrence(occurrence, [run])
    return run


# What the processes of a race do; each opens the store anew. ``who`` tells them apart.


def claim_all(folder: Path, who: int) -> list[str]:
    with closing(open_at(folder)) as store:
        claimed: list[str] = []
        while runs := store.claim_runs("local", owner=f"owner-{who}", now=MIDNIGHT + MINUTE, limit=3):
            claimed += [run.uid for run in runs]
        return claimed


def take_lease(folder: Path, who: int) -> Lease | None:
    with closing(open_at(folder)) as store:
        return store.acquire_lease("loop", owner=f"owner-{who}", now=MIDNIGHT, until=MIDNIGHT + MINUTE)


def add_same_occurrences(folder: Path, who: int) -> list[bool]:
    """Each process comes with ids of its own for the same 20 instants."""
    with closing(open_at(folder)) as store:
        added = []
        for number in range(20):
            occurrence = occurrence_of("a", 1000 * who + 2 * number, at=MIDNIGHT + number * MINUTE)
            added.append(store.add_occurrence(occurrence, [run_of(occurrence, 1000 * who + 2 * number + 1)]))
        return added


def settle_same_instants(folder: Path, who: int) -> None:
    with closing(open_at(folder)) as store:
        for number in range(20):
            at = MIDNIGHT + number * MINUTE
            occurrence = occurrence_of("a", 1000 * who + 2 * number, at=at)
            state = replace(schedule_of("a", at + MINUTE), cursor_at=at)
            store.settle([state], [occurrence], [run_of(occurrence, 1000 * who + 2 * number + 1)])


def start_one_off(folder: Path, who: int) -> bool:
    """The same one-off by way of different jobs: only its receipt tells that it was started."""
    with closing(open_at(folder)) as store:
        occurrence = occurrence_of(f"job-{who}", 1000 * who, kind=TriggerKind.ONE_OFF, key="oneoff:once")
        run = run_of(occurrence, 1000 * who + 1)
        return store.add_occurrence(occurrence, [run], [receipt_of("once", run)])


def finish_same(folder: Path, who: int) -> set[str]:
    with closing(open_at(folder)) as store:
        status = RunStatus.COMPLETED if who else RunStatus.CANCELLED
        return store.finish_runs([finished(run, status=status) for run in store.active_runs()])


def open_new(folder: Path, who: int) -> str:
    with closing(open_store(folder / "state.db", new_uid=uid_maker(1000 * who), now=MIDNIGHT)) as store:
        return store.state_id


_start: list[Any] = []


def keep_start(barrier: Any) -> None:
    """Begin a racing process: it keeps the barrier at which all wait."""
    _start.append(barrier)


def start_together(function: Callable[[Path, int], Any], folder: Path, who: int) -> Any:
    _start[0].wait(60)
    return function(folder, who)
