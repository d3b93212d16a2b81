"""The scheduler's tick, adding schedules, memory, and a simulated year: ``python bench/scheduler.py [--schedules N]``.

A tick is all of it: find what is due among many schedules, settle each instant, make occurrences and runs, record them
durably (WAL, synchronous=FULL), work out the next fire times.  Medians; an idle tick is the same with nothing due.
"""

import argparse
import gc
import resource
import statistics
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from reconciler.loop.due import Scheduler, first_state, settle_due
from reconciler.loop.simulate import simulate
from reconciler.model.desired import Declared
from reconciler.model.forms import Kind, digest_form
from reconciler.model.inventory import Applied
from reconciler.model.job import Job, Schedule, Task
from reconciler.model.run import Origin
from reconciler.model.uids import new_uid
from reconciler.runs.drive import drive_until_ended
from reconciler.runs.driver import Driver
from reconciler.runs.secrets import SecretSource
from reconciler.store.open import open_store
from reconciler.targets.fake import FakeTarget

START = datetime(2026, 3, 1, tzinfo=UTC)
ZONES = ("UTC", "Europe/Paris", "Europe/London", "Africa/Cairo")


class Clock:
    """A clock that the ticks move."""

    now = START

    def __call__(self) -> datetime:
        return self.now


def make_job(number: int, due: int) -> Job:
    """Return a job: the first ``due`` of them fire at every full hour, the others once a day in the afternoon."""
    if number < due:
        schedule = Schedule(cron_expression="0 * * * *")
    else:
        minute, hour = number % 60, 13 + number // 60 % 8
        schedule = Schedule(cron_expression=f"{minute} {hour} * * *", timezone=ZONES[number % len(ZONES)])
    return Job(id=f"job-{number:06d}", targets=("local",), tasks=(Task(id="a", command="true"),), schedule=schedule)


def apply_job(job: Job) -> Applied:
    origin = Origin(commit="c" * 40, path=f"definitions/jobs/{job.id}.yaml", blob="b" * 40, digest=digest_form(job))
    return Applied(target="local", kind=Kind.JOB, id=job.id, root_id=job.id, form=job, origin=origin, applied_at=START)


def measure_ticks(folder: Path, schedules: int, due: int, rounds: int) -> None:
    store = open_store(folder / "state.db", new_uid=new_uid, now=START)
    clock = Clock()
    targets = {"local": FakeTarget("local", clock=clock)}
    scheduler = Scheduler(ledger=store, targets=targets, new_uid=new_uid, tell=print)
    driver = Driver(
        store=store,
        targets=targets,
        secrets=SecretSource({}, environment={}, path=""),
        report_of=lambda *_: b"{}",
        clock=clock,
        pause=time.sleep,
        new_uid=new_uid,
        owner="bench:1:1",
    )
    items = [apply_job(make_job(number, due)) for number in range(schedules)]
    begin = time.perf_counter()
    states = [first_state(item, item.form.schedule, anchor_at=START, now=START) for item in items]
    worked_out = time.perf_counter() - begin
    begin = time.perf_counter()
    store.record_applied(items, states)
    print(f"| work out where {schedules:,} schedules stand | {worked_out:.2f} s |")
    print(f"| record them with their forms, durably | {time.perf_counter() - begin:.2f} s |")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << 10 if sys.platform == "linux" else 1 << 20)
    del items, states  # a scheduler has none of them in hand
    gc.collect()
    ticks, idle = [], []
    for hour in range(1, rounds + 1):
        now = clock.now = START + timedelta(hours=hour)
        begin = time.perf_counter()
        made = settle_due(scheduler, now=now)
        ticks.append(time.perf_counter() - begin)
        assert made == due, made
        drive_until_ended(driver)  # not measured: what the tick made runs and ends, as it does in life
        begin = time.perf_counter()
        assert settle_due(scheduler, now=now + timedelta(seconds=1)) == 0
        idle.append(time.perf_counter() - begin)
    print(
        f"| tick, {due} due of {schedules:,} | {statistics.median(ticks) * 1e3:.1f} ms (worst {max(ticks) * 1e3:.1f}) |"
    )
    print(f"| tick, nothing due | {statistics.median(idle) * 1e3:.2f} ms |")
    print(f"| peak memory, with the {schedules:,} forms in hand | {peak:.0f} MB |")
    store.close()


def measure_year() -> None:
    jobs = {}
    for number in range(100):
        expression = ("0 * * * *", "30 2 * * *", "*/20 8-18 * * 1-5", "15 6 1 * *")[number % 4]
        schedule = Schedule(cron_expression=expression, timezone=ZONES[number % len(ZONES)])
        job = Job(id=f"job-{number}", targets=("local",), tasks=(Task(id="a", command="true"),), schedule=schedule)
        jobs[job.id] = Declared(form=job, path="", blob="", digest="")
    begin = time.perf_counter()
    told = simulate(jobs, start=START, until=START.replace(year=START.year + 1))
    seconds = time.perf_counter() - begin
    print(f"| a simulated year of 100 jobs, {len(told):,} instants | {seconds:.1f} s ({len(told) / seconds:,.0f}/s) |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--schedules", type=int, default=100_000)
    parser.add_argument("--due", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=9)
    arguments = parser.parse_args()
    print("| What | Measured |\n|---|---|")
    with tempfile.TemporaryDirectory(dir=".") as folder:
        measure_ticks(Path(folder), arguments.schedules, arguments.due, arguments.rounds)
    measure_year()


if __name__ == "__main__":
    main()
