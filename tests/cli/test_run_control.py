"""Runs under way and after: wait, cancel, retry, logs, results, the list."""

import contextlib
import json
import os
import pty
import subprocess
import sys

import pytest

LONG = {"tasks": [{"id": "slow", "script": "echo begun; exec sleep 600"}]}


def start(project, job="hello", *options):
    """Start a run and return its uid, without waiting."""
    return project.call("run", job, *options, "--format", "json").json[0]["uid"]


def applied(project, job="hello", **fields):
    project.commit_job(job, **fields)
    assert project.call("apply").code == 0


def show(project, uid):
    return project.call("runs", "show", uid, "--format", "json").json


def test_a_run_under_way_is_cancelled_with_its_processes_and_once_is_enough(project):
    applied(project, **LONG)
    uid = start(project)
    first = project.call("runs", "cancel", uid[:18])
    assert (first.code, first.err) == (0, f"Run {uid} of hello has ended: cancelled.\n")
    again = project.call("runs", "cancel", uid)
    assert (again.code, again.err) == (0, f"Run {uid} of hello had ended already: cancelled.\n")
    assert show(project, uid)["run"]["status"] == "cancelled"
    assert "begun" in project.call("runs", "logs", uid).out


def test_a_run_that_waits_for_its_turn_is_cancelled_before_it_starts(project):
    applied(project, **LONG, concurrency={"key": "k", "max": 1}, overlap="queue")
    applied(project, "other", concurrency={"key": "k", "max": 1})
    first, waiting = start(project), start(project, "other")
    assert project.call("runs", "cancel", waiting).err == f"Run {waiting} of other has ended: cancelled.\n"
    report = show(project, waiting)["run"]
    assert (report["status"], report["reason"], report["startedAt"]) == ("cancelled", "before_start", None)
    project.call("runs", "cancel", first)


def test_waiting_for_what_has_ended_tells_its_result_and_nothing_of_a_start(project):
    applied(project)
    uid = start(project, "hello", "--wait")
    answer = project.call("wait", uid)
    assert (answer.code, answer.err) == (0, "")
    assert "Output:\n" in answer.out


def test_what_had_ended_says_so(project):
    applied(project)
    uid = start(project, "hello", "--wait")
    assert project.call("runs", "cancel", uid).err == f"Run {uid} of hello had ended already: completed.\n"
    assert project.call("runs", "cancel", "ffff").code == 64


def test_a_retry_has_the_form_and_the_values_of_the_first_and_is_linked_to_it(project):
    applied(project, parameters=[{"name": "n"}], tasks=[{"id": "say", "command": "echo", "arguments": ["v1 {n}"]}])
    first = start(project, "hello", "--var", "n=7", "--wait")
    applied(project, parameters=[{"name": "n"}], tasks=[{"id": "say", "command": "echo", "arguments": ["v2 {n}"]}])
    again = project.call("runs", "retry", first, "--wait", "--format", "json").json[0]
    assert (again["trigger"]["key"], again["parentUid"]) == (f"retry:{first}", first)
    assert again["digest"] == show(project, first)["source"]["digest"]
    assert project.call("runs", "logs", again["uid"]).out == "v1 7\n"
    assert f"Retry of run {first} of hello: completed" in project.call("runs", "show", again["uid"]).out
    assert f"Retried as run {again['uid']} of hello: completed" in project.call("runs", "show", first).out


def test_a_run_may_be_retried_again_once_its_retry_has_ended(project):
    applied(project)
    first = start(project, "hello", "--wait")
    keys = [
        project.call("runs", "retry", first, "--wait", "--format", "json").json[0]["trigger"]["key"] for _ in range(2)
    ]
    assert keys == [f"retry:{first}", f"retry:{first}:2"]


def test_what_has_not_ended_is_not_retried(project):
    applied(project, **LONG)
    uid = start(project)
    refused = project.call("runs", "retry", uid)
    assert refused.code == 1
    assert "has not ended; nothing was started" in refused.err
    project.call("runs", "cancel", uid)
    again = project.call("runs", "retry", uid, "--format", "json").json[0]["uid"]
    assert "is being retried already" in project.call("runs", "retry", uid).err
    project.call("runs", "cancel", again)


def test_wait_mirrors_the_runs_it_waits_for(project):
    applied(project, "good")
    applied(project, "bad", tasks=[{"id": "fail", "command": "false"}])
    good, bad = start(project, "good"), start(project, "bad")
    assert project.call("wait", good).code == 0
    answer = project.call("wait", good, bad, "--timeout", "60")
    assert answer.code == 6
    assert "Job Completed Successfully" in answer.out
    assert "Job Failed" in answer.out


@pytest.mark.parametrize("options", [["--timeout", "0"], ["--timeout", "1"]])
def test_wait_gives_up_after_its_time_and_the_run_goes_on(project, options):
    applied(project, **LONG)
    uid = start(project)
    answer = project.call("wait", uid, *options)
    assert answer.code == 7
    assert answer.out.startswith("Job Running\n")
    assert project.call("runs", "cancel", uid).code == 0


@pytest.mark.parametrize(
    ("options", "code"), [(["--wait"], 0), (["--wait=60"], 0), (["--wait=x"], 64), ([], 0)], ids=str
)
def test_wait_is_a_plain_option_or_has_a_number_of_seconds(project, options, code):
    applied(project)
    answer = project.call("run", *options, "hello")
    assert answer.code == code
    assert ("Completed" in answer.out) == bool(options and code == 0)


def test_a_run_that_takes_longer_than_one_waits_goes_on(project):
    applied(project, **LONG)
    answer = project.call("run", "hello", "--wait=1")
    assert answer.code == 7
    assert answer.out.startswith(("Job Running\n", "Job Queued Successfully\n"))  # a busy machine has not begun it yet
    project.call("runs", "cancel", "--", answer.out.split("Job UID:")[1].split()[0])


def test_while_one_waits_progress_and_output_are_told_beside_the_result(project):
    tasks = [{"id": "one", "script": "echo first; echo oops >&2"}, {"id": "two", "command": "echo", "arguments": ["x"]}]
    applied(project, tasks=tasks)
    answer = project.call("run", "hello", "--wait")
    assert "Running job on " in answer.err
    assert "one | first\n" in answer.err
    assert "two | x\n" in answer.err
    assert "[====================] 100% - Ended\n" in answer.err
    assert "first" in answer.out


def test_logs_are_followed_to_the_end(project, tmp_path):
    gate = tmp_path / "gate"
    applied(project, tasks=[{"id": "say", "script": f"echo one; until [ -e {gate} ]; do sleep 0.01; done; echo two"}])
    uid = start(project)
    program = [sys.executable, "-m", "reconciler", "-C", str(project.repo.path), "runs", "logs", uid, "--follow"]
    with subprocess.Popen(program, stdout=subprocess.PIPE, text=True) as following:
        assert following.stdout.readline() == "one\n"
        gate.touch()
        assert following.stdout.read() == "two\n"
    assert following.returncode == 0
    assert project.call("runs", "logs", uid).out == "one\ntwo\n"


def test_logs_of_a_run_under_way_are_those_so_far(project):
    applied(project, **LONG)
    uid = start(project)
    project.call("wait", uid, "--timeout", "1")
    assert project.call("runs", "logs", uid).out == "begun\n"
    lines = project.call("runs", "logs", uid, "--format", "jsonl").out.splitlines()
    assert [json.loads(line)["text"] for line in lines] == ["begun\n"]
    project.call("runs", "cancel", uid)


def test_the_last_run_of_a_job_is_found_without_its_uid(project):
    applied(project, "a", tasks=[{"id": "say", "script": 'echo "$RECONCILER_RUN_UID"'}])
    applied(project, "b")
    uids = [start(project, job, "--wait") for job in ("a", "a", "b")]
    assert project.call("runs", "logs", "--job", "a", "--last").out == f"{uids[1]}\n"
    assert project.call("runs", "logs", "--last").out == "hello\n"
    nothing = project.call("runs", "logs")
    assert (nothing.code, "--last" in nothing.err) == (64, True)
    assert project.call("runs", "logs", uids[0], "--last").code == 64
    assert "no run of c yet" in project.call("runs", "logs", "--job", "c", "--last").err


def test_structured_results_are_shown_as_data(project):
    script = 'echo "count=3" >> "$RECONCILER_OUTPUT"; echo "name=a b" >> "$RECONCILER_OUTPUT"'
    applied(project, tasks=[{"id": "scan", "script": script}, {"id": "none", "command": "true"}])
    uid = start(project, "hello", "--wait")
    results = project.call("runs", "output", uid, "--format", "json").json
    assert results["none"] == {}
    assert {name: str(value) for name, value in results["scan"].items()} == {"count": "3", "name": "a b"}
    assert "scan  count  3" in project.call("runs", "output", "--job", "hello", "--last").out


def test_runs_are_listed_page_by_page_and_by_what_made_them_due(project):
    applied(project, "a")
    uids = [start(project, "a", "--wait") for _ in range(3)]
    first = project.call("runs", "list", "--limit", "2")
    assert f"--before {uids[1]}" in first.err
    rest = project.call("runs", "list", "--limit", "2", "--before", uids[1], "--format", "json").json
    assert [run["uid"] for run in rest] == [uids[0]]
    project.call("runs", "retry", uids[0], "--wait")
    assert len(project.call("runs", "list", "--trigger", "retry", "--format", "json").json) == 1
    assert project.call("runs", "list", "--site", "Acme", "--format", "json").json == []


def test_looking_starts_nothing(project):
    """A command that only shows has no secrets, and may know fewer targets than one that starts."""
    applied(project, concurrency={"key": "k", "max": 1}, **LONG)
    applied(project, "other", concurrency={"key": "k", "max": 1})
    first, waiting = start(project), start(project, "other")
    project.call("runs", "cancel", first)
    assert project.call("runs", "list", "--job", "other", "--format", "json").json[0]["status"] == "created"
    assert project.call("wait", waiting).code == 0


def test_on_a_terminal_output_stands_above_a_bar_and_is_not_repeated(project):
    applied(project, tasks=[{"id": "one", "script": "echo first; printf 'no end'"}, {"id": "two", "command": "true"}])
    command = [sys.executable, "-m", "reconciler", "-C", str(project.repo.path), "run", "hello", "--wait"]
    ours, theirs = pty.openpty()
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        text = b""
        with contextlib.suppress(OSError):  # Linux tells the end of a terminal as an error
            while data := os.read(ours, 65536):
                text += data
    os.close(ours)
    shown = text.decode()
    assert process.returncode == 0
    assert "100% - Ended" in shown
    assert shown.count("one | first") == 1
    assert "one | no end" in shown
    assert "Job Completed Successfully" in shown
    assert "Output:" not in shown


def test_what_earlier_attempts_wrote_is_kept_and_shown(project):
    text = 'echo attempt $RECONCILER_ATTEMPT; test "$RECONCILER_ATTEMPT" = 2'
    task = {"id": "a", "command": "sh", "arguments": ["-c", text]}
    project.commit_job(tasks=[task], retry={"attempts": 2})
    project.call("apply")
    uid = project.call("run", "hello", "--wait", "--format", "json").json[0]["uid"]
    assert project.call("runs", "logs", uid).out == "attempt 2\n"
    assert project.call("runs", "logs", uid, "--attempt", "1").out == "attempt 1\n"
    refused = project.call("runs", "logs", uid, "--attempt", "3")
    assert (refused.code, "has had 2 attempts" in refused.err) == (64, True)


def test_a_retry_of_a_condition_error_judges_the_condition_anew(project):
    # Division by zero at first; the run that fails for it makes it hold.
    project.commit_job(condition="1 / (job.lastStatus == 'failed' ? 1 : 0) == 1")
    project.call("apply")
    first = project.call("run", "hello", "--wait", "--format", "json").json[0]
    assert first["reason"] == "condition_error"
    again = project.call("runs", "retry", first["uid"], "--wait", "--format", "json").json[0]
    assert (again["status"], again["parentUid"]) == ("completed", first["uid"])


def test_a_retry_whose_condition_does_not_hold_now_starts_nothing(project):
    project.commit_job(condition="1 / (job.lastStatus == 'failed' ? 1 : 0) == 2")
    project.call("apply")
    uid = project.call("run", "hello", "--wait", "--format", "json").json[0]["uid"]
    refused = project.call("runs", "retry", uid)
    assert (refused.code, "its condition does not hold" in refused.err) == (1, True)
    assert project.call("runs", "retry", uid, "--force", "--wait").code == 0
