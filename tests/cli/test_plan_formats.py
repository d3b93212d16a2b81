"""`plan` as a reviewer, a pipeline and a program call it."""

import json

import jsonschema
import pytest

from reconciler.definitions.schemas import schema_of

NOW = ("--now", "2026-03-01T01:27:00Z")


@pytest.fixture
def changed(project):
    """A job that is applied, and a commit that changes when it starts."""
    project.commit_job(schedule={"cronExpression": "0 6 * * *"})
    assert project.call("apply").code == 0
    project.commit_job(schedule={"cronExpression": "30 1 * * *", "timezone": "UTC"})
    return project


def test_the_text_tells_when_it_starts_and_what_is_dangerous(changed):
    lines = changed.call("plan", *NOW).out.splitlines()
    assert "        starts: daily at 06:00 UTC -> daily at 01:30 UTC" in lines
    assert "        next starts: 2026-03-01 06:00 UTC -> 2026-03-01 01:30 UTC" in lines
    assert lines[-3:-1] == [
        "Look at these first:",
        "  ~   job hello on local: would start within 5 minutes of the merge, at 01:30 UTC",
    ]
    assert lines[-1].startswith("Plan: 0 to create, 1 to change, 0 to delete, 0 to run. digest ")


@pytest.mark.parametrize("format_", ["text", "json", "jsonl", "markdown", "html"])
def test_every_format_is_the_same_twice_and_goes_to_a_file(changed, tmp_path, format_):
    out = tmp_path / "plan"
    assert changed.call("plan", *NOW, "--format", format_, "--out", str(out)).out == ""
    assert changed.call("plan", *NOW, "--format", format_).out == out.read_text()


def test_the_comment_begins_with_its_marker_and_names_commit_digest_and_time(changed):
    plan = json.loads(changed.call("plan", *NOW, "--format", "json").out)
    text = changed.call("plan", *NOW, "--format", "markdown").out
    assert text.startswith("<!-- reconciler:plan -->\n## Plan: 0 to create, 1 to change, 0 to delete, 0 to run\n")
    assert f"Commit `{plan['commit'][:12]}`, digest `{plan['digest'][:12]}`, seen at 2026-03-01 01:27 UTC." in text


def test_the_comment_of_invalid_definitions_says_so(changed):
    changed.repo.write("definitions/jobs/broken.yaml", "id: broken\nschedule: {cronExpression: '`|` <b>'}\n")
    changed.repo.commit()
    answer = changed.call("plan", *NOW, "--format", "markdown")
    assert answer.code == 3
    assert "> **Definitions are invalid**" in answer.out


def test_json_has_the_facts_and_fits_its_schema(changed):
    document = json.loads(changed.call("plan", *NOW, "--format", "json").out)
    jsonschema.validate(document, schema_of("plan"))
    (change,) = document["changes"]
    assert change["facts"]["level"] == "danger"
    assert change["facts"]["startsAfter"]["nextAt"][0] == "2026-03-01T01:30:00.000Z"
    assert document["judgedAt"] == "2026-03-01T01:27:00.000Z"


def test_two_commits_are_compared_without_a_state(changed):
    state = changed.repo.path / ".git" / "reconciler" / "state.db"
    state.unlink()
    answer = changed.call("plan", *NOW, "--base", "HEAD^", "--format", "json")
    assert [change["action"] for change in json.loads(answer.out)["changes"]] == ["update"]
    assert not state.exists()


def test_a_saved_plan_is_not_made_of_two_commits(changed, tmp_path):
    answer = changed.call("plan", "--base", "HEAD^", "--save", str(tmp_path / "plan.json"))
    assert answer.code == 64
    assert "Give one of them." in answer.err


def test_an_instant_that_cannot_be_read_is_a_usage_error(project):
    assert project.call("plan", "--now", "tomorrow").code == 64


def test_a_paused_job_says_until_when(changed):
    changed.call("pause", "hello", "--until", "2099-01-01T00:00:00Z", "--reason", "holiday")
    document = json.loads(changed.call("plan", *NOW, "--format", "json").out)
    (change,) = document["changes"]
    assert change["facts"]["startsAfter"]["stopped"].startswith("paused until")


def test_the_colours_are_those_that_were_asked_for(changed, tmp_path):
    out = tmp_path / "plan"
    assert "\x1b[" in changed.call("plan", "--color", "always").out
    assert "\x1b[" not in changed.call("plan", "--color", "auto").out
    changed.call("plan", "--color", "always", "--out", str(out))
    assert "\x1b[" in out.read_text()
