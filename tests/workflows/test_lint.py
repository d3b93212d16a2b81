"""The workflows and actions as files: their schema, what zizmor knows, and the rules that keep strangers out."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from support.actions import ROOT

WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
ACTIONS = sorted((ROOT / ".github/actions").glob("*/action.yml"))
BIN = Path(sys.executable).parent


def steps_of(path):
    content = yaml.safe_load(path.read_text())
    jobs = content.get("jobs", {"action": content.get("runs", {})})
    return [step for job in jobs.values() for step in job.get("steps", [])]


@pytest.mark.parametrize(("schema", "paths"), [("github-workflows", WORKFLOWS), ("github-actions", ACTIONS)])
def test_each_has_the_form_that_github_asks_for(schema, paths):
    assert paths
    command = [BIN / "check-jsonschema", "--builtin-schema", f"vendor.{schema}", *paths]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_zizmor_finds_nothing():
    command = [
        BIN / "zizmor",
        "--offline",
        "--no-progress",
        "--color=never",
        "--persona=auditor",
        "--min-severity=medium",
    ]
    done = subprocess.run([*command, ROOT / ".github"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("path", WORKFLOWS + ACTIONS, ids=lambda path: "/".join(path.parts[-2:]))
def test_no_stranger_reaches_a_script_or_a_token(path):
    text = path.read_text()
    assert "pull_request_target" not in text
    for step in steps_of(path):
        assert "${{" not in step.get("run", ""), "an expression in a script"
        if "run" in step and "python" in step["run"].lower() and path in ACTIONS:
            assert all(" -I " in line for line in step["run"].splitlines()), "without -I the working folder is imported"
        if step.get("uses", "").startswith("actions/checkout"):
            assert step["with"]["persist-credentials"] is False


@pytest.mark.parametrize("path", WORKFLOWS + ACTIONS, ids=lambda path: "/".join(path.parts[-2:]))
def test_each_action_is_pinned_by_its_full_hash(path):
    for step in steps_of(path):
        if "uses" in step and not step["uses"].startswith("./tool/"):
            assert re.fullmatch(r"actions/[a-z-]+@[0-9a-f]{40}", step["uses"])
    for line in path.read_text().splitlines():
        assert "@" not in line or "uses:" not in line or re.search(r"  # v\d+\.\d+\.\d+$", line)


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_only_the_comment_may_write_and_it_checks_out_no_pull_request(path):
    content = yaml.safe_load(path.read_text())
    permissions = [content["permissions"], *(job.get("permissions", {}) for job in content["jobs"].values())]
    writes = {name for given in permissions for name, what in given.items() if what == "write"}
    if path.name != "comment.yml":
        assert writes == set()
        return
    assert writes == {"pull-requests", "statuses"}
    assert all(
        step.get("with", {}).get("ref", "${{ job.workflow_sha }}") == "${{ job.workflow_sha }}"
        for step in steps_of(path)
    )


def test_the_examples_in_the_docs_have_that_form_too(tmp_path):
    blocks = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs/review.md").read_text(), re.DOTALL)
    assert len(blocks) == 4
    for schema, examples in (("github-workflows", blocks[:3]), ("gitlab-ci", blocks[3:])):
        for number, example in enumerate(examples):
            (tmp_path / f"{schema}-{number}.yml").write_text(example)
        command = [BIN / "check-jsonschema", "--builtin-schema", f"vendor.{schema}", *tmp_path.glob(f"{schema}-*")]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout


def test_the_comment_listens_to_the_check_by_its_name():
    check = yaml.safe_load((ROOT / ".github/workflows/plan.yml").read_text())
    comment = yaml.safe_load((ROOT / ".github/workflows/comment.yml").read_text())
    assert comment[True]["workflow_run"]["workflows"] == [check["name"]]  # YAML 1.1 reads `on` as true
