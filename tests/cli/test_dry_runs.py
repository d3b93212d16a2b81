"""What only looks writes nothing: not at a target, not in the state, not in the repository."""

import json
from pathlib import Path

import pytest

from reconciler.engine.client import Engine
from reconciler.targets.keeper.target import KeeperTarget
from reconciler.targets.local.target import LocalTarget

WRITES = ("apply", "start", "cancel", "forget")
LOOKS = (
    ("validate",),
    ("plan",),
    ("plan", "--worktree"),
    ("plan", "--base", "HEAD~1"),
    ("plan", "--format", "json"),
    ("drift",),
    ("status",),
    ("forecast",),
)


def local(folder: Path) -> tuple[type, dict, dict]:
    return LocalTarget, {"provider": "local"}, {"tasks": [{"id": "only", "command": "true"}]}


def keeper(folder: Path) -> tuple[type, dict, dict]:
    folder.mkdir()
    settings = {"channel": "directory", "path": str(folder)}
    tasks = [{"id": "only", "executablePath": "/bin/true"}]
    return KeeperTarget, {"provider": "keeper", "settings": settings}, {"tasks": tasks, "devices": {"all": True}}


PROVIDERS = {"local": local, "keeper": keeper}


def snapshot(*folders: Path) -> dict[str, tuple[int, bytes]]:
    """Return every file with when it was last written and what is in it."""
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    return {str(path): (path.stat().st_mtime_ns, path.read_bytes()) for path in files}


@pytest.mark.parametrize("provider", PROVIDERS)
def test_what_only_looks_writes_nothing(project, tmp_path, monkeypatch, provider):
    folder = tmp_path / "jobs"
    kind, target, job = PROVIDERS[provider](folder)
    project.repo.write("definitions/targets/there.json", json.dumps({"id": "there"} | target))
    for job_id in ("changed", "drifted", "dropped"):
        project.commit_job(job_id, targets=["there"], **job)
    assert project.call("apply").code == 0
    project.commit_job("changed", targets=["there"], priority=9, enabled=False, **job)
    project.commit_job("added", targets=["there"], **job)
    project.repo.git("rm", "-q", "definitions/jobs/dropped.json")
    project.repo.commit("Drop one")
    for path in folder.glob("drifted.*"):
        path.write_text(path.read_text().replace("true", "false"))
    for name in WRITES:
        monkeypatch.setattr(kind, name, _refuse)
    monkeypatch.setattr(Engine, "start", _refuse)
    project.call("validate")  # keeps what it found in each file: a cache of its own
    state = project.repo.path / ".git/reconciler/state.db-witness"  # counts the transactions
    before = snapshot(folder, project.repo.path / "definitions"), state.read_bytes(), project.repo.git("show-ref")
    for arguments in LOOKS:
        answer = project.call(*arguments)
        assert answer.code == 0, (arguments, answer.err)
    after = snapshot(folder, project.repo.path / "definitions"), state.read_bytes(), project.repo.git("show-ref")
    assert after == before
    assert project.call("plan", "--exit-code").code == 2


def _refuse(*arguments, **named):
    raise AssertionError(f"a dry run writes: {arguments} {named}")
