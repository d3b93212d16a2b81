"""From a push to the comment: every `run:` step of our workflows and actions, on a repository of a fake GitHub."""

import json
import sys

import pytest
import yaml
from fakes.github import REPOSITORY
from fakes.http import Fault
from support.actions import ROOT, Runner
from support.site import WORKFLOWS, copy_tool

JOB = {"id": "new", "tasks": [{"id": "say", "command": "true"}]}


def add_job(repo, job_id="new", **fields):
    repo.write(f"definitions/jobs/{job_id}.json", json.dumps(JOB | {"id": job_id} | fields))


def test_a_pull_request_gets_a_plan_a_status_a_summary_and_outputs(site, fake):
    head = site.push(add_job)
    checked = site.check()
    assert not checked.runner.has_failed, checked.out
    assert checked.outputs["changes"] == "1"
    assert len(checked.outputs["digest"]) == 64
    assert checked.outputs["outcome"] == "planned"
    assert "Plan: 1 to create" in checked.runner.summary
    site.comment(checked.run)
    [body] = fake.bodies(1)
    assert f"For `{head[:12]}`" in body
    assert "`new`" in body
    assert "kept" not in body
    assert fake.status_of(head) == ("success", "1 to create, 0 to change, 0 to delete, 0 to run")


def test_the_plan_is_against_what_it_is_merged_into_now(site, fake):
    site.push(add_job)
    site.commit_job("meanwhile")
    site.push(lambda repo: None)
    checked = site.check()
    assert checked.outputs["changes"] == "1"


def test_problems_are_annotations_and_the_check_fails(site, fake):
    head = site.push(lambda repo: add_job(repo, schedule={"cronExpression": "0 25 * * *"}))
    checked = site.check()
    assert checked.runner.has_failed
    assert "::error file=definitions/jobs/new.json,title=" in checked.out
    site.comment(checked.run)
    assert fake.status_of(head) == ("failure", "Definitions are invalid: 1 error")
    assert "hour 25" in fake.bodies(1)[0]


def test_settings_that_cannot_be_read_are_told_in_the_comment(site, fake):
    body = site.review(lambda repo: repo.write("reconciler.toml", "nonsense = 1\n"))
    assert "No plan: the definitions cannot be read" in body
    assert "unknown setting" in body


def test_an_empty_plan_says_so(site, fake):
    body = site.review(lambda repo: repo.write("README.md", "hello"))
    assert "nothing changes" in body
    assert fake.statuses[-1]["description"] == "No changes"


def test_two_pushes_and_a_rerun_leave_one_comment_about_the_last(site, fake):
    site.push(add_job)
    first = site.check()
    head = site.push(lambda repo: add_job(repo, "another"))
    second = site.check()
    for run in (second.run, first.run, second.run):
        site.comment(run)
    [body] = fake.bodies(1)
    assert f"For `{head[:12]}`" in body
    assert "another" in body


def test_more_changes_than_a_comment_holds_fit_into_one(site, fake):
    def add_many(repo):
        for number in range(300):
            add_job(repo, f"job-{number:04}")

    body = site.review(add_many)
    assert 50_000 < len(body.encode("utf-16-le")) // 2 <= 65_536
    assert "300 to create" in body
    assert "job-0299" not in body


def test_a_guard_shows_in_the_comment_and_in_the_status(site, fake):
    for number in range(12):
        site.commit_job(f"job-{number}")

    def delete_most(repo):
        for number in range(9):
            (repo.path / f"definitions/jobs/job-{number}.json").unlink()

    body = site.review(delete_most)
    assert "> [!CAUTION]" in body
    assert "No plan" not in body
    assert fake.statuses[-1]["description"].startswith("Held back by a guard. 0 to create, 0 to change, 9 to delete")


def test_a_check_that_crashed_is_told(site, fake):
    head = site.push(add_job)
    checked = site.check(GITHUB_EVENT_PATH="/nowhere")
    assert checked.runner.has_failed
    assert site.comment(checked.run).has_failed is False
    assert "left no plan" in fake.bodies(1)[0]
    assert fake.status_of(head)[0] == "error"


@pytest.mark.parametrize("status", [403, 422])
def test_a_comment_that_cannot_be_written_fails_its_step(site, fake, status):
    head = site.push(add_job)
    checked = site.check()
    fake.faults.append(Fault("POST /repos/acme/ops/issues", status, times=99))
    commented = site.comment(checked.run)
    assert commented.has_failed
    assert "reconciler: GitHub refused POST" in commented.steps[-1].out
    assert fake.status_of(head)[0] == "error"


def test_a_push_to_the_branch_is_only_validated(site, fake):
    runner = site.check(WORKFLOWS / "validate.yml").runner if site.push(add_job) else None
    assert [step.name for step in runner.steps[1:]] == ["Install reconciler", "Validate"]
    assert not runner.has_failed, runner.steps


def test_the_tool_of_this_repository_is_that_of_the_base(site):
    expression = yaml.safe_load((WORKFLOWS / "plan.yml").read_text())["jobs"]["plan"]["steps"][2]["with"]["ref"]
    contexts = {
        "github": {"repository": REPOSITORY, "event": {"pull_request": {"base": {"sha": "base"}}}},
        "job": {"workflow_repository": REPOSITORY, "workflow_sha": "of-the-pull-request"},
    }
    runner = Runner(site.folder, contexts=contexts, uses={}, environment={})
    assert runner.expand(expression) == "base"
    contexts["job"] |= {"workflow_repository": "acme/reconciler", "workflow_sha": "pinned"}
    assert runner.expand(expression) == "pinned"


@pytest.mark.parametrize("job", [{}, {"workflow_repository": "acme/reconciler"}, {"workflow_sha": "d" * 40}])
@pytest.mark.parametrize("name", ["plan", "validate"])
def test_a_github_that_does_not_say_where_the_tool_is_takes_none(site, job, name):
    site.push(add_job)
    site.job = job
    runner = site.check(WORKFLOWS / f"{name}.yml").runner
    assert [step.code for step in runner.steps] == [1]
    assert "::error::This GitHub does not say" in runner.steps[0].out
    assert not [name for name in ("subject", "tool") if (runner.workspace / name).exists()]


def test_the_action_installs_from_its_own_checkout(site, fake, tmp_path):
    """The real venv and the real pip; what reconciler depends on is lent by this environment, so nothing is fetched."""
    lent = tmp_path / "lending-python"
    folder = next(path for path in sys.path if path.endswith("site-packages"))
    lent.write_text(
        f'#!/bin/bash\nset -e\n{sys.executable} "$@"\n'
        'for folder in "$4"/lib/python3.*/site-packages; do\n'
        f'  [ "$3" != venv ] || echo {folder} > "$folder/lent.pth"\n'
        "done\n"
    )
    lent.chmod(0o755)
    for name in ("python", "python3"):
        (site.bin / name).unlink()
        (site.bin / name).symlink_to(lent)
    site.push(add_job)
    tool = copy_tool(tmp_path / "tool")
    checked = site.check(tool=tool, PIP_NO_DEPS="1", PIP_NO_INDEX="1", PIP_NO_BUILD_ISOLATION="0")
    assert not checked.runner.has_failed, checked.out
    [installed] = tmp_path.glob("*-temp/reconciler/lib/python3.*/site-packages/reconciler/cli/pr_check.py")
    assert installed.read_bytes() == (ROOT / "reconciler/cli/pr_check.py").read_bytes()
