"""What a run does when nothing goes wrong."""

from support.engine import order, output_of, run_to_end, shell, task, until_ended

from reconciler.engine.order import SCRIPT_FILE, late_token
from reconciler.model.run import RunStatus, Stream


def test_a_command_runs_and_its_output_and_outcome_are_kept(shared_engine):
    progress = run_to_end(shared_engine, shell("echo out; echo err >&2; exit 3"))
    (result,) = progress.tasks
    assert (progress.status, result.status, result.exit_code) == (RunStatus.FAILED, RunStatus.FAILED, 3)
    assert progress.started_at <= result.started_at <= result.ended_at <= progress.ended_at
    assert {(record.task_id, record.stream, record.data) for record in shared_engine.output("run")} == {
        ("one", Stream.STDOUT, b"out\n"),
        ("one", Stream.STDERR, b"err\n"),
    }
    assert (result.stdout.bytes, result.stdout.tail) == (4, "out\n")


def test_tasks_run_in_order_and_the_first_failure_ends_the_run(shared_engine):
    progress = run_to_end(shared_engine, shell("echo 1", id="a"), shell("exit 1", id="b"), shell("echo 3", id="c"))
    assert [result.status.value for result in progress.tasks] == ["completed", "failed", "skipped"]
    assert (progress.status, output_of(shared_engine)) == (RunStatus.FAILED, b"1\n")


def test_a_task_may_fail_and_the_run_goes_on(shared_engine):
    progress = run_to_end(shared_engine, shell("exit 1", id="a", continue_on_failure=True), shell("echo 2", id="b"))
    assert (progress.status, progress.reason) == (RunStatus.COMPLETED, "with_failures")


def test_other_exit_codes_may_mean_success(shared_engine):
    assert run_to_end(shared_engine, shell("exit 3", success_exit_codes=(0, 3))).status is RunStatus.COMPLETED


OURS = {"RECONCILER_OUTPUT", "RECONCILER_URL", "RECONCILER_TOKEN"}


def test_the_environment_is_exactly_as_ordered(shared_engine):
    run_to_end(shared_engine, task("env", env={"NAME": "a b\n$(c)"}))
    lines = output_of(shared_engine).decode().split("\n")
    assert {line.partition("=")[0] for line in lines} == {"PATH", "NAME", "$(c)", *OURS, ""}


def test_a_script_is_run_from_a_file(shared_engine):
    run_to_end(shared_engine, task("sh", SCRIPT_FILE, "x y", script="echo \"$1\" 'ü'\n"))
    assert output_of(shared_engine).decode() == "x y ü\n"


def test_outputs_reach_later_tasks_as_they_are(shared_engine):
    hand_on = shell("printf 'count=5\\nodd={tasks.a.outputs.count}\\n' > $RECONCILER_OUTPUT", id="a")
    use = task("echo", late_token("tasks.a.outputs.count"), late_token("tasks.a.outputs.odd"), id="b")
    progress = run_to_end(shared_engine, hand_on, use)
    assert progress.tasks[0].outputs == {"count": "5", "odd": "{tasks.a.outputs.count}"}
    assert output_of(shared_engine) == b"5 {tasks.a.outputs.count}\n"


def test_the_working_directory_is_as_ordered(shared_engine, tmp_path):
    run_to_end(shared_engine, task("pwd", cwd=str(tmp_path)))
    assert output_of(shared_engine).decode() == f"{tmp_path}\n"


def test_an_order_is_started_once_however_often_it_comes(shared_engine, tmp_path):
    evidence = tmp_path / "evidence"
    same = order("run", shell(f"echo started >> {evidence}"))
    shared_engine.start([same, same])
    shared_engine.start([same])
    until_ended(shared_engine, "run")
    shared_engine.forget(["run"])
    shared_engine.start([same, order("other", shell("true"))])
    until_ended(shared_engine, "other")
    assert evidence.read_text() == "started\n"


def test_a_run_never_heard_of_is_absent(shared_engine):
    assert shared_engine.follow(["nobody"]) == {}


def test_many_runs_are_followed_at_once(shared_engine):
    uids = [f"run-{number}" for number in range(50)]
    shared_engine.start([order(uid, task("true")) for uid in uids])
    progress = until_ended(shared_engine, *uids)
    assert {progress[uid].status for uid in uids} == {RunStatus.COMPLETED}


def test_timeout_and_cancel_end_a_run(shared_engine):
    shared_engine.start(
        [order("late", shell("sleep 600", timeout_seconds=0.05)), order("unwanted", shell("echo begun; sleep 600"))]
    )
    shared_engine.cancel("unwanted")
    progress = until_ended(shared_engine, "late", "unwanted")
    assert (progress["late"].status, progress["late"].reason) == (RunStatus.TIMEOUT, "task_timeout")
    assert progress["unwanted"].status is RunStatus.CANCELLED
