"""The store beside bare sqlite3 doing the same work on the same disk: ``python bench/store.py [--runs N]``.

Every figure is of durable work (WAL, synchronous=FULL).  Medians; both of a line are measured in turn, in one run.
"""

import argparse
import gc
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

from msgspec.structs import replace

from reconciler.model.forms import Kind, digest_form
from reconciler.model.inventory import Applied, ScheduleState
from reconciler.model.job import Job, Schedule, Task
from reconciler.model.run import (
    Device,
    Disposition,
    Occurrence,
    Origin,
    Run,
    RunStatus,
    StreamSummary,
    TaskResult,
    Trigger,
    TriggerKind,
)
from reconciler.store.open import open_store
from reconciler.store.records import FinishedRun, RunFilter
from reconciler.store.store import Store

SCHEDULES = 100_000
DUE = 200
TICKS = 30
JOBS = 1_000
START = datetime(2026, 1, 1, tzinfo=UTC)
HERE = Device(uid="local", hostname="here", os="linux")

numbers: Iterator[int] = count(1)


def new_uid() -> str:
    digits = f"{next(numbers):012x}"
    return f"{digits[:8]}-{digits[8:]}-7000-8000-{digits}"


def new_store(folder: str) -> Store:
    return open_store(Path(folder, "state.db"), new_uid=new_uid, now=START)


def seconds(work: Callable[[], object]) -> float:
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def make_jobs(number: int) -> list[Applied]:
    """Return jobs of about 500 bytes each, as JSON."""
    jobs = [
        Job(
            id=f"job-{index:06}",
            name=f"Job number {index}",
            description="What this job is for, in a sentence of ordinary length.",
            schedule=Schedule(cron_expression="*/5 * * * *", timezone="Europe/Paris"),
            tasks=(Task(id="main", script="set -eu\n" + "echo one line of a script\n" * 8, timeout_seconds=600),),
        )
        for index in range(number)
    ]
    return [
        Applied(
            target="local",
            kind=Kind.JOB,
            id=job.id,
            root_id=job.id,
            form=job,
            origin=Origin(
                commit="c" * 40, path=f"definitions/jobs/{job.id}.yaml", blob="b" * 40, digest=digest_form(job)
            ),
            applied_at=START,
        )
        for job in jobs
    ]


def schedule_of(item: Applied, next_at: datetime) -> ScheduleState:
    return ScheduleState(
        root_id=item.root_id, job_id=item.id, target=item.target, anchor_at=START, cursor_at=START, next_at=next_at
    )


def fire(item: Applied, at: datetime) -> tuple[Occurrence, Run]:
    occurrence = Occurrence(
        id=new_uid(),
        root_id=item.root_id,
        job_id=item.id,
        target=item.target,
        trigger=Trigger(TriggerKind.SCHEDULE, f"schedule:{at:%Y-%m-%dT%H:%M:%S.000Z}"),
        scheduled_for=at,
        created_at=at,
        origin=item.origin,
    )
    run = Run(
        uid=new_uid(),
        occurrence_id=occurrence.id,
        root_id=item.root_id,
        job_id=item.id,
        target=item.target,
        device=HERE,
        trigger=occurrence.trigger,
        scheduled_for=at,
        due_at=at,
        created_at=at,
        origin=item.origin,
    )
    return occurrence, run


def finish(run: Run) -> FinishedRun:
    """Return an end with a report of 1.5 KB, as a run with a line of output has."""
    stream = StreamSummary(3, "f" * 64, "one")
    return FinishedRun(
        uid=run.uid,
        status=RunStatus.COMPLETED,
        started_at=run.due_at,
        ended_at=run.due_at + timedelta(seconds=1),
        tasks=(TaskResult(id="main", status=RunStatus.COMPLETED, exit_code=0, stdout=stream, stderr=stream),),
        report=b'{"report":"' + b"r" * 1_500 + b'"}',
        disposition=Disposition.RUN,
    )


class Raw:
    """The same rows by bare sqlite3: the floor below which no layer above it can go."""

    def __init__(self, path: Path) -> None:
        self.connection = sqlite3.connect(path, isolation_level=None)
        self.connection.execute("PRAGMA synchronous=FULL")
        self.connection.execute("PRAGMA foreign_keys=ON")

    def copy_rows(self, table: str, source: Path) -> float:
        """Return the time to insert the rows of ``table`` of another database, in one transaction."""
        other = sqlite3.connect(source)
        rows = other.execute(f"SELECT * FROM {table}").fetchall()
        other.close()
        marks = ", ".join("?" * len(rows[0]))

        def insert() -> None:
            self.connection.execute("BEGIN IMMEDIATE")
            self.connection.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)
            self.connection.execute("COMMIT")

        return seconds(insert)


def add_schedules(folder: str, show: Callable[..., None]) -> tuple[Store, list[Applied]]:
    store, items = new_store(folder), make_jobs(SCHEDULES)
    states = [schedule_of(item, START + timedelta(minutes=1 + index // DUE)) for index, item in enumerate(items)]
    gc.collect()
    saved = seconds(lambda: store.save_schedules(states))
    applied = seconds(lambda: store.record_applied(items, states))
    with tempfile.TemporaryDirectory(dir=".") as other:
        new_store(other).close()
        raw = Raw(Path(other, "state.db"))
        raw_saved = raw.copy_rows("schedules", store.path)
        raw_applied = sum(raw.copy_rows(table, store.path) for table in ("forms", "inventory"))
    show(f"{SCHEDULES:,} schedules saved", saved, raw_saved, 2.0)
    show(f"{SCHEDULES:,} jobs applied: forms, inventory, schedules", applied, raw_applied + raw_saved, None)
    return store, items


def tick(store: Store, show: Callable[..., None]) -> None:
    reads, writes = [], []
    for number in range(TICKS):
        now = START + timedelta(minutes=1 + number)
        begin = time.perf_counter()
        due = store.due_schedules(now, 1_000)
        reads.append(time.perf_counter() - begin)
        assert len(due) == DUE
        fired = [fire(item, now) for _, item in due]
        moved = [replace(state, cursor_at=now, next_at=now + timedelta(days=1)) for state, _ in due]
        begin = time.perf_counter()
        store.settle(moved, [occurrence for occurrence, _ in fired], [run for _, run in fired])
        writes.append(time.perf_counter() - begin)
    show(f"{DUE} due of {SCHEDULES:,}: read with their jobs", statistics.median(reads), None, None)
    show(f"{DUE} due of {SCHEDULES:,}: settled durably", statistics.median(writes), None, None)
    both = [read + write for read, write in zip(reads, writes, strict=True)]
    show("tick, both together", statistics.median(both), None, 0.015)
    idle = [seconds(lambda: store.due_schedules(START, 1_000)) for _ in range(200)]
    show("tick with nothing due", statistics.median(idle), None, None)


def whole_path(store: Store, items: list[Applied], show: Callable[..., None]) -> None:
    """The four durable steps of 500 runs: settle, claim, start, finish; a commit per step, or one per turn of 50."""
    for word, turn in (("each step its own commit", 1), ("50 runs a commit", 50)):
        at = START + timedelta(days=9, minutes=turn)
        begin = time.perf_counter()
        for first in range(0, 500, turn):
            fired = [fire(item, at) for item in items[first : first + turn]]
            store.settle([], [occurrence for occurrence, _ in fired], [run for _, run in fired])
            claimed = store.claim_runs("local", owner="bench", now=at, limit=turn)
            with store.transaction():
                for run in claimed:
                    store.record_started(run.uid, at=at, handle=None)
            store.finish_runs([finish(run) for run in claimed])
        show(f"500 runs through the store, {word}: one run", (time.perf_counter() - begin) / 500, None, None)


def history(runs: int, show: Callable[..., None]) -> None:
    with tempfile.TemporaryDirectory(dir=".") as folder:
        store, items = new_store(folder), make_jobs(JOBS)
        begin = time.perf_counter()
        for number in range(runs // JOBS):
            fired = [fire(item, START + timedelta(minutes=number)) for item in items]
            store.settle([], [occurrence for occurrence, _ in fired], [run for _, run in fired])
            store.finish_runs([finish(run) for _, run in fired])
        taken = time.perf_counter() - begin
        show(f"{runs:,} runs stored and ended: one run", taken / runs, None, None)
        for word, wanted in (
            ("of a job", RunFilter(job_id="job-000500")),
            ("of all jobs", RunFilter()),
            ("of a commit", RunFilter(commit="cccc")),
            ("on a device", RunFilter(device="local")),
            ("that failed (there is none)", RunFilter(status=RunStatus.FAILED)),
        ):
            times = [seconds(lambda: store.runs(wanted, limit=20)) for _ in range(200)]  # noqa: B023
            show(f"last 20 runs {word}, {runs:,} stored", statistics.median(times), None, 0.001)
        raw = Raw(store.path).connection
        question = (
            "SELECT * FROM runs JOIN origins ON origins.id = origin_id WHERE job_id = ? ORDER BY uid DESC LIMIT 20"
        )
        times = [seconds(lambda: raw.execute(question, ("job-000500",)).fetchall()) for _ in range(200)]
        show("the same rows of a job by bare sqlite3", statistics.median(times), None, None)
        one = store.runs(RunFilter(), limit=1)[0].uid
        show("one run by its uid", statistics.median([seconds(lambda: store.run(one)) for _ in range(200)]), None, None)
        show("opening the store again", seconds(lambda: new_store(folder).close()), None, None)
        size = store.path.stat().st_size
        print(f"\nThe database of {runs:,} runs has {size / 1e6:,.0f} MB, {size / runs:,.0f} bytes a run.")
        store.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=500_000, help="how many runs the history holds")
    arguments = parser.parse_args()

    def show(what: str, ours: float, raw: float | None, goal: float | None) -> None:
        beside = "" if raw is None else f"{raw * 1e3:,.2f} ms"
        wanted = "" if goal is None else f"{goal * 1e3:,.0f} ms {'met' if ours <= goal else 'MISSED'}"
        print(f"| {what} | {ours * 1e3:,.2f} ms | {beside} | {wanted} |", flush=True)

    print(f"SQLite {sqlite3.sqlite_version}, WAL, synchronous=FULL\n")
    print("| What | Store | bare sqlite3 | Goal |\n|---|---|---|---|")
    with tempfile.TemporaryDirectory(dir=".") as folder:
        store, items = add_schedules(folder, show)
        tick(store, show)
        whole_path(store, items, show)
        store.close()
    history(arguments.runs, show)


if __name__ == "__main__":
    main()
