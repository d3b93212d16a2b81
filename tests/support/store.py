"""A store on disk, and small makers of what goes into it. Real SQLite; uids count up, so that order is plain."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

from reconciler.model.forms import Kind, digest_form
from reconciler.model.inventory import Applied, ScheduleState
from reconciler.model.job import Job, Schedule, Task
from reconciler.model.run import Device, Occurrence, Origin, Run, Trigger, TriggerKind
from reconciler.store.open import open_store
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
