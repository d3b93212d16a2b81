"""An apply to a folder of job files that dies at any point, and is done again: the same end, and nothing of others."""

import json
import os

import pytest
from msgspec.structs import replace

from reconciler.loop.reconcile import apply_commit, plan_commit
from reconciler.model.settings import PruneSettings
from reconciler.targets.keeper.folder import Folder
from reconciler.targets.keeper.target import KeeperTarget

BY_HAND = {"id": "by-hand", "name": "By hand", "enabled": True, "tasks": [{"id": "t", "command": "x"}]}
STEPS = ("fsync", "link", "rename", "unlink")


class Killed(BaseException):
    """Nothing of ours catches it, as nothing catches a kill."""


@pytest.fixture
def jobs(stage, tmp_path):
    """The folder of the target `agents`, with two jobs of ours and one of somebody else."""
    folder = tmp_path / "Jobs"
    folder.mkdir()
    (folder / "by-hand.json").write_text(json.dumps(BY_HAND))
    stage.world = replace(
        stage.world,
        targets={"agents": KeeperTarget("agents", path=str(folder))},
        settings=replace(stage.world.settings, prune=PruneSettings(grace_hours=0)),
    )
    settings = {"channel": "directory", "path": str(folder)}
    stage.repo.write(
        "definitions/targets/agents.json", json.dumps({"id": "agents", "provider": "keeper", "settings": settings})
    )
    for job_id in ("changed", "renamed", "gone"):
        stage.commit_job(job_id, targets=["agents"], schedule={"intervalMinutes": 30})
    apply(stage)
    stage.commit_job("changed", targets=["agents"], schedule={"intervalMinutes": 60})
    stage.commit_job("new-name", previousId="renamed", targets=["agents"], schedule={"intervalMinutes": 30})
    stage.commit_job("added", targets=["agents"])
    stage.commit_job("by-hand", targets=["agents"], description="ours now")
    stage.repo.git("rm", "--quiet", "definitions/jobs/gone.json", "definitions/jobs/renamed.json")
    stage.repo.commit("Remove two")
    return folder


def head(stage):
    return stage.read(stage.repository.resolve("HEAD").sha)


def apply(stage):
    return apply_commit(stage.world, head(stage))


def dying(monkeypatch, step, after):
    """Let the ``after``-th call of ``step`` be the last thing that happens; return what counts the calls."""
    real, calls = getattr(os, step), []

    def call(*args, **kwargs):
        calls.append(step)
        if len(calls) > after:
            raise Killed
        return real(*args, **kwargs)

    monkeypatch.setattr(os, step, call)
    return calls


@pytest.mark.parametrize("step", STEPS)
def test_killed_at_each_step_the_next_apply_comes_to_the_same_end(stage, jobs, monkeypatch, step):
    """RELIABILITY G11: crash at each point, repeated."""
    for after in range(100):
        with monkeypatch.context() as patched:
            dying(patched, step, after)
            try:
                _, _, failures = apply(stage)
            except Killed:
                continue
        break
    assert failures == ()
    found = {path.name: json.loads(path.read_text()) for path in jobs.glob("*.json")}
    assert {name: raw["id"] + ".json" for name, raw in found.items()} == {name: name for name in found}
    assert found.keys() == {"added.json", "by-hand.json", "changed.json", "new-name.json"}
    assert found["changed.json"]["schedule"] == {"intervalMinutes": 60}
    assert found["by-hand.json"]["description"] == "ours now"
    assert plan_commit(stage.world, head(stage)).plan.changes == ()
    assert not list(jobs.glob(".*.tmp"))


def test_a_file_that_is_changed_between_plan_and_write_is_left_and_the_others_are_written(stage, jobs, monkeypatch):
    write = KeeperTarget.apply_many

    def meddle(self, changes):
        path = jobs / "changed.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | {"description": "by hand"}))
        return write(self, changes)

    monkeypatch.setattr(KeeperTarget, "apply_many", meddle)
    _, _, failures = apply(stage)
    assert [failure.change.id for failure in failures] == ["changed"]
    assert "was changed since the plan was made; it was left alone" in failures[0].message
    assert json.loads((jobs / "changed.json").read_text())["description"] == "by hand"
    assert (jobs / "added.json").exists()
    monkeypatch.undo()
    assert apply(stage)[2] == ()
    assert plan_commit(stage.world, head(stage)).plan.changes == ()


def test_a_full_disk_names_each_object_and_what_was_there_stays(stage, jobs, monkeypatch):
    was = {path.name: path.read_bytes() for path in jobs.glob("*.json")}

    def full(fd):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        _, _, failures = apply(stage)
    assert {failure.change.id for failure in failures} >= {"added", "by-hand", "changed", "new-name"}
    left = {path.name: path.read_bytes() for path in jobs.glob("*.json")}
    assert {name: left.get(name) for name in ("by-hand.json", "changed.json", "renamed.json")} == {
        name: was[name] for name in ("by-hand.json", "changed.json", "renamed.json")
    }
    assert apply(stage)[2] == ()
    assert plan_commit(stage.world, head(stage)).plan.changes == ()


def test_killed_between_the_files_and_the_record_the_next_apply_has_nothing_to_write(stage, jobs, monkeypatch):
    """RELIABILITY G11: all of a batch is in place, and nothing of it recorded."""
    real = KeeperTarget.apply_many

    def die_after(self, changes):
        real(self, changes)
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(KeeperTarget, "apply_many", die_after)
        with pytest.raises(Killed):
            apply(stage)
    was = {path.name: path.stat().st_mtime_ns for path in jobs.glob("*.json")}
    assert apply(stage)[2] == ()
    assert {path.name: path.stat().st_mtime_ns for path in jobs.glob("*.json")} == was
    assert plan_commit(stage.world, head(stage)).plan.changes == ()


def test_a_job_does_not_come_together_with_the_one_that_it_needs(stage, jobs, monkeypatch):
    stage.commit_job("small", targets=["agents"])
    stage.commit_job("big", targets=["agents"], condition={"x": 1}, alternateJobId="small")
    real = Folder.stage

    def stage_late(self, data, name):
        if name == "small.json":
            (jobs / name).write_text(json.dumps(BY_HAND | {"id": "small"}))
        return real(self, data, name)

    monkeypatch.setattr(Folder, "stage", stage_late)
    _, _, failures = apply(stage)
    assert [(failure.change.id, failure.message.partition(":")[0]) for failure in failures] == [
        ("small", "target agents"),
        ("big", "waits for job small, which failed"),
    ]
    assert not (jobs / "big.json").exists()
    assert (jobs / "added.json").exists()
