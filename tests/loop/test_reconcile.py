"""One pass and the next: the whole way from a commit to reports, as a user sees it."""

import json
from datetime import timedelta

import jsonschema
import pytest
from support.cli import Project
from support.repo import START

from reconciler.definitions.schemas import schema_of


def runs_of(answer):
    return {run["jobId"]: run for run in answer.json["runs"]}


def test_a_one_off_runs_and_its_report_names_commit_path_blob_and_digest(project):
    project.commit_job()
    commit = project.commit_run("once")
    answer = project.call("reconcile", "--format", "json")
    assert answer.code == 0
    run = runs_of(answer)["hello"]
    assert (run["status"], run["tasks"][0]["exitCode"]) == ("completed", 0)

    report = project.call("report", "--run", run["uid"], "--format", "json").json
    jsonschema.validate(report, schema_of("report"))
    blob = project.repo.git("rev-parse", "HEAD:definitions/jobs/hello.json")
    assert report["source"]["commit"] == commit
    assert report["source"]["changedIn"] == project.repo.git("rev-parse", "HEAD~1")
    assert (report["source"]["path"], report["source"]["blob"]) == ("definitions/jobs/hello.json", blob)
    assert len(report["source"]["digest"]) == 64
    assert report["tasks"][0]["stdout"]["tail"] == "hello\n"


def test_the_report_is_published_and_noted(project):
    project.commit_job()
    commit = project.commit_run("once")
    uid = project.call("reconcile", "--format", "json").json["runs"][0]["uid"]
    paths = project.repo.git("ls-tree", "-r", "--name-only", "reconciler-reports").splitlines()
    (path,) = [path for path in paths if path.endswith(f"{uid}.json")]
    published = json.loads(project.repo.git("show", f"reconciler-reports:{path}"))
    assert published["run"]["uid"] == uid
    assert uid in project.repo.git("log", "-1", "--notes=reconciler", commit)


def test_a_second_pass_plans_nothing_and_runs_no_one_off_again(project):
    project.commit_job(schedule={"intervalMinutes": 30})
    project.commit_run("once")
    project.call("reconcile")
    again = project.call("reconcile")
    assert again.code == 0
    assert "Plan: 0 to create, 0 to change, 0 to delete, 0 to run." in again.out
    assert "Nothing due." in again.out
    assert "Last runs:" in again.out
    assert "Next fire times:" in again.out
    assert len(project.call("runs", "list", "--format", "json").json) == 1


def test_two_one_offs_of_one_job_run_one_after_the_other(project):
    project.commit_job()
    project.commit_run("first")
    project.commit_run("second", reason="again")
    runs = project.call("reconcile", "--format", "json").json["runs"]
    assert sorted(run["trigger"]["key"] for run in runs) == ["oneoff:first", "oneoff:second"]
    assert {run["status"] for run in runs} == {"completed"}


def test_an_edited_one_off_does_not_run_again_and_that_is_said(project):
    project.commit_job()
    project.commit_run("once")
    project.call("reconcile")
    project.commit_run("once", reason="changed my mind")
    answer = project.call("reconcile")
    assert "was edited after it was started; it does not run again" in answer.err
    assert "Nothing due." in answer.out


def test_a_one_off_past_its_end_never_runs(project):
    project.commit_job()
    project.commit_run("late", notAfter="2020-01-01T00:00:00Z")
    assert "Nothing due." in project.call("reconcile").out
    assert "0 to run" in project.call("plan").out


def test_a_one_off_that_is_not_yet_due_waits(project):
    project.commit_job()
    project.commit_run("later", notBefore="2090-01-01T00:00:00Z")
    answer = project.call("reconcile")
    assert "Waits: later: not before 2090-01-01 00:00 UTC." in answer.out
    assert "1 to run" in project.call("plan").out


def test_a_failed_run_shows_in_the_exit_code_only_when_asked(project):
    project.commit_job(tasks=[{"id": "fail", "command": "false"}])
    project.commit_run("once")
    answer = project.call("reconcile")
    assert answer.code == 0
    assert "failed" in answer.out
    project.commit_run("twice", reason="again")
    assert project.call("reconcile", "--fail-on-runs").code == 6


def test_a_job_that_was_deleted_from_git_is_deleted(project):
    project.commit_job("stays")
    project.commit_job("goes")
    project.call("reconcile")
    project.repo.git("rm", "-q", "definitions/jobs/goes.json")
    project.repo.commit("Drop it")
    assert "-   job goes" in project.call("reconcile").out
    assert project.call("run", "goes").code == 64


def test_an_invalid_definition_keeps_its_applied_form_and_holds_up_deletions_only(project):
    """RELIABILITY G14."""
    project.commit_job("good")
    project.commit_job("broken")
    project.commit_job("gone")
    project.call("reconcile")
    project.repo.git("rm", "-q", "definitions/jobs/gone.json")
    project.repo.write("definitions/jobs/broken.json", '{"id": "broken", "tsks": []}')
    project.commit_job("new")
    answer = project.call("reconcile")
    assert answer.code == 3
    assert "+   job new" in answer.out
    assert "=   job gone" in answer.out
    assert "definitions/jobs/broken.json:1:" in answer.err
    assert project.call("run", "broken", "--wait").code == 0


def test_the_work_tree_index_and_head_are_left_alone(project):
    project.commit_job()
    project.commit_run("once")
    project.repo.write("definitions/jobs/hello.json", "not committed")
    project.repo.write("staged.txt", "staged")
    project.repo.git("add", "staged.txt")
    before = (project.repo.git("status", "--porcelain"), (project.repo.path / ".git/index").read_bytes())
    answer = project.call("reconcile")
    assert answer.code == 0
    assert "2 files differ" not in answer.err
    assert "1 file differs" in answer.err
    assert (project.repo.git("status", "--porcelain"), (project.repo.path / ".git/index").read_bytes()) == before
    assert project.repo.git("symbolic-ref", "HEAD") == "refs/heads/main"


def test_a_renamed_job_keeps_its_history_and_is_not_deleted(project):
    project.commit_job("old", schedule={"intervalMinutes": 30})
    project.call("reconcile")
    project.repo.git("rm", "-q", "definitions/jobs/old.json")
    project.commit_job("new", previousId="old", schedule={"intervalMinutes": 30})
    answer = project.call("reconcile")
    assert "~   job new" in answer.out
    assert "0 to delete" in answer.out
    assert project.call("run", "old").code == 64
    assert project.call("run", "new", "--wait").code == 0


@pytest.mark.parametrize("seconds", ["0"])
def test_without_waiting_runs_go_on_and_are_collected_later(project, seconds):
    project.commit_job(tasks=[{"id": "slow", "command": "sleep", "arguments": ["0.2"]}])
    project.commit_run("once")
    answer = project.call("reconcile", "--wait-seconds", seconds)
    assert answer.code == 0
    assert "not ended yet" in answer.out
    assert project.call("reconcile").code == 0
    assert [run["status"] for run in project.call("runs", "list", "--format", "json").json] == ["completed"]


def test_a_guard_refuses_many_deletions_and_names_the_way_out(project):
    for number in range(10):
        project.commit_job(f"job-{number}")
    project.call("apply")
    project.repo.git("rm", "-q", *(f"definitions/jobs/job-{number}.json" for number in range(5)))
    project.repo.commit("Drop half")
    refused = project.call("reconcile")
    assert refused.code == 4
    assert "plan deletes 5 of 10 jobs (50 %, above 30 %); nothing was changed." in refused.err
    (flag,) = [line.split("--allow-deletes ")[1] for line in refused.err.splitlines() if "--allow-deletes" in line]
    assert project.call("reconcile", "--allow-deletes", "0" * 12).code == 4
    assert project.call("reconcile", "--allow-deletes", flag).code == 0
    assert len(project.call("plan", "--format", "json").json["changes"]) == 0


def test_a_one_off_without_an_end_may_start_for_a_week_after_it_was_added(stage):
    stage.commit_job()
    stage.commit_run("once", notAfter=None)
    stage.clock.now = START + timedelta(days=6)
    stage.reconcile()
    assert stage.started() == ["11 08:00 a oneoff"]
    stage.commit_run("late", notAfter=None)
    stage.clock.now = START + timedelta(days=8)
    stage.reconcile()
    assert stage.started() == ["11 08:00 a oneoff"]
    assert stage.ledger() == ["13 08:00 expired not_after x1"]


def test_in_a_shallow_clone_a_one_off_of_unknown_age_waits_and_says_why(project, tmp_path, capfd):
    """RELIABILITY G-5."""
    project.commit_job()
    project.commit_run("once", notAfter=None)
    project.commit_job("other")
    shallow = Project(project.repo.clone(tmp_path / "shallow", "--depth=1", "--no-local"), capfd)
    answer = shallow.call("reconcile")
    assert answer.code == 0
    assert "Waits: once: when it was added is beyond this shallow clone" in answer.out
    shallow.clean_up()


def test_deletions_are_allowed_by_a_trailer_of_the_commit(project):
    for number in range(10):
        project.commit_job(f"job-{number}")
    project.call("apply")
    project.repo.git("rm", "-q", *(f"definitions/jobs/job-{number}.json" for number in range(5)))
    project.repo.commit("Drop half")
    digest = project.call("plan", "--format", "json").json["digest"]
    assert project.call("reconcile").code == 4
    project.repo.commit(f"Mean it\n\nReconciler-Allow: {digest[:12]}\n")
    assert project.call("reconcile").code == 0
    assert "0 to delete" in project.call("plan").out
