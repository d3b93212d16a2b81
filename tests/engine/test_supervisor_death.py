"""P rows of RELIABILITY section 2, as far as they are the supervisor's: it dies, the runs do not."""

import os
import signal
from pathlib import Path

from support.engine import kill_all_with, order, output_of, processes_with, shell, task, until, until_ended

from reconciler.model.run import RunStatus


def die(engine):
    """SIGKILL the supervisor alone; its guardian raises another."""
    pid = engine.supervisor_pid()
    os.kill(pid, signal.SIGKILL)
    return until(lambda: (new := engine.supervisor_pid()) not in (pid, None) and new)


def until_running(engine, uid, text=b""):
    until(lambda: text in output_of(engine, uid) and engine.follow([uid])[uid].status is RunStatus.RUNNING)


def test_p4_a_run_outlives_the_supervisor_and_its_report_is_complete(engine, tmp_path):
    gate = tmp_path / "gate"
    engine.start([order("run", shell(f"echo before; until test -e {gate}; do sleep 0.01; done; echo after; exit 7"))])
    until_running(engine, "run", b"before")
    die(engine)
    gate.touch()
    progress = until_ended(engine, "run")["run"]
    assert (progress.status, progress.tasks[0].exit_code) == (RunStatus.FAILED, 7)
    assert output_of(engine) == b"before\nafter\n"
    assert (progress.tasks[0].stdout.bytes, progress.tasks[0].stdout.tail) == (13, "before\nafter\n")


def test_p4_later_tasks_of_an_adopted_run_are_started_once_each(engine, tmp_path):
    gate, evidence = tmp_path / "gate", tmp_path / "evidence"
    first = shell(f"echo first >> {evidence}; until test -e {gate}; do sleep 0.01; done", id="first")
    second = task("sh", "-c", f'echo "$SECRET" >> {evidence}', id="second", env={"SECRET": "s3cret-value"})
    engine.start([order("run", first, second, masks=("s3cret-value",))])
    until(evidence.exists)
    die(engine)
    die(engine)
    gate.touch()
    assert until_ended(engine, "run")["run"].status is RunStatus.COMPLETED
    assert evidence.read_text() == "first\ns3cret-value\n"


def test_p4_the_deaths_of_guardian_and_supervisor_leave_a_run_that_is_found_again(engine, tmp_path):
    gate = tmp_path / "gate"
    script = f"echo before; until test -e {gate}; do sleep 0.01; done; echo after; exit 5"
    engine.start([order("run", shell(script))])
    until_running(engine, "run", b"before")
    kill_supervisors(engine)
    assert engine.follow(["run"])["run"].status is RunStatus.RUNNING
    gate.touch()
    progress = until_ended(engine, "run")["run"]
    # Before Linux 6.15 nobody can tell how a process ended that is not a child.
    assert (progress.status, progress.tasks[0].exit_code) in [(RunStatus.FAILED, 5), (RunStatus.LOST, None)]
    assert output_of(engine) == b"before\nafter\n"


def test_p5_a_run_that_ends_while_nobody_lives_is_lost_and_never_started_again(engine, tmp_path):
    evidence = tmp_path / "evidence"
    same = order("run", shell(f"echo $$ >> {evidence}; exec sleep 600"))
    engine.start([same])
    pid = until(lambda: evidence.exists() and evidence.read_text().strip())
    kill_supervisors(engine)
    os.kill(int(pid), signal.SIGKILL)
    until(lambda: not Path(f"/proc/{pid}").exists(), what="the parent of orphans to take it")
    engine.start([same])
    progress = until_ended(engine, "run")["run"]
    assert (progress.status, progress.reason) == (RunStatus.LOST, "supervisor_died")
    assert evidence.read_text().split() == [pid]


def test_p5_an_exit_while_no_supervisor_lives_is_told_by_the_guardian(engine, tmp_path):
    gate = tmp_path / "gate"
    script = f"sleep 0.2; echo before; until test -e {gate}; do sleep 0.01; done; echo after; exit 9"
    engine.start([order("run", shell(script))])
    # The guardian holds the pipes of what has run for some time.
    until_running(engine, "run", b"before")
    supervisor = engine.supervisor_pid()
    os.kill(supervisor, signal.SIGSTOP)
    gate.touch()
    until(lambda: not processes_with(f"{tmp_path}/engine/spool/run.0.outputs"))
    os.kill(supervisor, signal.SIGKILL)
    assert until_ended(engine, "run")["run"].tasks[0].exit_code == 9
    assert output_of(engine) == b"before\nafter\n"


def kill_supervisors(engine):
    """SIGKILL guardian and supervisor, until none is left to raise another."""
    kill_all_with(f"reconciler.engine.supervisor\0{engine._folder}")
