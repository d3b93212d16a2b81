"""What tasks ask a person: the question is durable, the answer reaches the task, and a secret one nothing else."""

import os
import signal
import sys
from pathlib import Path

import pytest
from support.engine import (
    ENV,
    die,
    engine_in,
    kill_supervisors,
    order,
    output_of,
    processes_with,
    run_to_end,
    shell,
    shown,
    until,
    until_ended,
)

from reconciler.engine.work import MACHINE_RUNS
from reconciler.model.errors import TargetRefused
from reconciler.model.run import RunStatus

PROGRAMS = str(Path(sys.executable).parent)
REACH = {"PATH": f"{ENV['PATH']}:{PROGRAMS}"}
CANARY = "correct-horse-battery"


def asking(text, **more):
    return shell(text, env=REACH, **more)


def question_of(engine, uid="run"):
    """Wait until the run asks something, and return what."""

    def look():
        progress = engine.follow([uid])[uid]
        assert not progress.status.is_ended, progress
        if progress.status is not RunStatus.WAITING:
            engine.wait(1, [uid])
            return None
        assert progress.reason == "question"
        return next(each for each in progress.tasks[-1].questions if each.is_open)

    return until(look, what="a question")


def reply(engine, text, uid="run"):
    question = question_of(engine, uid)
    engine.answer(uid, question.key, text, by="me@here")
    return question


def files_with(folder, text):
    return [path.name for path in folder.rglob("*") if path.is_file() and text.encode() in path.read_bytes()]


def test_a_run_waits_for_the_answer_and_goes_on_with_it(engine):
    engine.start(
        [order("run", asking('disk=$(reconciler ask "Which disk?" --choice sda --choice sdb); echo "on $disk"'))]
    )
    question = reply(engine, "sdb")
    assert (question.text, question.choices, question.is_secret) == ("Which disk?", ("sda", "sdb"), False)
    (task,) = until_ended(engine, "run")["run"].tasks
    assert output_of(engine) == b"on sdb\n"
    (told,) = task.questions
    assert (told.outcome, told.answer, told.answered_by) == ("answered", "sdb", "me@here")
    assert told.ended_at >= told.asked_at


def test_an_answer_must_be_one_of_the_choices_and_counts_once(engine, tmp_path):
    gate = tmp_path / "gate"
    text = f"reconciler ask Which? --choice a --choice b; until test -e {gate}; do sleep 0.01; done"
    engine.start([order("run", asking(text))])
    question = question_of(engine)
    with pytest.raises(TargetRefused, match="none of the choices"):
        engine.answer("run", question.key, "c", by="")
    engine.answer("run", question.key, "b", by="")
    with pytest.raises(TargetRefused, match="answered already"):
        engine.answer("run", question.key, "a", by="")
    gate.touch()
    until_ended(engine, "run")
    assert output_of(engine) == b"b\n"


def test_nobody_answers_in_time_and_the_script_decides(engine):
    progress = run_to_end(engine, asking("reconciler ask Anyone? --timeout 1 || echo gave up: $?"))
    assert progress.status is RunStatus.COMPLETED
    assert b"No answer within 1 seconds." in output_of(engine)
    assert b"gave up: 7\n" in output_of(engine)
    assert progress.tasks[0].questions[0].outcome == "expired"


def test_a_secret_answer_is_masked_and_never_on_disk(engine, tmp_path):
    text = (
        'pw=$(reconciler ask Password? --secret); echo "again=$pw" > "$RECONCILER_OUTPUT"; echo "it is $pw"; sleep 600'
    )
    engine.start([order("run", asking(text))])
    assert reply(engine, CANARY).is_secret
    until(lambda: b"it is ***\n" in output_of(engine), what="the masked answer")
    assert files_with(tmp_path / "engine", CANARY) == ["run.0.outputs"]  # the task's own file, in its own hands
    engine.cancel("run")
    (task,) = until_ended(engine, "run")["run"].tasks
    assert (task.questions[0].answer, task.outputs) == ("***", {"again": "***"})
    engine.forget(["run"])
    assert files_with(tmp_path / "engine", CANARY) == []


@pytest.mark.parametrize("options", ["", "--secret"])
def test_a_question_outlives_the_supervisor_and_so_does_its_answer(engine, options):
    engine.start([order("run", asking(f"answer=$(reconciler ask Well? {options}); echo $answer | tr a-z A-Z"))])
    before = question_of(engine)
    die(engine)
    assert question_of(engine).key == before.key
    engine.answer("run", before.key, CANARY, by="")
    die(engine)
    assert until_ended(engine, "run")["run"].status is RunStatus.COMPLETED
    assert output_of(engine) == f"{CANARY.upper()}\n".encode()


def test_what_was_answered_in_secret_stays_hidden_when_the_supervisor_dies(engine, tmp_path):
    gate = tmp_path / "gate"
    text = f"pw=$(reconciler ask Well? --secret); echo told; until test -e {gate}; do sleep 0.01; done; echo $pw"
    engine.start([order("run", asking(text))])
    reply(engine, CANARY)
    until(lambda: b"told" in output_of(engine))
    die(engine)
    gate.touch()
    until_ended(engine, "run")
    assert output_of(engine) == b"told\n***\n"


def test_a_secret_answer_that_went_down_with_all_memory_is_asked_for_again(tmp_path):
    gate, folder = tmp_path / "gate", tmp_path / "engine"
    text = f"pw=$(reconciler ask Well? --secret); test $pw = {CANARY} && touch {gate}"
    with engine_in(folder) as engine:
        engine.start([order("run", asking(text))])
        first = question_of(engine)
        asker = until(lambda: asker_of(folder), what="who asks")
        os.kill(asker, signal.SIGSTOP)
        die(engine)
        engine.answer("run", first.key, CANARY, by="")  # it is kept, since nobody is there to be told
        kill_supervisors(folder)
        os.kill(asker, signal.SIGCONT)
        assert question_of(engine).key == first.key
        engine.answer("run", first.key, CANARY, by="")
        assert until_ended(engine, "run")["run"].status in {RunStatus.COMPLETED, RunStatus.LOST}
        assert gate.exists()
        assert files_with(folder, CANARY) == []


def asker_of(folder):
    found = [pid for pid in processes_with(f"RECONCILER_OUTPUT={folder}") if b"ask\0" in shown(pid, "cmdline")]
    return found[0] if found else None


def test_a_question_ends_with_its_asker(engine):
    engine.start([order("run", asking("timeout 2 reconciler ask Anyone? || echo on; sleep 600"))])
    question_of(engine)
    until(lambda: engine.follow(["run"])["run"].status is RunStatus.RUNNING, what="the run to go on")
    question = engine.follow(["run"])["run"].tasks[0].questions[0]
    assert question.outcome == "withdrawn"
    with pytest.raises(TargetRefused, match="waits no longer"):
        engine.answer("run", question.key, "late", by="")


def test_a_waiting_run_is_cancelled_and_times_out_like_any_other(engine):
    engine.start([order("cancelled", asking("reconciler ask Anyone?"))])
    engine.start([order("late", asking("reconciler ask Anyone?", timeout_seconds=2))])
    question_of(engine, "cancelled")
    engine.cancel("cancelled")
    ended = until_ended(engine, "cancelled", "late")
    assert {uid: each.status.value for uid, each in ended.items()} == {"cancelled": "cancelled", "late": "timeout"}
    assert ended["cancelled"].tasks[0].questions[0].outcome == "withdrawn"


def test_a_question_shows_no_secret_of_the_run(engine):
    engine.start([order("run", asking(f'reconciler ask "Is it {CANARY}?"'), masks=(CANARY,))])
    assert question_of(engine).text == "Is it ***?"


@pytest.mark.parametrize("token", ["", "0" * 48])
def test_a_token_that_is_not_that_of_a_run_under_way_is_refused(engine, token):
    progress = run_to_end(engine, asking(f"RECONCILER_TOKEN={token} reconciler ask Hello?; echo $?"))
    assert progress.status is RunStatus.COMPLETED
    expected = b"the token is not that of a run" if token else b"this is none"
    assert expected in output_of(engine)


def test_the_token_is_not_on_disk_and_is_another_for_each_run(engine, tmp_path):
    for uid in ("a", "b"):
        run_to_end(engine, shell("echo $RECONCILER_TOKEN | tr 0-9a-f g-v"), uid=uid)
    first, second = output_of(engine, "a").decode().strip(), output_of(engine, "b").decode().strip()
    assert first != second
    back = str.maketrans("ghijklmnopqrstuv", "0123456789abcdef")
    assert len(first.translate(back)) == 48
    assert files_with(tmp_path / "engine", first.translate(back)) == []


def test_a_script_that_reads_standard_input_gets_its_end(engine):
    progress = run_to_end(engine, shell("read answer || echo nobody there"))
    assert progress.status is RunStatus.COMPLETED
    assert output_of(engine) == b"nobody there\n"


BARE_ASK = """
import json, os, socket
data = json.dumps({"do": "ask", "token": os.environ["RECONCILER_TOKEN"], "key": os.environ["K"], "question": "?",
                   "is_secret": False, "choices": []}).encode()
peer = socket.socket(socket.AF_UNIX)
os.chdir(os.path.dirname(os.environ["RECONCILER_URL"].removeprefix("unix:")))
peer.connect("socket")
peer.sendall(len(data).to_bytes(4, "big") + data)
while b'"text"' not in peer.recv(65536):
    pass
"""


def test_more_runs_than_there_are_slots_wait_and_others_run_meanwhile(engine):
    uids = [f"w{number}" for number in range(MACHINE_RUNS)]
    script = f'exec {sys.executable} -I -S -c "$S"'
    engine.start([order(uid, shell(script, env={"S": BARE_ASK, "K": uid})) for uid in uids])
    until(lambda: {each.status for each in engine.follow(uids).values()} == {RunStatus.WAITING}, what="all to ask")
    assert run_to_end(engine, shell("true"), uid="other").status is RunStatus.COMPLETED
    for uid in uids:
        engine.answer(uid, uid, "go", by="")
    assert {each.status for each in until_ended(engine, *uids).values()} == {RunStatus.COMPLETED}
