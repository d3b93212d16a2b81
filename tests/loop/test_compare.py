"""A plan between two commits, where nothing has been applied and nothing may be."""

import pytest
from support.keeper import add_agents

DELETED = "definitions/jobs/gone.json"


@pytest.fixture
def branch(project):
    """main has two jobs and a one-off; the branch changes one, deletes one, adds one, and asks for one run."""
    project.commit_job("kept")
    project.commit_job("gone")
    project.commit_run("before", "kept")
    project.repo.git("checkout", "--quiet", "-b", "change")
    project.repo.git("rm", "--quiet", DELETED)
    project.commit_job("kept", priority=9)
    project.commit_job("new")
    project.commit_run("after", "kept")
    return project


def changes_of(answer):
    return [f"{change['action']} {change['id']}" for change in answer.json["changes"]]


def test_a_branch_is_compared_with_where_it_left_the_other(branch):
    branch.repo.git("checkout", "--quiet", "main")
    branch.commit_job("meanwhile")
    answer = branch.call("plan", "--base", "main", "--ref", "change", "--format", "json")
    assert answer.code == 0
    assert changes_of(answer) == ["delete gone", "update kept", "create new", "one-off after"]


def test_nothing_is_written_and_nothing_opened(branch):
    branch.call("plan", "--base", "main")
    assert not (branch.repo.path / ".git/reconciler/state.db").exists()


def test_a_merge_that_changes_no_definition_is_an_empty_plan(branch):
    branch.repo.write("README.md", "hello")
    branch.repo.commit()
    answer = branch.call("plan", "--base", "HEAD^", "--format", "json")
    assert changes_of(answer) == []


def test_a_base_without_definitions_makes_all_new(project):
    project.repo.write("README.md", "hello")
    project.repo.commit()
    project.commit_job("first")
    answer = project.call("plan", "--base", "HEAD^", "--format", "json")
    assert changes_of(answer) == ["create first"]


def test_the_digest_is_the_one_that_applying_the_merge_has(branch):
    branch.repo.git("checkout", "--quiet", "main")
    assert branch.call("reconcile").code == 0
    compared = branch.call("plan", "--base", "main", "--ref", "change", "--format", "json").json
    planned = branch.call("plan", "--ref", "change", "--format", "json").json
    assert compared["digest"] == planned["digest"]
    assert [change["fields"] for change in compared["changes"]] == [change["fields"] for change in planned["changes"]]


def test_unrelated_histories_are_refused_with_a_way_out(project):
    project.commit_job("a")
    project.repo.git("checkout", "--quiet", "--orphan", "other")
    project.repo.commit("Begin anew")
    answer = project.call("plan", "--base", "main")
    assert answer.code == 64
    assert "no commit in common" in answer.err
    assert "fetch-depth: 0" in answer.err


def test_a_base_that_is_not_there_is_told(project):
    project.commit_job("a")
    assert project.call("plan", "--base", "nowhere").code in {1, 64}


@pytest.mark.parametrize(("settings", "action"), [({}, "retire"), ({"prune": {"graceHours": 0}}, "delete")])
def test_a_deletion_is_told_in_the_steps_in_which_it_is_carried_out(project, tmp_path, settings, action):
    add_agents(project, tmp_path / "Jobs", **settings)
    project.commit_job("gone", targets=["agents"])
    project.commit_job("kept")
    project.repo.git("rm", "--quiet", DELETED)
    project.repo.commit("Drop one")
    assert changes_of(project.call("plan", "--base", "HEAD^", "--format", "json")) == [f"{action} gone"]
