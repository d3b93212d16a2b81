"""A new repository: what `init` writes validates, is in canonical form, runs, and overwrites nothing."""

import json
from datetime import UTC, datetime

import pytest


def test_a_new_repository_from_init_to_the_first_report(project):
    answer = project.call("init")
    assert (answer.code, answer.out) == (0, "")
    assert "written  definitions/jobs/hello.yaml\n" in answer.err
    assert project.call("validate", "--fail-level", "information").code == 0
    assert project.call("fmt", "--check").code == 0
    project.repo.commit("Begin", at=datetime.now(UTC))
    assert project.call("reconcile", "--fail-on-runs").code == 0
    (report,) = project.call("report", "--format", "json").json
    assert (report["run"]["jobId"], report["run"]["status"]) == ("hello", "completed")
    assert report["tasks"][0]["stdout"]["tail"].startswith("Good morning from ")


def test_the_first_line_names_a_schema_that_is_there(project):
    project.call("init")
    for path in (project.repo.path / "definitions").glob("*/*.yaml"):
        schema = path.parent / path.read_text().splitlines()[0].removeprefix("# yaml-language-server: $schema=")
        assert json.loads(schema.read_text())["$schema"].endswith("2020-12/schema")


def test_what_is_there_stays(project):
    project.repo.write("reconciler.toml", 'definitions = "ops"\n')
    project.repo.write(".gitignore", "*.log\n")
    answer = project.call("init")
    assert "kept     reconciler.toml\n" in answer.err
    assert (project.repo.path / "reconciler.toml").read_text() == 'definitions = "ops"\n'
    assert (project.repo.path / ".gitignore").read_text() == "*.log\n"
    assert (project.repo.path / "ops/jobs/hello.yaml").is_file()
    again = project.call("init")
    assert again.code == 64
    assert "ops/ has files already; nothing was written" in again.err


def test_in_a_folder_of_the_repository(project):
    project.repo.write("ops/README.md", "ours\n")
    assert project.call("init", "ops").code == 0
    assert 'definitions = "ops/definitions"' in (project.repo.path / "reconciler.toml").read_text()
    assert project.call("validate").err == "2 files: no problems.\n"
    first_line = (project.repo.path / "ops/definitions/jobs/hello.yaml").read_text().splitlines()[0]
    assert first_line.endswith("=../../../.reconciler/job.schema.json")


@pytest.mark.parametrize(("arguments", "code"), [(["nowhere"], 64), ([], 1)])
def test_where_there_is_no_repository(tmp_path, capfd, arguments, code):
    from reconciler.cli.main import run_cli

    assert run_cli(["-C", str(tmp_path), "init", *arguments]) == code
    assert list(tmp_path.iterdir()) == []
