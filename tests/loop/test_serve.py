"""The loop: on a clock that is moved, and once as a real process with real signals."""

import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from datetime import timedelta

import pytest
from msgspec.structs import replace
from support import mqtt
from support.cli import Project
from support.engine import until

from reconciler.model.errors import CouldNot
from reconciler.model.run import OutputRecord, RunStatus, Stream
from reconciler.store.errors import LeaseLost

HOUR = timedelta(hours=1)
EVERY_HOUR = {"schedule": {"cronExpression": "0 * * * *"}}


def test_each_commit_is_applied_and_each_instant_fires(stage):
    stage.commit_job(**EVERY_HOUR)
    loop, start = stage.serve(), stage.clock()
    stage.turn_until(loop, start + 2 * HOUR + timedelta(minutes=1))
    stage.commit_job("b", schedule={"cronExpression": "30 * * * *"})
    stage.turn_until(loop, start + 3 * HOUR)
    assert stage.started() == ["01 01:00 a schedule", "01 02:00 a schedule", "01 02:30 b schedule"]
    assert [words.partition(": ")[2] for words in stage.told] == [
        "1 created, 0 changed, 0 deleted, 0 to run",
        "1 created, 0 changed, 0 deleted, 0 to run",
    ]


def test_runs_start_on_time(stage):
    stage.commit_job(**EVERY_HOUR)
    loop, start = stage.serve(), stage.clock()
    stage.turn_until(loop, start + 5 * HOUR)
    assert [run.started_at - run.scheduled_for for run in stage.runs()] == [timedelta(0)] * 4


def test_a_one_off_waits_for_its_time_and_runs_once(stage):
    stage.commit_job()
    stage.commit_run("later", notBefore="2026-03-01T03:00:00Z")
    loop, start = stage.serve(), stage.clock()
    stage.turn_until(loop, start + 2 * HOUR)
    assert stage.started() == []
    stage.turn_until(loop, start + 6 * HOUR)
    assert stage.started() == ["01 03:00 a oneoff"]


def test_a_broken_commit_is_told_and_what_is_applied_goes_on(stage):
    """RELIABILITY G14: one bad file changes nothing for the others, and the next commit mends it."""
    stage.commit_job(**EVERY_HOUR)
    loop, start = stage.serve(), stage.clock()
    loop.turn()
    stage.repo.write("definitions/jobs/a.json", "{ broken")
    stage.repo.commit()
    stage.turn_until(loop, start + HOUR + timedelta(minutes=1))
    assert stage.started() == ["01 01:00 a schedule"]
    assert "keep their applied form" in stage.told[-1]


def test_definitions_that_vanish_delete_nothing(stage):
    """RELIABILITY G-4."""
    stage.commit_job(**EVERY_HOUR)
    loop, start = stage.serve(), stage.clock()
    loop.turn()
    stage.repo.git("rm", "-rq", "definitions")
    stage.repo.commit()
    stage.turn_until(loop, start + HOUR + timedelta(minutes=1))
    assert stage.started() == ["01 01:00 a schedule"]
    assert "there are no definitions" in stage.told[-1]


def test_a_second_loop_is_refused_while_the_first_lives(stage):
    stage.commit_job()
    stage.serve()
    stage.world = replace(stage.world, owner="other:2:2")
    with pytest.raises(CouldNot, match=r"here:1 since .* serves this state already"):
        stage.serve()


def test_a_loop_that_was_frozen_past_its_lease_steps_down(stage):
    """RELIABILITY G18, X2: the thawed one writes nothing once another has taken over."""
    stage.commit_job(**EVERY_HOUR)
    loop = stage.serve()
    loop.turn()
    stage.clock.now += timedelta(minutes=5)
    now = stage.clock()
    other = stage.rig.store.acquire_lease("serve", owner="other:2:2", now=now, until=now + HOUR)
    assert other is not None
    with pytest.raises(LeaseLost):
        stage.rig.store.set_disposition("x", "run")
    with pytest.raises(CouldNot):
        loop.turn()
    assert stage.started() == []


def test_a_pause_of_the_host_counts_as_downtime(stage):
    """RELIABILITY T1, T9."""
    misfire = {"policy": "skip"}
    stage.commit_job(schedule={"cronExpression": "0 * * * *", "misfire": misfire})
    loop = stage.serve()
    loop.turn()
    stage.clock.now += timedelta(hours=1, seconds=30)
    loop.turn()
    assert stage.started() == []
    assert stage.ledger() == ["01 01:00 missed too_late x1"]
    assert "the clock moved by 3630 s" in stage.told[-1]


def test_an_engine_that_does_not_answer_is_told_and_its_runs_wait_for_it(slow_stage):
    """RELIABILITY C13: a supervisor of another version refuses us until its runs have ended."""
    target = slow_stage.rig.target
    slow_stage.commit_job()
    slow_stage.commit_run("once")
    loop = slow_stage.serve()
    loop.turn()
    target.unreachable = True
    loop.turn()
    loop.turn()
    assert [words for words in slow_stage.told if "reached" in words] == [
        "target local cannot be reached; its runs wait: local does not answer. Try again later"
    ]
    target.unreachable = False
    loop.turn()
    assert slow_stage.told[-1] == "target local can be reached again"
    assert [run.status.value for run in slow_stage.runs()] == ["running"]


def test_a_stopping_loop_starts_nothing_and_follows_what_runs(slow_stage):
    slow_stage.commit_job()
    slow_stage.commit_run("once")
    loop = slow_stage.serve()
    loop.turn()
    slow_stage.rig.request()
    assert loop.last_turn() == 1
    assert len(slow_stage.rig.target.started) == 1


class Served:
    """`reconciler serve` as a process of its own."""

    def __init__(self, project, *arguments):
        self.process = subprocess.Popen(
            [sys.executable, "-m", "reconciler", "-C", str(project.repo.path), "serve", "--interval", "1", *arguments],
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ,
        )

    def end(self, *signals):
        for number in signals:
            self.process.send_signal(number)
        _, err = self.process.communicate(timeout=60)
        return self.process.returncode, err


def statuses(project):
    return [run["status"] for run in project.call("runs", "list", "--format", "json").json]


def test_serve_runs_until_it_is_told_to_stop(project):
    project.commit_job()
    project.commit_run("once")
    served = Served(project)
    until(lambda: statuses(project) == ["completed"])
    code, err = served.end(signal.SIGTERM)
    assert code == 0
    assert "following HEAD" in err
    assert err.rstrip().endswith("stopped")
    assert "runs/" in project.repo.git("ls-tree", "-r", "--name-only", "reconciler-reports")


def test_serve_refuses_a_second_one(project):
    project.commit_job()
    project.commit_run("once")
    served = Served(project)
    until(lambda: statuses(project) == ["completed"])
    second = project.call("serve")
    assert second.code == 1
    assert "serves this state already" in second.err
    served.end(signal.SIGTERM)


def test_p4_p13_a_run_outlives_a_killed_serve_and_is_reported_by_the_next(project, tmp_path):
    """RELIABILITY G4: the kill, by whom ever, is of the daemon; the supervisor and the run go on."""
    gate = tmp_path / "gate"
    script = f"echo begun; while [ ! -e {gate} ]; do sleep 0.05; done; echo done"
    project.commit_job(tasks=[{"id": "wait", "script": script}])
    project.commit_run("once")
    served = Served(project)
    until(lambda: statuses(project) == ["running"])
    served.end(signal.SIGKILL)
    gate.touch()
    again = Served(project)
    until(lambda: statuses(project) == ["completed"])
    again.end(signal.SIGTERM)
    (run,) = project.call("runs", "list", "--format", "json").json
    assert project.call("runs", "logs", run["uid"]).out == "begun\ndone\n"


def test_a_second_signal_leaves_at_once_and_the_run_is_reported_later(project, tmp_path):
    """RELIABILITY P10."""
    gate = tmp_path / "gate"
    project.commit_job(tasks=[{"id": "wait", "script": f"while [ ! -e {gate} ]; do sleep 0.05; done"}])
    project.commit_run("once")
    served = Served(project)
    until(lambda: statuses(project) == ["running"])
    served.process.send_signal(signal.SIGTERM)
    while "waiting for 1 under way" not in served.process.stderr.readline():
        pass
    code, err = served.end(signal.SIGTERM)
    assert code == 0
    assert "1 still under way, which go on" in err
    gate.touch()
    until(lambda: statuses(project) == ["completed"])


def test_serve_follows_a_branch_of_a_remote(project, tmp_path, capfd):
    project.commit_job()
    project.commit_run("first")
    clone = Project(project.repo.clone(tmp_path / "clone"), capfd)
    served = Served(clone, "--remote", "origin", "--branch", "main")
    until(lambda: statuses(clone) == ["completed"])
    project.commit_run("second", reason="pushed later")
    until(lambda: statuses(clone) == ["completed", "completed"])
    assert served.end(signal.SIGTERM)[0] == 0
    clone.clean_up()


def test_a_remote_that_is_gone_is_told_and_what_is_applied_goes_on(project, tmp_path, capfd):
    """RELIABILITY G-3, G-13."""
    project.commit_job()
    project.commit_run("first")
    clone = Project(project.repo.clone(tmp_path / "clone"), capfd)
    served = Served(clone, "--remote", "origin", "--branch", "main")
    until(lambda: statuses(clone) == ["completed"])
    project.repo.path.rename(tmp_path / "moved")
    while "not applied: " not in served.process.stderr.readline():
        pass
    assert clone.call("run", "hello", "--wait").code == 0
    assert served.end(signal.SIGTERM)[0] == 0
    (tmp_path / "moved").rename(project.repo.path)
    clone.clean_up()


def test_serve_starts_jobs_on_what_a_broker_publishes(project, tmp_path):
    project.commit_job(events=["disk-full"])
    with mqtt.broker(tmp_path) as broker:
        settings = f'[events.mqtt]\nhost = "localhost"\nport = {broker.port}\ntopics = ["alerts/#"]\n'
        project.repo.write("reconciler.toml", settings)
        project.repo.commit("Listen to the broker")
        served = Served(project)
        until(lambda: broker.publish(("alerts/disk-full", {"id": "a1"})) or statuses(project) == ["completed"])
        code, err = served.end(signal.SIGTERM)
    assert code == 0
    assert f"mqtt: localhost:{broker.port}: listening to alerts/#" in err
    (event,) = project.call("events", "list", "--type", "disk-full", "--format", "json").json
    assert event["source"] == "mqtt:alerts/disk-full"


def test_a_stop_does_not_wait_for_what_other_systems_run(slow_stage):
    target = slow_stage.rig.target
    slow_stage.commit_job()
    slow_stage.commit_run("once")
    loop = slow_stage.serve()
    loop.turn()
    assert loop.last_turn() == 1
    target.capabilities = replace(target.capabilities, is_local=False)
    assert loop.last_turn() == 0


@contextmanager
def full_disk(store):
    """A disk without room for more than some pages, as SQLite tells of it."""
    with store._db.read() as tx:
        size = tx.connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        tx.connection.exec_driver_sql(f"PRAGMA max_page_count={size + 4}").scalar_one()
    yield
    with store._db.read() as tx:
        tx.connection.exec_driver_sql("PRAGMA max_page_count=1000000").scalar_one()


def test_s1_on_a_full_disk_serve_waits_and_records_the_end_when_there_is_room(slow_stage):
    slow_stage.commit_job()
    slow_stage.commit_run("once")
    loop = slow_stage.serve()
    loop.turn()
    (run,) = slow_stage.runs()
    slow_stage.rig.target.write(run.uid, OutputRecord("only", Stream.STDOUT, slow_stage.clock(), b"x" * (1 << 20)))
    slow_stage.rig.target.finish(run.uid, RunStatus.COMPLETED)
    with full_disk(slow_stage.rig.store):
        assert loop.turn() == loop.turn() == slow_stage.clock() + timedelta(seconds=5)
        assert [item.status for item in slow_stage.runs()] == [RunStatus.RUNNING]
    loop.turn()
    assert [item.status for item in slow_stage.runs()] == [RunStatus.COMPLETED]
    alarm, relief = slow_stage.told[-2:]
    assert alarm.startswith("nothing is started, and nothing is recorded: ")
    assert alarm.endswith("state.db: the disk is full; nothing was written. Free some space there, then try again.")
    assert relief == "the state can be used again"
