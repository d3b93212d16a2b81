"""What only looks writes nothing: not at a target, not in the state, not in the repository."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from fakes.datto.server import serving
from fakes.datto.world import World

from reconciler.engine.client import Engine
from reconciler.model.instant import utc_now
from reconciler.targets.datto.target import DattoTarget
from reconciler.targets.keeper.target import KeeperTarget
from reconciler.targets.local.target import LocalTarget
from reconciler.targets.registry import provider_rules

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


class Setup:
    """A target of one provider, a job for it, and ``sent``: the requests that reached it, by their method."""

    def __init__(self, kind: type, target: dict, job: dict, *, sent: Callable[[], list[str]] = list) -> None:
        self.kind, self.target, self.job, self.sent = kind, target, job, sent


@contextmanager
def local(folder: Path, monkeypatch) -> Iterator[Setup]:
    yield Setup(LocalTarget, {"provider": "local"}, {"tasks": [{"id": "only", "command": "true"}]})


@contextmanager
def keeper(folder: Path, monkeypatch) -> Iterator[Setup]:
    settings = {"channel": "directory", "path": str(folder)}
    tasks = [{"id": "only", "executablePath": "/bin/true"}]
    yield Setup(KeeperTarget, {"provider": "keeper", "settings": settings}, {"tasks": tasks, "devices": {"all": True}})


@contextmanager
def datto(folder: Path, monkeypatch) -> Iterator[Setup]:
    world = World(utc_now)
    world.add_device("ACME-DC01")
    world.add_component("Clear Temp Files")
    secrets = folder.parent / "secrets.toml"
    secrets.write_text('[KEY]\nenv = "A_KEY"\n[SECRET]\nenv = "A_SECRET"\n')
    for name, value in (
        ("A_KEY", "api-key"),
        ("A_SECRET", "s3cr3t-of-the-account"),
        ("RECONCILER_SECRETS", str(secrets)),
    ):
        monkeypatch.setenv(name, value)
    with serving(world) as url:
        settings = {"apiUrl": url, "apiKey": {"secret": "KEY"}, "apiSecret": {"secret": "SECRET"}}
        yield Setup(
            DattoTarget,
            {"provider": "datto", "settings": settings, "variables": {"region": "eu", "hidden": {"secret": "SECRET"}}},
            {"component": "clear-temp", "devices": {"all": True}},
            sent=lambda: [request.method for request in world.requests if "/auth/" not in request.path],
        )


PROVIDERS = {"local": local, "keeper": keeper, "datto": datto}


def test_each_provider_is_among_them():
    assert PROVIDERS.keys() == provider_rules().keys()


def snapshot(*folders: Path) -> dict[str, tuple[int, bytes]]:
    """Return every file with when it was last written and what is in it."""
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    return {str(path): (path.stat().st_mtime_ns, path.read_bytes()) for path in files}


@pytest.mark.parametrize("provider", PROVIDERS)
def test_what_only_looks_writes_nothing(project, tmp_path, monkeypatch, provider):
    folder = tmp_path / "jobs"
    folder.mkdir()
    with PROVIDERS[provider](folder, monkeypatch) as setup:
        project.repo.write("definitions/targets/there.json", json.dumps({"id": "there"} | setup.target))
        if "component" in setup.job:
            component = '{"id": "clear-temp", "name": "Clear Temp Files"}'
            project.repo.write("definitions/components/clear-temp.json", component)
        look_around_in(project, folder, monkeypatch, setup, provider)


def look_around_in(project, folder, monkeypatch, setup, provider):
    for job_id in ("changed", "drifted", "dropped"):
        commit_job(project, setup, job_id)
    applied = project.call("apply")
    assert applied.code == 0, applied.err
    commit_job(project, setup, "changed", priority=9, enabled=False)
    commit_job(project, setup, "added")
    project.repo.git("rm", "-q", "definitions/jobs/dropped.json")
    project.repo.commit("Drop one")
    for path in folder.glob("drifted.*"):
        path.write_text(path.read_text().replace("true", "false"))
    for name in WRITES:
        monkeypatch.setattr(setup.kind, name, _refuse)
    monkeypatch.setattr(Engine, "start", _refuse)
    project.call("validate")  # keeps what it found in each file: a cache of its own
    before, asked = _state(project, folder), len(setup.sent())
    for arguments in LOOKS:
        answer = project.call(*arguments)
        assert answer.code == 0, (arguments, answer.err)
    assert _state(project, folder) == before
    assert set(setup.sent()[asked:]) == ({"GET"} if provider == "datto" else set())
    assert project.call("plan", "--exit-code").code == 2


def commit_job(project, setup, job_id, **fields):
    job = {"id": job_id, "targets": ["there"]} | setup.job | fields
    project.repo.write(f"definitions/jobs/{job_id}.json", json.dumps(job))
    project.repo.commit(f"Change {job_id}")


def _state(project, folder):
    count = project.repo.path / ".git/reconciler/state.db-witness"  # of the transactions
    return snapshot(folder, project.repo.path / "definitions"), count.read_bytes(), project.repo.git("show-ref")


def _refuse(*arguments, **named):
    raise AssertionError(f"a dry run writes: {arguments} {named}")
