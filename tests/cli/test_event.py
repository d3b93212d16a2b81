"""`reconciler event`, as a monitor calls it: real processes that read the event."""

import io
import json

import pytest
from support.cli import Answer

TELLS = {
    "events": [{"eventType": "disk-full", "where": "!has(event.data.free) || event.data.free < 5"}],
    "tasks": [
        {
            "id": "say",
            "script": 'echo "$1"; printf "%s" "$RECONCILER_EVENT"',
            "scriptType": "bash",
            "arguments": ["{event.mount} {event.free}{event.missing} {event.type}"],
        }
    ],
}


@pytest.fixture
def ready(project):
    project.commit_job("clean", **TELLS)
    assert project.call("reconcile").code == 0
    return project


def output(project) -> list[str]:
    answer: Answer = project.call("runs", "logs", "--job", "clean", "--last", "--raw")
    return answer.out.splitlines()


def test_the_job_reads_the_event_from_tokens_and_environment(ready):
    answer = ready.call("event", "disk-full", "--data", "mount=/var", "--id", "e1", "--source", "m", "--wait")
    assert answer.code == 0
    assert "event disk-full recorded: e1" in answer.err
    line, event = output(ready)
    assert line == "/var  disk-full"
    told = json.loads(event)
    assert (told["id"], told["source"], told["data"]) == ("e1", "m", {"mount": "/var"})


def test_data_comes_as_json_from_standard_input_or_a_file(ready, monkeypatch, tmp_path):
    text = b'{"mount": "/srv", "free": 3}'
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text)))
    assert ready.call("event", "disk-full", "--json", "-", "--wait").code == 0
    assert output(ready)[0] == "/srv 3 disk-full"
    (tmp_path / "data.json").write_bytes(text)
    options = ["--json", str(tmp_path / "data.json"), "--data", "mount=/home", "--wait", "--format", "json"]
    (run,) = ready.call("event", "disk-full", *options).json
    assert run["jobId"] == "clean"
    assert output(ready)[0] == "/home 3 disk-full"


def test_the_same_event_again_starts_nothing(ready):
    ready.call("event", "disk-full", "--id", "e1", "--wait")
    answer = ready.call("event", "disk-full", "--id", "e1", "--wait")
    assert (answer.code, answer.err) == (0, "event e1 of command is known; it starts nothing again.\n")
    assert len(ready.call("runs", "list", "--trigger", "event", "--format", "json").json) == 1


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        pytest.param(["Disk-Full"], "no applied job names it", id="other-letters"),
        pytest.param(["disk-full", "--json", "FREE"], "the where of a job does not hold", id="where"),
    ],
)
def test_an_event_that_starts_nothing_says_why(ready, tmp_path, arguments, why):
    (tmp_path / "free").write_text('{"free": 9}')
    answer = ready.call("event", *[str(tmp_path / "free") if word == "FREE" else word for word in arguments], "--wait")
    assert answer.code == 0
    assert f"Nothing was started: {why}." in answer.err


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["disk-full", "--json", "missing.json"], 1, "cannot read missing.json"),
        (["disk-full", "--data", "mount"], 64, "cannot read `mount`"),
        (["disk-full", "--source", "reconciler"], 64, "is that of reconciler's own events"),
        (["disk\x1bfull"], 64, "event: its name is empty, or holds what cannot be shown"),
    ],
)
def test_what_is_wrong_with_the_call_is_told(ready, arguments, code, words):
    answer = ready.call("event", *arguments)
    assert answer.code == code
    assert words in answer.err


def test_an_event_that_a_run_tells_of_is_one_deeper_in_the_chain(ready, monkeypatch):
    (first,) = ready.call("event", "disk-full", "--wait", "--format", "json").json
    for depth in range(1, 10):
        monkeypatch.setenv("RECONCILER_RUN_UID", first["uid"])
        answer = ready.call("event", "disk-full", "--wait", "--format", "json")
        if depth <= 8:
            (first,) = answer.json
    assert answer.json == []
    assert "too many runs led to it" in answer.err


def test_the_end_of_a_run_that_was_waited_for_starts_the_next(ready):
    ready.commit_job("after", events=[{"eventType": "runCompleted", "where": "event.data.jobId == 'clean'"}])
    ready.call("reconcile")
    ready.call("event", "disk-full", "--wait")
    ready.call("reconcile")
    runs = ready.call("runs", "list", "--format", "json").json
    assert [(run["jobId"], run["status"]) for run in runs] == [("after", "completed"), ("clean", "completed")]


def test_events_are_listed_with_what_they_started_and_how_many_a_run_stands_for(project, tmp_path):
    wait = {"id": "wait", "command": "sh", "arguments": ["-c", f"until test -e {tmp_path}/gate; do sleep 0.01; done"]}
    project.commit_job("clean", events=["disk-full"], overlap="queue", tasks=[wait])
    project.call("reconcile", "--wait-seconds", "0")
    for number in range(3):
        assert project.call("event", "disk-full", "--id", f"e{number}", "--source", "m").code == 0
    project.call("event", "unheard-of")
    newest, *others = project.call("events", "list", "--format", "json").json
    assert (newest["type"], newest["outcome"], newest["runs"]) == ("unheard-of", {"no_job": 1}, [])
    told = {event["id"]: event for event in others if event["source"] == "m"}
    assert [told[name]["outcome"] for name in ("e0", "e1", "e2")] == [{"started": 1}, {"started": 1}, {"coalesced": 1}]
    assert [told[name]["runs"][0]["events"] for name in ("e0", "e1")] == [1, 2]
    text = project.call("events", "list", "--type", "disk-full").out
    assert "for 2 events" in text
    assert "unheard-of" not in text
    (tmp_path / "gate").touch()


def test_the_next_page_of_events_begins_where_the_last_ended(ready):
    for number in range(3):
        ready.call("event", "disk-full", "--id", f"e{number}", "--source", "m")
    last = ready.call("events", "list", "--source", "m", "--limit", "2", "--format", "json").json[-1]
    page = ready.call("events", "list", "--source", "m", "--before", str(last["seq"]), "--format", "json").json
    assert [event["id"] for event in page] == ["e0"]
    assert ready.call("events", "list", "--source", "nobody").err == "No event has come.\n"
