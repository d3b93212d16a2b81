"""The command line as a user calls it, in a repository of its own; real Git, real store, real processes."""

import json
import os
from pathlib import Path
from typing import Any

from support.engine import kill_all_with
from support.repo import Repo, make_repo

from reconciler.cli.main import run_cli


class Answer:
    """What a command left behind."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code = code
        self.out = out
        self.err = err

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class Project:
    """A repository with definitions; ``call`` runs a command in it."""

    def __init__(self, repo: Repo, capture: Any) -> None:
        self.repo = repo
        self._capture = capture

    def call(self, *arguments: str) -> Answer:
        self._capture.readouterr()
        code = run_cli(["-C", str(self.repo.path), *arguments])
        out, err = self._capture.readouterr()
        return Answer(int(code), out, err)

    def commit_job(self, job_id: str = "hello", **fields: Any) -> str:
        """Commit a job that says hello, or what ``fields`` say; return the commit."""
        definition = {"id": job_id, "tasks": [{"id": "say", "command": "echo", "arguments": ["hello"]}]} | fields
        self.repo.write(f"definitions/jobs/{job_id}.json", json.dumps(definition))
        return self.repo.commit(f"Add {job_id}")

    def commit_run(self, run_id: str, job_id: str = "hello", **fields: Any) -> str:
        definition = {"id": run_id, "job": job_id, "notAfter": "2099-01-01T00:00:00Z"} | fields
        definition = {name: value for name, value in definition.items() if value is not None}
        self.repo.write(f"definitions/runs/{run_id}.json", json.dumps(definition))
        return self.repo.commit(f"Ask for {run_id}")

    def clean_up(self) -> None:
        kill_all_with(str(self.repo.path))


def make_project(path: Path, capture: Any) -> Project:
    return Project(make_repo(path), capture)


def quiet_environment(monkeypatch: Any) -> None:
    for name in [name for name in os.environ if name.startswith("RECONCILER_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("NO_COLOR", "1")
