"""The template for GitLab: its form, and every line of its scripts in a merge request of a fake GitLab."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from fakes.gitlab import BOT, PROJECT, TOKEN, serve_gitlab
from support.actions import ROOT
from support.repo import make_repo
from support.site import PYTHON

TEMPLATE = ROOT / "ci-templates/gitlab.yml"
JOB = {"id": "kept", "tasks": [{"id": "say", "command": "true"}]}


class Pipeline:
    """A merge request; ``run`` runs a job of the template in its clone, as GitLab would."""

    def __init__(self, folder, fake):
        self.fake = fake
        self.folder = folder
        self.repo = make_repo(folder / "clone")
        self.repo.write("definitions/jobs/kept.json", json.dumps(JOB))
        self.base = self.repo.commit()
        self.repo.git("checkout", "--quiet", "-b", "change")
        (folder / "bin").mkdir()
        python = folder / "bin/python"
        python.write_text(PYTHON.format(python=sys.executable))
        python.chmod(0o755)

    def push(self, path, text):
        self.repo.write(path, text)
        self.head = self.repo.commit()
        self.fake.open_request(1, self.head)

    def run(self, name):
        template = yaml.safe_load(TEMPLATE.read_text())
        job = template[".reconciler"] | template[name]
        environment = {
            "PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}",
            "HOME": str(self.folder),
            "GITLAB_CI": "true",
            "CI_API_V4_URL": self.fake.url,
            "CI_PROJECT_ID": PROJECT,
            "CI_MERGE_REQUEST_IID": "1",
            "CI_COMMIT_SHA": self.head,
            "CI_MERGE_REQUEST_DIFF_BASE_SHA": self.base,
            "CI_PIPELINE_URL": "https://gitlab.example/acme/ops/-/pipelines/5",
            "RECONCILER_PACKAGE": "reconciler",
            "VENV": str(self.folder / "venv"),
        } | ({"RECONCILER_GITLAB_TOKEN": TOKEN} if name == "reconciler:comment" else {})
        for line in [*job["before_script"], *job["script"]]:
            done = subprocess.run(
                ["bash", "-e", "-c", line],
                cwd=self.repo.path,
                env=environment,
                capture_output=True,
                text=True,
                check=False,
            )
            if done.returncode:
                break
        return done


@pytest.fixture
def pipeline(tmp_path):
    with serve_gitlab() as fake:
        yield Pipeline(tmp_path, fake)


def test_the_template_has_the_form_that_gitlab_asks_for():
    check = Path(sys.executable).parent / "check-jsonschema"
    done = subprocess.run([check, "--builtin-schema", "vendor.gitlab-ci", TEMPLATE], capture_output=True, check=False)
    assert done.returncode == 0, done.stdout


def test_a_merge_request_gets_one_note_that_is_edited(pipeline):
    pipeline.push("definitions/jobs/new.json", json.dumps(JOB | {"id": "new"}))
    assert pipeline.run("reconciler:check").returncode == 0
    assert pipeline.run("reconciler:comment").returncode == 0
    pipeline.push("definitions/jobs/newer.json", json.dumps(JOB | {"id": "newer"}))
    pipeline.run("reconciler:check")
    done = pipeline.run("reconciler:comment")
    [body] = pipeline.fake.bodies(1)
    assert f"For `{pipeline.head[:12]}` onto `{pipeline.base[:12]}`, from [this check](https://gitlab.example/" in body
    assert "2 to create" in body
    assert done.stdout == f"#1 {pipeline.head[:12]}: 2 to create, 0 to change, 0 to delete, 0 to run\n"


def test_problems_fail_the_check_and_are_shown_beside_the_lines(pipeline):
    pipeline.push("definitions/jobs/new.json", json.dumps(JOB | {"id": "new", "surprise": 1}))
    assert pipeline.run("reconciler:check").returncode == 3
    problems = json.loads((pipeline.repo.path / "code-quality.json").read_text())
    assert "definitions/jobs/new.json" in {problem["location"]["path"] for problem in problems}
    assert pipeline.run("reconciler:comment").returncode == 0
    assert "surprise" in pipeline.fake.bodies(1)[0]


def test_a_check_that_left_nothing_takes_the_place_of_the_old_plan(pipeline):
    pipeline.push("README.md", "hello")
    pipeline.fake.add_note(1, BOT, "<!-- reconciler:plan -->\nan old plan")
    assert pipeline.run("reconciler:comment").returncode == 0
    [body] = pipeline.fake.bodies(1)
    assert "**No plan:** the check left none." in body


def test_the_job_with_the_token_has_nothing_of_the_merge_request_but_the_review():
    template = yaml.safe_load(TEMPLATE.read_text())
    assert template["reconciler:comment"]["variables"] == {"GIT_STRATEGY": "none"}
    scripts = [line for job in template.values() for line in [*job.get("before_script", ()), *job.get("script", ())]]
    assert all(" -I -m " in line for line in scripts)
