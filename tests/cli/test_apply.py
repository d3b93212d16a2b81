"""`apply` as a user calls it: deletions that nobody looked at are asked for, each refusal names its way out."""

import json
import os
import pty
import subprocess
import sys

import pytest
from support.keeper import add_agents


@pytest.fixture
def one_gone(project):
    """A project with two applied jobs, one of which Git no longer declares."""
    project.commit_job("stays")
    project.commit_job("goes")
    project.call("apply")
    project.repo.git("rm", "-q", "definitions/jobs/goes.json")
    project.repo.commit("Drop it")
    return project


def changes(project):
    return [change["action"] for change in project.call("plan", "--format", "json").json["changes"]]


def test_without_a_terminal_a_deletion_needs_a_yes_or_the_digest_of_its_plan(one_gone):
    refused = one_gone.call("apply")
    assert refused.code == 4
    assert "job goes would be deleted, and nobody is here to be asked; nothing was changed" in refused.err
    assert changes(one_gone) == ["delete"]
    digest = refused.err.partition("--digest ")[2].split()[0]
    assert one_gone.call("apply", "--digest", digest).code == 0
    assert changes(one_gone) == []


def test_a_yes_deletes(one_gone):
    assert one_gone.call("apply", "--yes").code == 0
    assert changes(one_gone) == []


def test_what_deletes_nothing_needs_no_yes(project):
    project.commit_job()
    assert project.call("apply").code == 0
    project.commit_job(priority=9)
    assert project.call("apply").code == 0


@pytest.mark.parametrize(("answer", "code", "left"), [(b"n\n", 4, ["delete"]), (b"y\n", 0, [])])
def test_on_a_terminal_the_plan_is_shown_and_a_person_asked(one_gone, answer, code, left):
    ours, theirs = pty.openpty()
    os.write(ours, answer)
    process = subprocess.Popen(
        [sys.executable, "-m", "reconciler", "-C", str(one_gone.repo.path), "apply"],
        stdin=theirs,
        stdout=subprocess.DEVNULL,
        stderr=theirs,
    )
    assert process.wait(timeout=60) == code
    os.close(theirs)
    shown = os.read(ours, 65536).decode()
    os.close(ours)
    assert "-   job goes" in shown
    assert "job goes would be deleted. Apply this plan? [y/N]" in shown
    assert changes(one_gone) == left


@pytest.mark.parametrize("way", ["empty-folder", "no-folder"])
def test_a_source_that_is_empty_or_gone_deletes_nothing(project, way):
    """RELIABILITY G-4, G13."""
    for number in range(3):
        project.commit_job(f"job-{number}")
    project.call("apply")
    project.repo.git("rm", "-q", "-r", "definitions")
    project.repo.write("definitions/README.md" if way == "empty-folder" else "README.md", "Nothing here")
    project.repo.commit("Drop all")
    refused = project.call("apply", "--yes")
    assert refused.code in (3, 4)
    assert project.call("reconcile").code == refused.code
    assert len(project.call("status", "--format", "json").json["targets"]) == 1
    assert project.call("run", "job-1", "--wait").code == 0


def test_a_guard_names_the_flag_with_the_digest_of_this_plan(project):
    for number in range(10):
        project.commit_job(f"job-{number}")
    project.call("apply")
    for number in range(4):
        project.repo.git("rm", "-q", f"definitions/jobs/job-{number}.json")
    project.repo.commit("Drop four")
    refused = project.call("apply", "--yes")
    assert refused.code == 4
    assert "plan deletes 4 of 10 jobs (40 %, above 30 %)" in refused.err
    digest = project.call("plan", "--format", "json").json["digest"]
    assert f"--allow-deletes {digest[:12]}" in refused.err
    assert project.call("apply", "--allow-deletes", digest[:12]).code == 0
    assert changes(project) == []


def test_what_is_carried_out_is_told_with_its_facts_as_before_it_was(project):
    project.commit_job(schedule={"cronExpression": "0 2 * * *", "timezone": "Europe/Paris"})
    applied = project.call("apply").out
    assert "starts: daily at 02:00 Europe/Paris" in applied
    assert "no time limit" in applied
    project.commit_job(schedule={"cronExpression": "0 3 * * *", "timezone": "Europe/Paris"})
    passed = project.call("reconcile").out
    assert "starts: daily at 02:00 Europe/Paris -> daily at 03:00 Europe/Paris" in passed


def test_the_facts_are_in_the_document_too(project):
    project.commit_job()
    document = project.call("apply", "--format", "json").json
    assert document["judgedAt"]
    assert document["changes"][0]["facts"]["level"]
    project.commit_job(priority=9)
    assert project.call("reconcile", "--format", "json").json["plan"]["changes"][0]["facts"]


def test_a_very_large_plan_is_not_waited_for(project, monkeypatch):
    monkeypatch.setattr("reconciler.cli.reviewing.MOST_JUDGED", 1)
    project.commit_job("one")
    project.commit_job("two")
    applied = project.call("apply")
    assert "`reconciler plan` tells when each starts" in applied.err
    assert "+   job one" in applied.out


def test_what_is_invalid_is_not_said_to_be_applied(project):
    project.commit_job()
    project.repo.write("definitions/jobs/bad.json", "{}")
    project.repo.commit("Add a wrong one")
    applied = project.call("apply")
    assert applied.code == 3
    assert "Applied what is valid of commit" in applied.err


def drop(project, job_id):
    project.repo.git("rm", "-q", f"definitions/jobs/{job_id}.json")
    project.repo.commit(f"Drop {job_id}")


@pytest.fixture
def agents_job(project, tmp_path):
    """A project with an applied job of a folder of agents, no longer declared by a function that says for how long."""

    def gone(**settings):
        add_agents(project, tmp_path / "Jobs", **settings)
        project.commit_job("stays", targets=["agents"])
        project.commit_job("goes", targets=["agents"])
        assert project.call("apply").code == 0
        drop(project, "goes")
        return project

    return gone


def test_the_first_step_of_a_deletion_is_told_as_what_it_is(agents_job):
    project = agents_job()
    shown = project.call("plan").out
    assert "-   job goes" in shown
    assert "(no longer declared: disabled now, deleted after 24 h)" in shown
    assert "no longer starts by itself" not in shown
    assert "Was declared in" in project.call("plan", "--format", "markdown").out
    assert "0 to change, 0 to delete, 1 to disable now and delete later, 0 to run." in shown
    document = project.call("plan", "--format", "json").json
    assert (document["summary"]["retire"], document["summary"]["suspend"]) == (1, 0)
    for format_ in ("markdown", "html"):
        assert "disable, delete later" in project.call("plan", "--format", format_).out
    refused = project.call("apply")
    assert refused.code == 4
    assert "job goes would be deleted" in refused.err


@pytest.mark.parametrize(
    ("hours", "words"),
    [(0, "1 to delete, 0 to run"), (48, "deleted after 48 h")],
)
def test_a_target_sets_its_own_grace(agents_job, hours, words):
    project = agents_job(prune={"graceHours": hours})
    project.repo.write("reconciler.toml", "[prune]\ngraceHours = 7\n")
    project.repo.commit("Set the grace of all others")
    assert words in project.call("plan").out


def test_a_grace_that_is_no_number_of_hours_is_a_problem(project, tmp_path):
    add_agents(project, tmp_path / "Jobs", prune={"graceHours": -1, "after": "a day"})
    problems = project.call("validate").out
    assert "settings.prune.graceHours" in problems
    assert "settings.prune.after" in problems


def test_two_targets_with_one_folder_by_a_link_change_nothing(project, tmp_path):
    (tmp_path / "link").symlink_to(tmp_path)
    add_agents(project, tmp_path / "Jobs")
    definition = {
        "id": "more",
        "provider": "keeper",
        "settings": {"channel": "directory", "path": f"{tmp_path}/link/Jobs"},
    }
    project.repo.write("definitions/targets/more.json", json.dumps(definition))
    project.commit_job("one", targets=["agents", "more"])
    refused = project.call("apply")
    assert refused.code == 1
    assert "the folder of target more, are one" in refused.err
    assert list((tmp_path / "Jobs").iterdir()) == []


def test_a_digest_that_is_too_short_is_not_said_to_be_stale(project):
    project.commit_job()
    refused = project.call("apply", "--digest", "3f9a")
    assert refused.code == 64
    assert "'3f9a' is too short for a digest" in refused.err
