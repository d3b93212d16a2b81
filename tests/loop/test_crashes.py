"""P rows of RELIABILITY: the process that drives runs dies at a chosen point, or again and again at any."""

import json
import os
import random
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from support.engine import kill_all_with, processes_with, until

from reconciler.engine.client import Engine
from reconciler.model.event import Event
from reconciler.model.instant import utc_now
from reconciler.model.run import RunStatus
from reconciler.model.uids import new_uid
from reconciler.store.open import open_store
from reconciler.store.records import RunFilter

CRASH = """
import os, sys
from reconciler.cli.main import run_cli
from reconciler.store.store import Store
from reconciler.targets.local.target import LocalTarget
owner, name, when = sys.argv[1:4]
kind = {"store": Store, "target": LocalTarget}[owner]
real = getattr(kind, name)
def crash(self, *args, **kwargs):
    if when == "before" and args[0]:
        os._exit(9)
    answer = real(self, *args, **kwargs)
    if answer:
        os._exit(9)
    return answer
setattr(kind, name, crash)
sys.exit(run_cli(sys.argv[4:]))
"""


@pytest.mark.parametrize(
    ("owner", "name", "when"),
    [
        pytest.param("store", "claim_runs", "after", id="P1-before-the-claim-commits"),
        pytest.param("target", "start", "before", id="P2-after-the-claim-before-the-start"),
        pytest.param("target", "start", "after", id="P3-after-the-start-before-it-is-recorded"),
        pytest.param("store", "finish_runs", "before", id="P5-after-the-exit-before-the-report-commits"),
        pytest.param("target", "forget", "before", id="P6-after-the-report-before-it-is-acknowledged"),
    ],
)
def test_a_run_starts_once_and_has_one_report_wherever_its_driver_dies(project, tmp_path, owner, name, when):
    evidence = tmp_path / "evidence"
    project.commit_job(tasks=[{"id": "note", "script": f"echo started >> {evidence}; exit 3"}])
    project.commit_run("once")
    arguments = [owner, name, when, "-C", str(project.repo.path), "reconcile"]
    died = subprocess.run([sys.executable, "-c", CRASH, *arguments], capture_output=True, check=False)
    assert died.returncode == 9, died.stderr
    project.call("reconcile")
    (run,) = project.call("runs", "list", "--format", "json").json
    assert (run["status"], run["tasks"][0]["exitCode"]) == ("failed", 3)
    assert evidence.read_text() == "started\n"
    published = project.repo.git("ls-tree", "-r", "--name-only", "reconciler-reports").split()
    assert [path for path in published if path.startswith("runs/")] == [
        path for path in published if run["uid"] in path
    ]


@pytest.mark.parametrize(
    ("point", "also_supervisor"),
    [
        pytest.param("target start before", False, id="P2-many-are-claimed-and-none-is-ordered"),
        pytest.param("store record_accepted before", False, id="P3-many-are-ordered-and-it-is-not-recorded"),
        pytest.param("target wait before", False, id="P4-many-wait-in-the-engine"),
        pytest.param("target wait before", True, id="P4-many-wait-in-an-engine-that-dies-too"),
        pytest.param("store finish_runs before", False, id="P5-many-have-ended-and-none-is-recorded"),
    ],
)
def test_of_many_that_are_due_together_each_starts_once(project, tmp_path, point, also_supervisor):
    evidence = tmp_path / "evidence"
    project.repo.write("reconciler.toml", "[engine]\nmaxRuns = 8\n")
    script = f"echo $RECONCILER_RUN_UID >> {evidence}"
    for number in range(30):
        once = {"id": f"once-{number}", "job": "note", "notAfter": "2099-01-01T00:00:00Z"}
        project.repo.write(f"definitions/runs/once-{number}.json", json.dumps(once))
    project.commit_job("note", overlap="allow", tasks=[{"id": "note", "script": script}])
    arguments = [*point.split(), "-C", str(project.repo.path), "reconcile"]
    died = subprocess.run([sys.executable, "-c", CRASH, *arguments], capture_output=True, check=False)
    assert died.returncode == 9, died.stderr
    if also_supervisor:
        kill_supervisor(project.repo.path / ".git/reconciler/engine")
    project.call("reconcile")
    runs = project.call("runs", "list", "--limit", "99", "--format", "json").json
    # One that was between its mark and its program when the supervisor was killed is lost, and not started again.
    lost = {run["uid"] for run in runs if run["status"] == "lost"}
    assert len(lost) <= (4 if also_supervisor else 0)
    assert {run["status"] for run in runs if run["uid"] not in lost} == {"completed"}
    started = Counter(evidence.read_text().split())
    assert set(started.values()) == {1}
    assert {run["uid"] for run in runs} - lost <= started.keys()
    assert len(runs) == 30


def kill_supervisor(folder: Path) -> None:
    engine = Engine(folder, clock=utc_now)
    if (pid := engine.supervisor_pid()) is not None:
        os.kill(pid, 9)
    engine.close()


SCRIPT = "echo start {0} >> {1}; sleep {2}; echo end {0} >> {1}; exit {3}"


class Loop:
    """A real `serve` over jobs that note their own starts and ends, each started by an event of its own."""

    def __init__(self, project, folder: Path, *, jobs: int, seed: int) -> None:
        self.rng = random.Random(seed)
        self.project = project
        self.evidence = folder / "evidence"
        self.evidence.touch()
        self.codes = {f"job-{number}": self.rng.choice([0, 0, 1, 7]) for number in range(jobs)}
        for job_id, code in self.codes.items():
            text = SCRIPT.format(job_id, self.evidence, self.rng.uniform(0.01, 0.3), code)
            project.commit_job(job_id, events=[job_id], tasks=[{"id": "note", "script": text}])
        assert project.call("apply").code == 0
        self.state = project.repo.path / ".git/reconciler"
        self.store = open_store(self.state / "state.db", new_uid=new_uid, now=utc_now())
        self.process: subprocess.Popen[bytes] | None = None

    def serve(self) -> None:
        command = [sys.executable, "-m", "reconciler", "-C", str(self.project.repo.path), "serve", "--interval", "1"]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def send(self, job_ids) -> None:
        """Tell of events, twice each, as a monitor that saw no answer does."""
        for job_id in job_ids:
            event = Event(id=job_id, type=job_id, source="loop", at=utc_now())
            self.store.add_events([event])
            self.store.add_events([event])

    def strike(self) -> None:
        """Kill the daemon; one time in three the engine's supervisor too."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()
        if self.rng.random() < 1 / 3:
            kill_supervisor(self.state / "engine")

    def runs(self):
        return [run for run in self.store.runs(RunFilter(), limit=10 * len(self.codes)) if run.job_id in self.codes]

    def close(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
        self.store.close()
        kill_all_with(str(self.project.repo.path))


@pytest.fixture
def looping(project, tmp_path):
    loops = []

    def make(**sizes):
        loops.append(Loop(project, tmp_path, **sizes))
        return loops[-1]

    yield make
    for loop in loops:
        loop.close()


def kill_and_check(loop: Loop, *, kills: int, rare: int) -> None:
    ids = list(loop.codes)
    for turn in range(kills):
        loop.serve()
        loop.send(ids[turn * len(ids) // kills : (turn + 1) * len(ids) // kills])
        time.sleep(loop.rng.uniform(0.2, 2))  # When the blow falls is what is varied.
        loop.strike()
    loop.serve()
    until(lambda: len(loop.runs()) == len(ids) and all(run.status.is_ended for run in loop.runs()), what="all ends")
    facts = Counter(loop.evidence.read_text().splitlines())
    assert max(facts.values()) == 1, "something ran twice"
    ends = {run.job_id: run for run in loop.runs()}
    assert all(loop.store.report(run.uid) is not None for run in ends.values())
    lost = {job_id for job_id, run in ends.items() if run.status is RunStatus.LOST}
    assert len(lost) <= rare, lost
    for job_id in ends.keys() - lost:
        assert facts[f"start {job_id}"] == facts[f"end {job_id}"] == 1
        assert loop.store.tasks(ends[job_id].uid)[0].exit_code == loop.codes[job_id]
    assert not processes_with(f"RECONCILER_OUTPUT={loop.state}")


def test_g1_g4_p4_daemon_and_supervisor_are_killed_and_nothing_is_lost_or_started_twice(looping):
    kill_and_check(looping(jobs=18, seed=4), kills=3, rare=1)


@pytest.mark.slow
def test_g1_g4_p4_a_hundred_kills_of_daemon_and_supervisor(looping):
    kill_and_check(looping(jobs=400, seed=100), kills=100, rare=10)
