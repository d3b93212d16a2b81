"""A repository on a fake GitHub, and our workflows run against it, step by step."""

import json
import os
import shutil
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from fakes.github import REPOSITORY, TOKEN, FakeGitHub
from support.actions import ROOT, Runner
from support.repo import Repo, make_repo

WORKFLOWS = ROOT / ".github/workflows"
OURS = "acme/reconciler"
# Makes an environment in which this very program is installed already, as `python -m venv` and pip would.
PYTHON = """#!/bin/bash
case "$3" in
  venv) mkdir -p "$4/bin" && cp "$0" "$4/bin/python" ;;
  pip) ;;
  *) exec {python} "$@" ;;
esac
"""


class Site:
    """``push`` moves the pull request, ``check`` runs the workflow for it, ``comment`` the one after that."""

    def __init__(self, folder: Path, fake: FakeGitHub) -> None:
        self.folder = folder
        self.fake = fake
        self.repo: Repo = make_repo(folder / "origin")
        self.number = 1
        self.job = {"workflow_repository": OURS, "workflow_sha": "d" * 40}
        self.commit_job("kept")
        self.bin = folder / "bin"
        self.bin.mkdir()
        for name in ("python", "python3"):
            (self.bin / name).write_text(PYTHON.format(python=sys.executable))
            (self.bin / name).chmod(0o755)

    def commit_job(self, job_id: str, **fields: Any) -> str:
        job = {"id": job_id, "tasks": [{"id": "say", "command": "echo", "arguments": ["hello"]}]} | fields
        self.repo.write(f"definitions/jobs/{job_id}.json", json.dumps(job))
        return self.repo.commit(f"Change {job_id}")

    def push(self, change: Callable[[Repo], object], *, repository: str = REPOSITORY) -> str:
        """Let ``change`` work on the pull request's branch; return its head."""
        exists = self.repo.git("branch", "--list", "change")
        self.repo.git("checkout", "--quiet", *(["change"] if exists else ["-b", "change"]))
        change(self.repo)
        head = self.repo.commit("Change")
        self.repo.git("checkout", "--quiet", "main")
        self.repo.git("checkout", "--quiet", "--detach", "main")
        self.repo.git("merge", "--quiet", "--no-ff", "--no-edit", "change")
        self.repo.git("update-ref", f"refs/pull/{self.number}/merge", "HEAD")
        self.repo.git("checkout", "--quiet", "main")
        self.fake.open_pull(self.number, head, repository=repository)
        paths = self.repo.git("diff", "--name-only", "-z", "main...change").split("\0")
        self.fake.files[self.number] = [{"filename": path} for path in paths if path]
        self.fake.pulls[self.number]["base"]["sha"] = self.repo.git("rev-parse", "main")
        return head

    def check(
        self, workflow: Path = WORKFLOWS / "plan.yml", *, tool: Path = ROOT, flat: bool = False, **environment: str
    ) -> "Result":
        """Run the workflow of the pull request as it is now; its run and what it leaves are on the fake GitHub.

        ``flat``: only the action is run, in a checkout of the pull request, as in a workflow of somebody's own.
        """
        pull = self.fake.pulls[self.number]
        run = self.fake.add_run(pull["head"]["sha"], head_repository=pull["head"]["repo"])
        runner = self._runner(run, {"pull_request": pull}, tool=tool, **environment)
        if flat:
            self._clone_to(runner.workspace)
            runner.run_action(tool / ".github/actions/reconciler", {})
        else:
            runner.run_job(workflow, workflow.stem)
        self.fake.runs[-1]["conclusion"] = "failure" if runner.has_failed else "success"
        return Result(run, runner)

    def comment(self, run: int, **environment: str) -> Runner:
        found = next(item for item in self.fake.runs if item["id"] == run)
        runner = self._runner(run, {"workflow_run": found}, **environment)
        runner.run_job(WORKFLOWS / "comment.yml", "comment")
        return runner

    def review(self, change: Callable[[Repo], object]) -> str:
        """Push, check and comment; return the comment."""
        self.push(change)
        checked = self.check()
        self.comment(checked.run)
        [body] = self.fake.bodies(self.number)
        return body

    def _runner(self, run: int, event: Mapping[str, Any], *, tool: Path = ROOT, **environment: str) -> Runner:
        workspace = self.folder / f"workspace-{len(list(self.folder.iterdir()))}"
        temp = workspace.with_name(f"{workspace.name}-temp")
        for folder in (workspace, temp):
            folder.mkdir()
        (temp / "event.json").write_text(json.dumps(event))
        ours = {
            "PATH": f"{self.bin}:{os.environ['PATH']}",
            "GITHUB_API_URL": self.fake.url,
            "GITHUB_REPOSITORY": REPOSITORY,
            "GITHUB_EVENT_NAME": next(iter(event)),
            "GITHUB_EVENT_PATH": str(temp / "event.json"),
            "GITHUB_WORKSPACE": str(workspace),
        }
        return Runner(
            workspace,
            contexts={
                "github": {"repository": REPOSITORY, "event": event, "token": TOKEN, "ref": "refs/heads/main"},
                "runner": {"temp": str(temp)},
                "job": self.job,
            },
            uses={
                "actions/checkout": lambda runner, given: self._check_out(runner, given, tool),
                "actions/setup-python": lambda runner, given: None,
                "actions/upload-artifact": lambda runner, given: self._upload(run, given),
            },
            environment=ours | environment,
        )

    def _check_out(self, runner: Runner, given: Mapping[str, str], tool: Path) -> None:
        assert given["persist-credentials"] == "false"
        where = runner.workspace / given["path"]
        if given["path"] == "tool":
            assert (given["repository"], given["ref"]) == (OURS, "d" * 40)
            where.symlink_to(tool, target_is_directory=True)
            return
        assert given["fetch-depth"] == "0"
        self._clone_to(where)

    def _clone_to(self, where: Path) -> None:
        self.repo.git("clone", "--quiet", "--no-checkout", str(self.repo.path), str(where))
        subject = Repo(where)
        subject.git("fetch", "--quiet", "origin", f"refs/pull/{self.number}/merge")
        subject.git("checkout", "--quiet", "--force", "FETCH_HEAD")

    def _upload(self, run: int, given: Mapping[str, str]) -> None:
        file = Path(given["path"])
        if file.is_file():
            self.fake.add_artifact(run, file.read_bytes(), name=given["name"])
        else:
            assert given["if-no-files-found"] == "ignore"


class Result:
    """A run of the check, and what it printed."""

    def __init__(self, run: int, runner: Runner) -> None:
        self.run = run
        self.runner = runner

    @property
    def out(self) -> str:
        return "".join(step.out for step in self.runner.steps)

    @property
    def outputs(self) -> dict[str, str]:
        return self.runner.steps[-1].outputs


def copy_tool(to: Path) -> Path:
    """Copy what a checkout of this repository has that installing it needs."""
    for name in ("reconciler", "schemas", ".github"):
        shutil.copytree(ROOT / name, to / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md"):
        shutil.copy(ROOT / name, to / name)
    return to
