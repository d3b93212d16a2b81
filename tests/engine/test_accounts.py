"""Tasks with an account of their own: ``pytest -m root``."""

import os
import pwd
from pathlib import Path

import pytest
from support.engine import die, kill_supervisors, output_of, run_to_end, shell, task, until, until_ended, until_running
from support.engine import order as run_of

from reconciler.model.run import RunStatus

pytestmark = [pytest.mark.root, pytest.mark.skipif(os.geteuid() != 0, reason="only root may change accounts")]
NOBODY = pwd.getpwnam("nobody")


def test_a_task_has_the_account_with_its_groups_and_nothing_of_roots(shared_engine):
    run = run_to_end(shared_engine, shell("id -un; id -G; grep CapEff /proc/self/status", account="nobody"), uid="who")
    assert run.tasks[0].exit_code == 0
    name, groups, capabilities = output_of(shared_engine, "who").decode().splitlines()
    assert (name, groups) == ("nobody", str(NOBODY.pw_gid))
    assert set(capabilities.removeprefix("CapEff:").strip()) == {"0"}


def test_outputs_script_and_streams_are_the_accounts_to_use(shared_engine):
    text = "#!/bin/sh\necho out > /dev/stdout\necho err > /dev/stderr\necho n=1 >> $RECONCILER_OUTPUT\ntest -O $0\n"
    run = run_to_end(shared_engine, task("\0script\0", script=text, account="nobody"), uid="files")
    assert (run.tasks[0].exit_code, run.tasks[0].outputs) == (0, {"n": "1"})
    assert output_of(shared_engine, "files").splitlines() == [b"out", b"err"]


BARE_ASK = """
import json, os, socket, time
message = {"do": "ask", "token": os.environ["RECONCILER_TOKEN"], "key": "k", "question": "?",
           "is_secret": False, "choices": []}
heard = b""
while b'"text"' not in heard:
    peer = socket.socket(socket.AF_UNIX)
    try:
        peer.connect(os.environ["RECONCILER_URL"].removeprefix("unix:"))
        for each in ({"do": "hello"}, message):
            data = json.dumps(each).encode()
            peer.sendall(len(data).to_bytes(4, "big") + data)
        while piece := peer.recv(65536):
            heard += piece
            if b'"text"' in heard:
                break
    except OSError:
        time.sleep(0.01)
print(os.getuid(), b"this is for tasks" in heard, flush=True)
"""


def test_a_task_of_another_account_asks_any_supervisor_and_may_do_nothing_else_there(engine):
    engine.start([run_of("run", shell('exec python3 -I -S -c "$S"', env={"S": BARE_ASK}, account="nobody"))])
    until(lambda: engine.follow(["run"])["run"].status is RunStatus.WAITING, what="the question")
    die(engine)
    engine.answer("run", "k", "go", by="")
    assert until_ended(engine, "run")["run"].status is RunStatus.COMPLETED
    assert output_of(engine) == f"{NOBODY.pw_uid} True\n".encode()


def test_files_of_other_runs_cannot_be_listed_or_read(engine, tmp_path):
    private = shell("echo secret=1 > $RECONCILER_OUTPUT", id="own")
    peek = shell(f"ls $(dirname $RECONCILER_OUTPUT); ls {tmp_path}/engine; cat /etc/shadow", account="nobody")
    run = run_to_end(engine, private, peek)
    assert run.tasks[1].exit_code != 0
    assert output_of(engine).count(b"Permission denied") == 3


def test_it_starts_in_the_accounts_home_or_where_there_is_none_at_the_root(shared_engine):
    run_to_end(shared_engine, shell("pwd", account="nobody"), uid="home")
    home = NOBODY.pw_dir if Path(NOBODY.pw_dir).is_dir() else "/"
    assert output_of(shared_engine, "home") == f"{home}\n".encode()


@pytest.mark.parametrize(
    ("wanted", "meaning"),
    [
        pytest.param(shell("true", account="no-such-account"), "account 'no-such-account' does not exist", id="nobody"),
        pytest.param(
            shell("true", account="nobody", cwd="/root"), "working directory '/root': Permission denied", id="cwd"
        ),
        pytest.param(task("/etc/passwd", account="nobody"), "/etc/passwd: Permission denied", id="program"),
    ],
)
def test_what_the_account_cannot_start_is_a_run_with_a_result(shared_engine, wanted, meaning, request):
    run = run_to_end(shared_engine, wanted, uid=request.node.callspec.id)
    assert run.reason == "failed_to_start"
    assert run.tasks[0].meaning.startswith(meaning)


def test_an_elevated_account_may_what_root_may_and_its_files_are_its_own(shared_engine):
    text = "id -un; head -c 4 /etc/shadow >/dev/null && echo read"
    run_to_end(shared_engine, shell(text, account="nobody", is_elevated=True), uid="elevated")
    assert output_of(shared_engine, "elevated") == b"nobody\nread\n"


def test_p4_a_run_of_another_account_is_found_again(engine, tmp_path):
    gate = tmp_path / "gate"
    for folder in (each for each in (tmp_path, *tmp_path.parents) if "pytest-of-" in str(each)):
        folder.chmod(0o755)
    text = f"echo before; until test -e {gate}; do sleep 0.01; done; echo n=2 > $RECONCILER_OUTPUT"
    engine.start([run_of("run", shell(text, account="nobody"))])
    until_running(engine, "run", b"before")
    kill_supervisors(tmp_path / "engine")
    gate.touch()
    assert until_ended(engine, "run")["run"].tasks[0].outputs == {"n": "2"}


def test_g19_timeout_ends_all_of_another_account(shared_engine):
    run = run_to_end(shared_engine, shell("sleep 600 & sleep 600", account="nobody", timeout_seconds=0.2), uid="late")
    assert run.tasks[0].status.value == "timeout"


def test_files_of_another_account_go_with_the_run(engine):
    run_to_end(engine, shell("dirname $RECONCILER_OUTPUT; echo n=1 > $RECONCILER_OUTPUT", account="nobody"))
    folder = Path(output_of(engine).decode().strip())
    assert len(list(folder.glob("run.*"))) == 1
    engine.forget(["run"])
    assert list(folder.glob("run.*")) == []
