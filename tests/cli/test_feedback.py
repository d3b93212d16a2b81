"""A job asks a person, from its question to its report; real processes."""

import contextlib
import io
import json
import os
import pty
import re
import subprocess
import sys

import pytest
from support.engine import until

CANARY = "correct-horse-battery"
LOOK = "reconciler ask 'Which disk?' --choice sda --choice sdb"


def start(project, script, **fields):
    project.commit_job("asks", tasks=[{"id": "only", "script": script}], **fields)
    assert project.call("apply").code == 0
    uid = project.call("run", "asks", "--format", "json").json[0]["uid"]
    until(lambda: document(project, uid)["status"] == "waiting", what="the question")
    return uid


def document(project, uid):
    return next(run for run in project.call("runs", "list", "--format", "json").json if run["uid"] == uid)


def report(project, uid):
    assert project.call("wait", uid, "--timeout", "60").code == 0
    return project.call("runs", "show", uid, "--format", "json").json


def test_a_question_is_seen_everywhere_and_its_answer_lets_the_run_go_on(project):
    uid = start(project, f'echo "on $({LOOK})"')
    assert "waiting (question)" in project.call("runs", "list", "--status", "waiting").out
    assert project.call("runs", "list", "--format", "json").json[0]["startedAt"]
    shown = project.call("runs", "show", uid).out
    assert "Question:     Which disk?\nChoices:      sda, sdb\n" in shown
    assert f"To answer: reconciler runs answer {uid}" in shown
    status = project.call("status")
    assert f"Waiting for an answer:\n  asks asks: Which disk?\n    reconciler runs answer {uid}\n" in status.out
    assert project.call("status", "--format", "json").json["underWay"][0]["question"]["choices"] == ["sda", "sdb"]
    answered = project.call("runs", "answer", uid[:18], "sdb")
    assert (answered.code, answered.err) == (0, f"Answered: run {uid} of asks goes on.\n")
    (question,) = report(project, uid)["tasks"][0]["questions"]
    assert (question["text"], question["outcome"], question["answer"]) == ("Which disk?", "answered", "sdb")
    assert "@" in question["answeredBy"]
    assert project.call("runs", "logs", uid).out == "on sdb\n"
    assert re.search(
        r"asked .*: Which disk\? \(one of sda, sdb\); answered .*: sdb\n", project.call("runs", "show", uid).out
    )


def test_an_answer_that_is_no_choice_is_refused_with_the_choices(project):
    uid = start(project, LOOK)
    refused = project.call("runs", "answer", uid, "sdc")
    assert (refused.code, "`sdc` is none of the choices" in refused.err) == (64, True)
    assert "Choose one of: sda, sdb" in refused.err
    assert project.call("runs", "answer", uid).code == 64  # no terminal, no text
    project.call("runs", "cancel", uid)
    late = project.call("runs", "answer", uid, "sda")
    assert (late.code, "has ended: cancelled" in late.err) == (1, True)


def test_a_secret_answer_comes_from_standard_input_and_leaves_no_trace(project, monkeypatch, tmp_path):
    uid = start(project, 'pw=$(reconciler ask Password? --secret); echo "it is $pw"')
    refused = project.call("runs", "answer", uid, CANARY)
    assert (refused.code, "does not belong on a command line" in refused.err) == (64, True)
    assert CANARY not in refused.err
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"\xff" + CANARY.encode())))
    garbled = project.call("runs", "answer", uid, "-")
    assert (garbled.code, "not UTF-8" in garbled.err, CANARY in garbled.err) == (64, True, False)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(f"{CANARY}\n".encode())))
    assert project.call("runs", "answer", uid, "-").code == 0
    monkeypatch.undo()
    monkeypatch.setenv("NO_COLOR", "1")
    assert report(project, uid)["tasks"][0]["questions"][0]["answer"] == "***"
    assert project.call("runs", "logs", uid).out == "it is ***\n"
    traces = [path for path in project.repo.path.rglob("*") if path.is_file() and CANARY.encode() in path.read_bytes()]
    assert traces == []


def test_the_deadline_passes_and_the_script_goes_on(project):
    uid = start(project, "reconciler ask Anyone? --timeout 1 || echo without")
    (question,) = report(project, uid)["tasks"][0]["questions"]
    assert (question["outcome"], question["answer"]) == ("expired", "")
    assert "without\n" in project.call("runs", "logs", uid).out


def test_who_waits_for_the_run_is_told_what_it_asks(project):
    project.commit_job("asks", tasks=[{"id": "only", "script": "reconciler ask Anyone? --timeout 2; true"}])
    project.call("apply")
    waited = project.call("run", "asks", "--wait")
    assert waited.code == 0
    assert "Question:     Anyone?" in waited.err
    assert "To answer:    reconciler runs answer " in waited.err


def test_outside_of_a_run_ask_says_where_it_works(project):
    refused = project.call("ask", "Anyone?")
    assert (refused.code, "works in a job that runs on the local target" in refused.err) == (64, True)


def test_a_run_that_asks_nothing_takes_no_answer(project):
    project.commit_job("asks", tasks=[{"id": "only", "script": "sleep 600"}])
    project.call("apply")
    uid = project.call("run", "asks", "--format", "json").json[0]["uid"]
    refused = project.call("runs", "answer", uid, "yes")
    assert (refused.code, "waits for no answer: it is running" in refused.err) == (1, True)
    project.call("runs", "cancel", uid)


def test_waiting_for_a_person_keeps_no_slot_from_others(project):
    project.repo.write("reconciler.toml", "[engine]\nmaxRuns = 1\n")
    uid = start(project, LOOK)
    project.commit_job("hello")
    project.call("apply")
    assert project.call("run", "hello", "--wait=60").code == 0
    project.call("runs", "answer", uid, "sda")
    assert report(project, uid)["run"]["status"] == "completed"


@pytest.mark.parametrize("text", ["", "x" * 5000])
def test_a_question_has_a_length(project, text):
    project.commit_job("asks", tasks=[{"id": "only", "command": "reconciler", "arguments": ["ask", text]}])
    project.call("apply")
    answer = project.call("run", "asks", "--wait", "--format", "json")
    assert json.loads(answer.out)[0]["tasks"][0]["exitCode"] == 1
    assert "a question has 1 to 4000 characters" in answer.err


def test_at_a_terminal_the_question_is_shown_and_a_secret_answer_is_not(project):
    uid = start(project, 'pw=$(reconciler ask "Password of the vault" --secret); echo "it is $pw"')
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "reconciler", "-C", str(project.repo.path), "runs", "answer", uid]
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        text = b""
        with contextlib.suppress(OSError):  # Linux tells the end of a terminal as an error
            while data := os.read(ours, 65536):
                if b"Answer" not in text and b"Answer" in text + data:
                    os.write(ours, f"{CANARY}\n".encode())
                text += data
    os.close(ours)
    assert process.returncode == 0
    assert b"Question:     Password of the vault" in text
    assert b"goes on." in text
    assert CANARY.encode() not in text
    report(project, uid)
    assert project.call("runs", "logs", uid).out == "it is ***\n"


def test_a_job_says_how_far_it_is_until_its_task_has_ended(project, tmp_path):
    gate = tmp_path / "gate"
    script = (
        f"reconciler progress 40 copying; reconciler progress 101 || true; until test -e {gate}; do sleep 0.01; done"
    )
    project.commit_job("asks", tasks=[{"id": "only", "script": script}])
    project.call("apply")
    uid = project.call("run", "asks", "--format", "json").json[0]["uid"]
    until(lambda: "[=======>            ] 40% - copying\n" in project.call("runs", "show", uid).out, what="the bar")
    gate.touch()
    assert project.call("wait", uid, "--timeout", "60").code == 0
    assert "40%" not in project.call("runs", "show", uid).out.partition("stderr")[0]


def test_what_is_not_utf_8_is_shown_written_out_and_never_handed_on(project):
    text = r"""
    reconciler ask $'caf\xe9?' --timeout 60 &
    reconciler run asks --var $'n=\xe9'
    reconciler ask x --choice $'\xe9'
    wait
    """
    uid = start(project, text)
    until(lambda: document(project, uid)["question"] is not None, what="the question")
    assert document(project, uid)["question"]["text"] == "caf\\udce9?"
    assert project.call("runs", "answer", uid, "yes").code == 0
    report(project, uid)
    assert project.call("runs", "logs", uid, "--stream", "stderr").out.count("a text is not UTF-8") == 2
