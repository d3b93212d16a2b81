"""Output: capped, counted, hashed, masked; C4, G20, G21, B5, B7 and S2 of RELIABILITY."""

import hashlib
import json
import os
from pathlib import Path

import pytest
from support.engine import badchild, die, order, output_of, run_to_end, shell, task, until, until_ended

from reconciler.engine.order import late_token
from reconciler.engine.spool import SpoolWriter, read_spool
from reconciler.model.run import RunStatus

MIB = 1 << 20


def memory_of(pid):
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM"))


@pytest.mark.parametrize("line", ["", "line"])
def test_c4_g20_much_output_costs_little_and_head_and_tail_are_kept(engine, line):
    progress = run_to_end(engine, badchild("much", "64", line), output_bytes=100_000)
    stdout = progress.tasks[0].stdout
    piece = (b"x" * 65535 + (b"\n" if line else b"x")) * 16
    assert stdout.bytes == 64 * MIB + 7
    assert stdout.sha256 == hashlib.sha256(piece * 64 + b"THE END").hexdigest()
    assert (len(stdout.tail), stdout.tail[-7:]) == (4096, "THE END")
    records = engine.output("run")
    kept = [record.data for record in records if b"left out here" not in record.data]
    assert sum(map(len, kept)) == 100_000
    assert f"{64 * MIB + 7 - 100_000} bytes left out here" in str(records)
    assert b"".join(kept).endswith(b"THE END")
    assert memory_of(engine.supervisor_pid()) < 64 * MIB


def test_c4_endless_output_does_not_delay_another_run(shared_engine):
    shared_engine.start(
        [order(f"endless-{n}", badchild("endless"), timeout_seconds=600, grace_seconds=0) for n in range(2)]
    )
    until(lambda: output_of(shared_engine, "endless-0") and output_of(shared_engine, "endless-1"))
    progress = run_to_end(shared_engine, shell("echo quick"), uid="quick")
    assert (progress.ended_at - progress.started_at).total_seconds() < 1
    for n in range(2):
        shared_engine.cancel(f"endless-{n}")
    assert until_ended(shared_engine, "endless-0")["endless-0"].status is RunStatus.CANCELLED


def test_g20_output_on_disk_stays_within_twice_the_cap(engine, tmp_path):
    run_to_end(engine, badchild("much", "8"), output_bytes=200_000)
    sizes = [path.stat().st_size for path in (tmp_path / "engine/spool").iterdir()]
    assert sum(sizes) < 400_000


def test_output_up_to_the_cap_is_kept_whole(shared_engine):
    run_to_end(shared_engine, shell("seq 1 20000"), output_bytes=200_000)
    assert output_of(shared_engine) == b"".join(b"%d\n" % n for n in range(1, 20001))


def test_output_of_several_tasks_shares_the_cap_and_names_its_task(shared_engine):
    run_to_end(shared_engine, *(shell("head -c 60000 /dev/zero", id=name) for name in "abc"), output_bytes=100_000)
    records = shared_engine.output("run")
    assert [record.task_id for record in (records[0], records[-1])] == ["a", "c"]
    assert [record.at for record in records] == sorted(record.at for record in records)


def test_output_can_be_seen_while_the_run_goes_on(shared_engine, tmp_path):
    gate = tmp_path / "gate"
    shared_engine.start([order("run", shell(f"echo begun; until test -e {gate}; do sleep 0.01; done"))])
    until(lambda: output_of(shared_engine) == b"begun\n")
    until(lambda: shared_engine.follow(["run"])["run"].tasks[0].stdout.bytes == 6)
    gate.touch()
    until_ended(shared_engine, "run")


def test_forgotten_output_is_gone_from_the_disk(engine, tmp_path):
    run_to_end(engine, task("sh", "-c", "echo x; echo a=1 > $RECONCILER_OUTPUT", script="unused", id="one"))
    engine.forget(["run"])
    assert list((tmp_path / "engine/spool").iterdir()) == []
    assert engine.output("run") == []
    assert (engine.follow(["run"])["run"].status, engine.follow(["run"])["run"].reason) == (RunStatus.LOST, "forgotten")


def test_g21_a_secret_reaches_no_file_of_ours(engine, tmp_path):
    secret = "canary-5ecret/val+ue"
    script = 'echo "key=$SECRET"; echo "$SECRET" | base64; echo "$SECRET" >&2; echo "s=$SECRET" > $RECONCILER_OUTPUT'
    child = shell(script, env={"SECRET": secret})
    result = run_to_end(engine, child, shell("exit 3", id="two"), masks=(secret,)).tasks[0]
    assert (result.outputs, result.stdout.tail[:8]) == ({"s": "***"}, "key=***\n")
    for path in (tmp_path / "engine").rglob("*"):
        if path.is_file() and not path.name.endswith(".outputs"):
            assert b"canary" not in path.read_bytes(), path


def test_b5_a_secret_in_two_writes_is_masked(shared_engine):
    run_to_end(shared_engine, badchild("split", "top-sec", "ret-value"), masks=("top-secret-value",))
    assert output_of(shared_engine) == b"***"


def test_outputs_may_be_json_of_any_shape(shared_engine):
    value = {"rows": [{"name": "ü", "size": 1.5}], "ok": True}
    first = shell("cat > $RECONCILER_OUTPUT <<'.'\n" + json.dumps(value) + "\n.\n", id="a")
    run = run_to_end(shared_engine, first, task("echo", late_token("tasks.a.outputs.rows"), id="b"))
    assert run.tasks[0].outputs == value
    assert json.loads(output_of(shared_engine)) == value["rows"]


@pytest.mark.parametrize(
    ("text", "outputs", "warning"),
    [
        pytest.param("a=1\n\nb=x=y \n", {"a": "1", "b": "x=y "}, "", id="lines"),
        pytest.param("a=1\nnonsense\n", {"a": "1"}, "line 2 was left out", id="not-a-line"),
        pytest.param("{nonsense", {}, "not valid JSON", id="not-json"),
        pytest.param('{"a": NaN}', {}, "not valid JSON", id="nan"),
        pytest.param('{"a":' + "[" * 30_000, {}, "not valid JSON", id="deep"),
        pytest.param("a=" + "x" * 70_000, {}, "the file is over 65536 bytes", id="large"),
        pytest.param("\n".join(f"n{n}=1" for n in range(300)), None, "after the first 200", id="many"),
    ],
)
def test_outputs_have_limits(shared_engine, tmp_path, text, outputs, warning):
    (tmp_path / "text").write_text(text)
    child = shell(f"cp {tmp_path}/text $RECONCILER_OUTPUT")
    result = run_to_end(shared_engine, child, uid=tmp_path.name).tasks[0]
    assert result.status is RunStatus.COMPLETED
    assert outputs is None or result.outputs == outputs
    assert warning in str(result.warnings)


def test_a_token_for_an_output_that_was_not_written_fails_the_task(shared_engine):
    progress = run_to_end(shared_engine, shell("true", id="a"), task("echo", late_token("tasks.a.outputs.n"), id="b"))
    assert (progress.status, progress.reason) == (RunStatus.FAILED, "failed_to_start")
    assert progress.tasks[1].meaning == "{tasks.a.outputs.n}: task 'a' has written no output 'n'"


@pytest.mark.parametrize("trick", ["ln -s {victim} {place}", "mkfifo {place}", "mkdir {place}"])
def test_b7_a_child_cannot_have_another_file_read_as_its_outputs(shared_engine, tmp_path, trick):
    victim = tmp_path / "victim"
    victim.write_text("secret=1\n")
    child = shell(trick.format(victim=victim, place="$RECONCILER_OUTPUT"))
    result = run_to_end(shared_engine, child, uid=f"b7-{trick.split()[0]}").tasks[0]
    assert (result.status, result.outputs) == (RunStatus.COMPLETED, {})


def test_b7_a_child_cannot_have_another_file_written_as_its_output(engine, tmp_path):
    victim = tmp_path / "victim"
    victim.write_text("unharmed")
    result = run_to_end(engine, shell(f"ln -s {victim} $(dirname $RECONCILER_OUTPUT)/run.head; echo harm")).tasks[0]
    assert (victim.read_text(), output_of(engine)) == ("unharmed", b"")
    assert (result.status, result.stdout.tail) == (RunStatus.COMPLETED, "harm\n")
    assert "output was not kept from byte 0 on" in result.warnings[0]


def test_s2_a_full_disk_costs_output_and_not_the_outcome(tmp_path):
    folder = tmp_path / "spool"
    folder.mkdir()
    folder_fd = os.open(folder, os.O_RDONLY)
    folder.rmdir()
    writer = SpoolWriter(folder_fd, "run", cap_bytes=100)
    writer.write(0, 0, 0, b"x" * 500, written=500)
    assert writer.problem == "output was not kept from byte 0 on: No such file or directory"
    os.close(folder_fd)


def test_a_torn_record_ends_a_spool_file(tmp_path):
    folder_fd = os.open(tmp_path, os.O_RDONLY)
    writer = SpoolWriter(folder_fd, "run", cap_bytes=1000)
    writer.write(0, 0, 1, b"whole", written=5)
    writer.write(0, 0, 2, b"torn away", written=14)
    writer.close()
    with (tmp_path / "run.head").open("r+b") as file:
        file.truncate(file.seek(0, 2) - 3)
    assert [record.data for record in read_spool(folder_fd, "run", cap_bytes=1000)] == [b"whole"]
    resumed = SpoolWriter(folder_fd, "run", cap_bytes=1000)
    assert [record.data for record in resumed.resume()] == [b"whole"]
    resumed.write(0, 0, 3, b", and more", written=24)
    resumed.close()
    assert b"".join(record.data for record in read_spool(folder_fd, "run", cap_bytes=1000)) == b"whole, and more"
    os.close(folder_fd)


@pytest.fixture
def unkept(engine, tmp_path):
    """Begin a run that writes a line, and is not to have it kept; return what lets it write another and end."""
    begun, gate = tmp_path / "begun", tmp_path / "gate"
    text = f"echo before | tr b B; touch {begun}; until test -e {gate}; do sleep 0.01; done; echo after"
    engine.start([order("run", shell(text), output_bytes=0)])
    until(begun.exists)
    return gate.touch


def test_output_that_is_not_kept_is_counted_and_hashed_and_written_nowhere(engine, tmp_path, unkept):
    unkept()
    stdout = until_ended(engine, "run")["run"].tasks[0].stdout
    written = b"Before\nafter\n"
    assert (stdout.bytes, stdout.sha256, stdout.tail) == (len(written), hashlib.sha256(written).hexdigest(), "")
    files = [path for path in (tmp_path / "engine").rglob("*") if path.is_file()]
    assert not [path for path in files if b"Before" in path.read_bytes() or path.name.startswith("run.")]


def test_output_that_is_not_kept_is_not_known_after_the_supervisors_death(engine, unkept):
    die(engine)
    unkept()
    task = until_ended(engine, "run")["run"].tasks[0]
    assert (task.exit_code, task.stdout.sha256) == (0, "")
    assert task.warnings == ("output before the supervisor's death was not kept, so that it is not counted either",)
