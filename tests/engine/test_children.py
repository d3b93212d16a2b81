"""C rows of RELIABILITY section 2: children that misbehave. G19: time-out means dead."""

import time
from pathlib import Path

import pytest
from support.engine import (
    ENV,
    badchild,
    order,
    output_of,
    run_to_end,
    shell,
    task,
    until,
    until_ended,
)

from reconciler.engine.order import SCRIPT_FILE, TaskOrder
from reconciler.model.run import RunStatus, Stream

GRACE_SECONDS = 0.3


def is_alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def seconds_of(result):
    return (result.ended_at - result.started_at).total_seconds()


def test_c1_a_child_that_ignores_term_is_killed_after_the_grace(shared_engine, survivors):
    child = badchild("ignore_term", timeout_seconds=1)
    result = run_to_end(shared_engine, child, grace_seconds=GRACE_SECONDS).tasks[0]
    assert (result.status, result.exit_code) == (RunStatus.TIMEOUT, -9)
    assert seconds_of(result) >= 1 + GRACE_SECONDS
    assert not survivors()


def test_c1_output_until_the_time_out_is_kept(shared_engine):
    child = shell("echo so far; exec sleep 600", timeout_seconds=0.5)
    assert run_to_end(shared_engine, child).tasks[0].stdout.tail == "so far\n"


def test_c2_the_outcome_is_the_parents_and_what_holds_the_pipe_is_stopped(shared_engine, survivors):
    progress = run_to_end(shared_engine, badchild("hold_pipe", timeout_seconds=60), drain_seconds=0.1)
    (result,) = progress.tasks
    assert (progress.status, result.exit_code) == (RunStatus.COMPLETED, 0)
    assert result.stdout.tail == "parent\n"
    assert "still ran when the task had ended, and was stopped" in result.warnings[0]
    assert not survivors()


def test_c2_what_ends_soon_after_its_parent_may_finish_its_writing(shared_engine):
    result = run_to_end(shared_engine, badchild("hold_pipe", "0.1")).tasks[0]
    assert (result.stdout.tail, result.warnings) == ("parent\ngrandchild\n", ())


def test_c3_a_daemon_that_broke_away_does_not_survive_the_run(shared_engine):
    shared_engine.start(
        [order(f"run-{hide}", badchild("double_fork", hide), drain_seconds=0.1) for hide in ("", "hide")]
    )
    for run in until_ended(shared_engine, "run-", "run-hide").values():
        assert run.status is RunStatus.COMPLETED
        until(lambda pid=int(run.tasks[0].stdout.tail): not is_alive(pid), what="the daemon's end")


def test_c3_a_hidden_daemon_of_one_run_ends_though_another_goes_on(engine):
    engine.start([order("long", shell("sleep 600"))])
    until(lambda: engine.follow(["long"])["long"].status is RunStatus.RUNNING)
    pid = int(run_to_end(engine, badchild("double_fork", "hide"), drain_seconds=0.1).tasks[0].stdout.tail)
    assert engine.follow(["long"])["long"].status is RunStatus.RUNNING
    engine.cancel("long")
    until_ended(engine, "long")
    until(lambda: not is_alive(pid), what="the daemon's end")


def test_c5_bytes_are_kept_as_they_are(shared_engine):
    raw = rb"\0\377\200\033[31m\r50%\r100%\xc3("
    run_to_end(shared_engine, task("printf", r"\000\377\200\033[31m\r50%%\r100%%\303("))
    assert output_of(shared_engine) == raw.decode("unicode_escape").encode("latin-1")


def test_c6_standard_input_is_empty(shared_engine):
    assert run_to_end(shared_engine, task("cat")).status is RunStatus.COMPLETED


def test_c6_a_child_may_write_to_stderr_alone_or_close_stdout(shared_engine):
    progress = run_to_end(shared_engine, shell("exec 1>&-; sleep 0.05; echo late >&2; exit 4"))
    assert progress.tasks[0].exit_code == 4
    assert [(record.stream, record.data) for record in shared_engine.output("run")] == [(Stream.STDERR, b"late\n")]


def test_c7_zombies_and_the_quick_are_reaped_with_the_right_code(engine, survivors):
    uids = [f"quick-{code}" for code in range(40)]
    engine.start([order(uid, shell(f"exit {code}")) for code, uid in enumerate(uids)])
    engine.start([order("zombies", badchild("zombies", "20"))])
    progress = until_ended(engine, *uids, "zombies")
    assert [progress[uid].tasks[0].exit_code for uid in uids] == list(range(40))
    assert progress["zombies"].tasks[0].warnings == ()
    supervisor = engine.supervisor_pid()
    children = Path(f"/proc/{supervisor}/task/{supervisor}/children")
    until(lambda: not children.read_text().split(), what="all children reaped")


@pytest.mark.parametrize(
    ("number", "word"), [(11, "killed by SIGSEGV"), (9, "killed by SIGKILL"), (15, "killed by SIGTERM")]
)
def test_c8_a_signal_is_reported_by_name(shared_engine, tmp_path, number, word):
    child = badchild("kill_self", str(number), cwd=str(tmp_path))
    result = run_to_end(shared_engine, child, uid=f"c8-signal-{number}").tasks[0]
    assert (result.status, result.exit_code) == (RunStatus.FAILED, -number)
    assert result.meaning.startswith(word)


@pytest.mark.parametrize("code", [1, 2, 126, 127, 130, 137, 143, 255])
def test_c8_exit_codes_are_reported_exactly(shared_engine, code):
    assert run_to_end(shared_engine, shell(f"exit {code}"), uid=f"c8-{code}").tasks[0].exit_code == code


def plain_file(tmp_path, text, mode):
    path = tmp_path / "program"
    path.write_text(text)
    path.chmod(mode)
    return str(path)


@pytest.mark.parametrize(
    ("make", "meaning"),
    [
        pytest.param(lambda p: task("no-such-program"), "not found in PATH", id="c9-not-in-path"),
        pytest.param(lambda p: task(f"{p}/missing"), "No such file or directory", id="c9-missing"),
        pytest.param(lambda p: task(plain_file(p, "", 0o644)), "Permission denied", id="c9-not-executable"),
        pytest.param(lambda p: task(str(p)), "Permission denied (is a directory)", id="c9-directory"),
        pytest.param(lambda p: task(plain_file(p, "echo", 0o755)), "no #! line", id="c9-without-shebang"),
        pytest.param(lambda p: task(plain_file(p, "#!/no/sh\n", 0o755)), "the interpreter", id="c9-no-interpreter"),
        pytest.param(lambda p: task(plain_file(p, "\x7fELF\x02\x01\x01junk", 0o755)), "Exec format", id="c9-machine"),
        pytest.param(lambda p: TaskOrder(id="one", argv=()), "no program is named", id="c9-nothing"),
        pytest.param(lambda p: task("true", cwd=f"{p}/gone"), "working directory", id="c10-cwd-missing"),
        pytest.param(lambda p: task("true", cwd="/etc/passwd"), "Not a directory", id="c10-cwd-is-a-file"),
        pytest.param(lambda p: task("true", env={"BIG": "x" * 4_000_000}), "Argument list too long", id="c10-e2big"),
        pytest.param(lambda p: task("true", "a\0b"), "NUL character", id="c10-nul-in-argument"),
        pytest.param(lambda p: task("true", env={"A": "\0b\0"}), "NUL character", id="c10-nul-in-environment"),
        pytest.param(lambda p: task("true", env={"A=B": "c"}), "holds '='", id="c10-equals-in-name"),
        pytest.param(lambda p: task("true", "\ud800"), "cannot be encoded", id="c10-no-text"),
    ],
)
def test_c9_c10_what_cannot_start_is_a_run_with_a_result(shared_engine, tmp_path, make, meaning):
    progress = run_to_end(shared_engine, make(tmp_path), uid=tmp_path.name)
    (result,) = progress.tasks
    assert (progress.status, progress.reason) == (RunStatus.FAILED, "failed_to_start")
    assert meaning in result.meaning
    assert (result.exit_code, result.started_at) == (None, None)


def test_c9_a_script_may_be_its_own_program(shared_engine):
    scripts = [
        order(f"run-{n}", TaskOrder(id="one", argv=(SCRIPT_FILE,), script=f"#!/bin/sh\nexit {n}\n", env=ENV))
        for n in range(20)
    ]
    shared_engine.start(scripts)
    progress = until_ended(shared_engine, *(script.uid for script in scripts))
    assert [progress[f"run-{n}"].tasks[0].exit_code for n in range(20)] == list(range(20))


def test_c11_a_fork_bomb_is_put_out_and_others_live(shared_engine, survivors):
    shared_engine.start([order("bomb", badchild("fork_bomb", "6", timeout_seconds=1.5), grace_seconds=0)])
    assert run_to_end(shared_engine, shell("echo fine")).status is RunStatus.COMPLETED
    assert until_ended(shared_engine, "bomb")["bomb"].status is RunStatus.TIMEOUT
    assert not survivors()


def test_c11_files_are_the_childs_own_to_run_out_of(shared_engine):
    assert run_to_end(shared_engine, badchild("leak_files")).tasks[0].stdout.tail == "no more files\n"
    assert run_to_end(shared_engine, shell("true"), uid="after").status is RunStatus.COMPLETED


def test_c13_a_run_goes_on_without_the_program_that_asked_for_it(engine, tmp_path):
    gate = tmp_path / "gate"
    engine.start([order("run", shell(f"until test -e {gate}; do sleep 0.01; done; echo done"))])
    engine.close()
    another = type(engine)(tmp_path / "engine", clock=engine._clock)
    gate.touch()
    assert until_ended(another, "run")["run"].status is RunStatus.COMPLETED
    assert output_of(another) == b"done\n"
    another.close()


def test_g19_timeout_means_dead_within_the_grace_and_a_second(shared_engine, survivors):
    ways = [("ignore_term",), ("linger",), ("linger", "hide"), ("endless",)]
    uids = ["-".join(way) for way in ways]
    limits = {"timeout_seconds": 1, "grace_seconds": GRACE_SECONDS}
    shared_engine.start([order(uid, badchild(*way), **limits) for uid, way in zip(uids, ways, strict=True)])
    progress = until_ended(shared_engine, *uids)
    assert {(run.status, run.reason) for run in progress.values()} == {(RunStatus.TIMEOUT, "run_timeout")}
    assert max(seconds_of(run.tasks[0]) for run in progress.values()) < 1 + GRACE_SECONDS + 1
    hidden = [int(progress[uid].tasks[0].stdout.tail) for uid in uids if uid.startswith("linger")]
    until(lambda: not survivors() and not any(map(is_alive, hidden)), what="the end of all of them")


def test_g19_a_cancelled_run_is_dead_when_it_is_called_cancelled(shared_engine, survivors):
    shared_engine.start(
        [order("run", badchild("ignore_term"), shell("echo next", id="two"), grace_seconds=GRACE_SECONDS)]
    )
    until(lambda: output_of(shared_engine) == b"ready\n")
    shared_engine.cancel("run")
    progress = until_ended(shared_engine, "run")["run"]
    assert [result.status.value for result in progress.tasks] == ["cancelled", "skipped"]
    assert not survivors()


def test_g19_a_stopped_child_is_ended_too(shared_engine, survivors):
    shared_engine.start([order("run", shell("kill -STOP $$"), grace_seconds=GRACE_SECONDS)])
    pid = until(lambda: next(iter(survivors()), None))
    until(lambda: Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T")
    shared_engine.cancel("run")
    assert until_ended(shared_engine, "run")["run"].tasks[0].exit_code == -15


def test_the_time_limits_of_run_and_task_are_told_apart(shared_engine):
    shared_engine.start(
        [
            order("by-task", shell("sleep 600", timeout_seconds=0.1), timeout_seconds=600),
            order("by-run", shell("sleep 600", timeout_seconds=600), timeout_seconds=0.1),
            order("between", *(shell("sleep 0.2", id=f"t{n}") for n in range(50)), timeout_seconds=0.5),
        ]
    )
    progress = until_ended(shared_engine, "by-task", "by-run", "between")
    reasons = {uid: (run.status.value, run.reason) for uid, run in progress.items()}
    assert reasons == {
        "by-task": ("timeout", "task_timeout"),
        "by-run": ("timeout", "run_timeout"),
        "between": ("timeout", "run_timeout"),
    }


def test_a_task_that_times_out_may_be_one_that_may_fail(shared_engine):
    first = shell("sleep 600", id="a", timeout_seconds=0.1, continue_on_failure=True)
    progress = run_to_end(shared_engine, first, shell("echo next", id="b"))
    assert (progress.status, progress.reason, output_of(shared_engine)) == (
        RunStatus.COMPLETED,
        "with_failures",
        b"next\n",
    )


def test_children_inherit_nothing_but_their_three_files(shared_engine):
    run_to_end(shared_engine, shell("ls /proc/$$/fd; ls -l /proc/$$/fd/0 | sed 's/.*-> //'"))
    assert output_of(shared_engine).split() == [b"0", b"1", b"2", b"/dev/null"]


def test_children_have_every_signal_at_its_default(shared_engine):
    run_to_end(shared_engine, shell("grep -E 'Sig(Blk|Ign)' /proc/self/status"))
    # Signals 32 and 33 are the C library's own.
    assert {int(line.split()[1], 16) & ~0x180000000 for line in output_of(shared_engine).splitlines()} == {0}


def test_a_child_is_the_leader_of_a_session_of_its_own(shared_engine):
    run_to_end(shared_engine, shell("cut -d' ' -f1,5,6 /proc/$$/stat"))
    assert len(set(output_of(shared_engine).split())) == 1


def test_durations_are_counted_by_the_monotonic_clock(shared_engine):
    began = time.monotonic()
    result = run_to_end(shared_engine, shell("sleep 0.2")).tasks[0]
    assert 0.2 <= seconds_of(result) <= time.monotonic() - began + 0.01
