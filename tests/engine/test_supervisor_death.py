"""P rows of RELIABILITY section 2, as far as they are the supervisor's: it dies, the runs do not."""

import json
import os
import signal
import subprocess
import zlib
from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest
from support.engine import (
    die,
    edit_journal,
    engine_in,
    kill_supervisors,
    order,
    output_of,
    processes_with,
    run_to_end,
    shell,
    task,
    until,
    until_ended,
    until_running,
)

from reconciler.engine.order import TaskOrder
from reconciler.engine.processes import facts_of, ticks_now
from reconciler.model.run import RunStatus


@pytest.fixture(scope="module")
def aftermath(tmp_path_factory):
    """Four runs under way when guardian and supervisor die together, and what became of them, and their evidence."""
    folder = tmp_path_factory.mktemp("aftermath")
    gate, evidence = folder / "gate", folder / "evidence"
    until_gate = f"echo $0 $$ >> {evidence}; echo before; until test -e {gate}; do sleep 0.01; done"

    def job(uid, rest, **more):
        return order(uid, task("sh", "-c", f"{until_gate}; {rest}", uid, **more), masks=("canary-value",))

    orders = [
        job("found", "echo after; exit 5"),
        job("unmarked", "echo after; exit 6"),
        job("secret", "echo $S; echo s=$S > $RECONCILER_OUTPUT", env={"S": "canary-value"}),
        job("gone", "exit 0"),
    ]
    orders[0] = msgspec.structs.replace(orders[0], masks=())
    orders[1] = msgspec.structs.replace(orders[1], masks=())
    with engine_in(folder / "engine") as engine:
        engine.start(orders)
        for each in orders:
            until_running(engine, each.uid, b"before")
        kill_supervisors(folder / "engine")
        pids = dict(line.split() for line in evidence.read_text().splitlines())
        os.kill(int(pids["gone"]), signal.SIGKILL)
        until(lambda: not Path(f"/proc/{pids['gone']}").exists(), what="the parent of orphans to take it")
        change = {"spawn": lambda entry: None if entry["uid"] == "unmarked" else entry}
        edit_journal(folder / "engine", lambda entry: change.get(entry["kind"], lambda same: same)(entry))
        engine.start(orders)
        during = engine.follow([each.uid for each in orders])
        gate.touch()
        after = until_ended(engine, *during)
        output = {uid: output_of(engine, uid) for uid in after}
    return SimpleNamespace(during=during, after=after, output=output, evidence=evidence.read_text().split()[::2])


def test_p4_what_both_have_left_is_found_again_and_its_output_whole(aftermath):
    assert aftermath.during["found"].status is RunStatus.RUNNING
    # Before Linux 6.15 nobody can tell how a process ended that is not a child.
    result = aftermath.after["found"].tasks[0]
    assert (result.status, result.exit_code) in [(RunStatus.FAILED, 5), (RunStatus.LOST, None)]
    assert aftermath.output["found"] == b"before\nafter\n"


def test_p3_a_child_whose_pid_was_never_written_down_is_found_again(aftermath):
    assert aftermath.during["unmarked"].status is RunStatus.RUNNING
    assert aftermath.output["unmarked"] == b"before\nafter\n"


def test_p5_a_run_that_ended_while_nobody_lived_is_lost(aftermath):
    assert (aftermath.after["gone"].status, aftermath.after["gone"].reason) == (RunStatus.LOST, "supervisor_died")


def test_g1_after_both_have_died_nothing_is_started_a_second_time(aftermath):
    assert sorted(aftermath.evidence) == ["found", "gone", "secret", "unmarked"]


def test_g21_what_may_be_secret_is_not_kept_once_nobody_knows_what_is(aftermath):
    result = aftermath.after["secret"].tasks[0]
    assert (aftermath.output["secret"], result.outputs) == (b"before\n", {})
    assert "canary" not in str(result)
    assert "output after the supervisor's death was not kept" in str(result.warnings)


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


def test_p3_a_start_that_left_no_process_is_lost(engine, tmp_path):
    run_to_end(engine, shell("true"))
    kill_supervisors(tmp_path / "engine")
    later = ("spawn", "exit", "end")
    edit_journal(tmp_path / "engine", lambda entry: None if entry["kind"] in later else entry)
    progress = until_ended(engine, "run")["run"]
    assert (progress.status, progress.reason) == (RunStatus.LOST, "supervisor_died")


def test_p2_an_accepted_run_that_was_not_started_is_started_by_the_next_supervisor(engine, tmp_path):
    gate = tmp_path / "gate"
    script = f"until test -e {gate}; do sleep 0.01; done; echo x >> {tmp_path}/evidence"
    uids = [f"run-{number}" for number in range(70)]
    engine.start([order(uid, shell(script)) for uid in uids])
    until(lambda: sum(run.status is RunStatus.RUNNING for run in engine.follow(uids).values()) == 64)
    die(engine)
    gate.touch()
    progress = until_ended(engine, *uids)
    assert {run.status for run in progress.values()} == {RunStatus.COMPLETED}
    assert (tmp_path / "evidence").read_text() == "x\n" * 70


def test_p11_after_a_reboot_all_that_ran_is_lost_and_nothing_is_adopted(engine, tmp_path):
    engine.start([order("run", shell("echo before; exec sleep 600"), shell("true", id="two"), drain_seconds=0.05)])
    until_running(engine, "run", b"before")
    kill_supervisors(tmp_path / "engine")
    edit_journal(tmp_path / "engine", lambda entry: entry | {"id": "another"} if entry["kind"] == "boot" else entry)
    progress = until_ended(engine, "run")["run"]
    assert [result.status.value for result in progress.tasks] == ["lost", "skipped"]
    assert (progress.status, progress.tasks[0].stdout.tail) == (RunStatus.LOST, "before\n")


def test_p12_a_recycled_pid_is_neither_adopted_nor_signalled(engine, tmp_path):
    engine.start([order("run", shell("echo $$; exec sleep 600"))])
    until_running(engine, "run", b"\n")
    kill_supervisors(tmp_path / "engine")
    os.kill(int(output_of_spool(tmp_path)), signal.SIGKILL)
    started = ticks_now()
    until(lambda: ticks_now() > started)
    other = subprocess.Popen(["sleep", "600"])
    try:
        change = {"pid": other.pid}
        edit_journal(tmp_path / "engine", lambda entry: entry | change if entry["kind"] == "spawn" else entry)
        assert until_ended(engine, "run")["run"].status is RunStatus.LOST
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


def test_p10_an_idle_supervisor_ends_at_once_when_told_to(engine):
    engine.follow(["nobody"])
    pid = engine.supervisor_pid()
    os.kill(pid, signal.SIGTERM)
    until(lambda: not Path(f"/proc/{pid}").exists())


def test_p10_the_guardian_passes_on_that_it_is_told_to_stop(engine, tmp_path):
    engine.start([order("run", shell("echo ready; exec sleep 600"))])
    until_running(engine, "run", b"ready")
    os.kill(facts_of(engine.supervisor_pid()).parent, signal.SIGTERM)
    until(lambda: not processes_with(f"reconciler.engine.supervisor\0{tmp_path}"))
    assert engine.follow(["run"])["run"].status is RunStatus.CANCELLED


def test_p10_told_to_stop_it_cancels_its_runs_and_they_are_told_of(engine, tmp_path):
    engine.start([order("run", shell("trap 'echo bye; exit' TERM; echo ready; while :; do sleep 0.01; done"))])
    until_running(engine, "run", b"ready")
    pid = engine.supervisor_pid()
    os.kill(pid, signal.SIGTERM)
    until(lambda: not Path(f"/proc/{pid}").exists())
    assert engine.follow(["run"])["run"].status is RunStatus.CANCELLED
    assert b"bye\n" in output_of(engine)


def test_p10_told_twice_it_does_not_wait_for_the_grace(engine, tmp_path):
    engine.start([order("run", shell("trap '' TERM; echo ready; while :; do sleep 0.01; done"), grace_seconds=600)])
    until_running(engine, "run", b"ready")
    pid = engine.supervisor_pid()
    os.kill(pid, signal.SIGTERM)
    until(lambda: b"cancel" in (tmp_path / "engine/journal").read_bytes())
    os.kill(pid, signal.SIGTERM)
    until(lambda: not Path(f"/proc/{pid}").exists())
    assert engine.follow(["run"])["run"].status is RunStatus.CANCELLED


def test_p10_a_cancel_is_not_forgotten_by_the_next_supervisor(engine, tmp_path):
    engine.start([order("run", shell("trap '' TERM; echo ready; while :; do sleep 0.01; done"), grace_seconds=1)])
    until_running(engine, "run", b"ready")
    engine.cancel("run")
    die(engine)
    assert until_ended(engine, "run")["run"].status is RunStatus.CANCELLED


def test_p13_a_killed_child_is_told_of_as_killed(engine):
    engine.start([order("run", shell("echo $$; exec sleep 600"))])
    until_running(engine, "run", b"\n")
    os.kill(int(output_of(engine)), signal.SIGKILL)
    result = until_ended(engine, "run")["run"].tasks[0]
    assert result.meaning == "killed by SIGKILL (not by us: out of memory?)"


def test_p14_what_we_did_not_think_of_ends_one_run_and_no_other(engine):
    engine.start([order("odd", TaskOrder(id="one", argv=("true",), env={"A": 5})), order("run", shell("echo fine"))])
    progress = until_ended(engine, "odd", "run")
    assert (progress["odd"].status, progress["odd"].reason) == (RunStatus.FAILED, "internal_error")
    assert progress["run"].status is RunStatus.COMPLETED


def test_p16_a_bad_entry_does_not_keep_the_supervisor_from_starting(engine, tmp_path):
    run_to_end(engine, shell("echo kept"))
    kill_supervisors(tmp_path / "engine")
    for entry in ({"kind": "spawn"}, {"kind": "end", "uid": "nobody"}, {"kind": "accept", "uid": 5}, {"no": 1}):
        append_entry(tmp_path / "engine", entry)
    with (tmp_path / "engine/journal").open("ab") as file:
        file.write(b"deadbeef {}\n\xff\xfe torn")
    assert engine.follow(["run"])["run"].status is RunStatus.COMPLETED
    assert run_to_end(engine, shell("true"), uid="next").status is RunStatus.COMPLETED


def append_entry(folder, entry):
    data = json.dumps(entry).encode()
    with (folder / "journal").open("ab") as file:
        file.write(b"%08x %s\n" % (zlib.crc32(data), data))


def output_of_spool(tmp_path):
    return (tmp_path / "engine/spool/run.head").read_bytes()[32:]
