"""Of all states that can reach a target one reconciles it, and the others leave it alone until they take it over."""

from contextlib import contextmanager

import pytest
from msgspec.structs import replace
from support.driving import rig
from support.repo import make_repo
from support.world import Stage, make_world

from reconciler.git.repository import Repository
from reconciler.loop import ownership
from reconciler.loop.desired import read_commit
from reconciler.loop.ownership import Displaced, refuse_if_displaced
from reconciler.loop.reconcile import apply_commit, reconcile
from reconciler.model.errors import CouldNot, GuardRefused
from reconciler.model.settings import ReportSettings, Settings

BRANCH = "reconciler-reports"


@pytest.fixture
def stage(tmp_path):
    """A world whose target others can reach."""
    made = Stage(tmp_path / "here", shared=True)
    yield made
    made.close()


@contextmanager
def another(stage, folder):
    """Yield the world of another state of the same repository, at the same target."""
    with rig(folder, first_uid=5000) as made:
        made.driver = replace(made.driver, targets=stage.world.targets)
        yield replace(make_world(stage.repository, made), host="there", targets=stage.world.targets)


def head(stage):
    return stage.read(stage.repository.resolve("HEAD").sha)


def records(stage, folder):
    return stage.repo.git("ls-tree", "-r", "--name-only", BRANCH, "--", folder).splitlines()


def test_the_first_state_that_applies_is_put_on_record_and_only_once(stage):
    stage.commit_job()
    apply_commit(stage.world, head(stage))
    apply_commit(stage.world, head(stage))
    (path,) = records(stage, "states")
    assert path == f"states/local/000001-{stage.rig.store.state_id}.json"


def test_a_local_target_is_nobody_elses(tmp_path):
    local = Stage(tmp_path)
    local.commit_job()
    apply_commit(local.world, head(local))
    assert local.repo.git("for-each-ref", f"refs/heads/{BRANCH}") == ""
    local.close()


def test_another_state_neither_applies_nor_starts_there(stage, tmp_path):
    stage.commit_job()
    stage.reconcile()
    written = len(stage.rig.target.writes)
    with another(stage, tmp_path / "other") as other:
        stage.commit_job(priority=9)
        with pytest.raises(Displaced, match=r"local: reconciled by test since 2026-03-01T00:00:00.000Z") as refused:
            reconcile(other, head(stage))
        assert "--take-over" in refused.value.hint
        assert len(stage.rig.target.writes) == written
        assert other.store.inventory() == []


def test_a_state_that_takes_over_goes_on_where_the_other_was_and_starts_nothing_twice(stage, tmp_path):
    stage.commit_job()
    stage.commit_run("once")
    stage.reconcile()
    assert len(stage.rig.target.started) == 1
    (receipt,) = records(stage, "receipts")
    assert receipt.startswith("receipts/local/once/")
    with another(stage, tmp_path / "other") as other:
        result = reconcile(other, head(stage), take_over=True)
        assert [change.action.value for change in result.planned.plan.changes] == ["create", "one-off"]
        assert len(stage.rig.target.started) == 1
        assert reconcile(other, head(stage)).planned.plan.changes == ()
        assert [path.split("/")[2][:6] for path in records(stage, "states")] == ["000001", "000002"]
    with pytest.raises(Displaced, match="reconciled by there"):
        stage.reconcile()
    with pytest.raises(Displaced):
        refuse_if_displaced(stage.world, "local")


def test_serve_ends_when_another_state_has_taken_over(stage, tmp_path):
    stage.commit_job()
    loop = stage.serve()
    loop.turn()
    with another(stage, tmp_path / "other") as other:
        apply_commit(other, head(stage), take_over=True)
    with pytest.raises(Displaced):
        stage.turn_until(loop, stage.clock().replace(hour=1))


@pytest.fixture
def clones(tmp_path):
    """Two clones of one remote, with a state each, at the same target; reports are pushed."""
    remote = make_repo(tmp_path / "remote.git", bare=True)
    first = Stage(tmp_path / "first", shared=True)
    first.repo.git("remote", "add", "origin", str(remote.path))
    first.commit_job()
    first.repo.git("push", "-q", "origin", "main")
    settings = Settings(reports=ReportSettings(push="origin"))
    first.world = replace(first.world, settings=settings)
    second_repo = remote.clone(tmp_path / "second")
    with rig(tmp_path / "other", first_uid=5000) as made:
        repository = Repository.open(second_repo.path)
        world = make_world(repository, made)
        second = replace(world, host="there", settings=settings, targets=first.world.targets)
        yield first, second
        repository.close()
    first.close()


def apply_head(world):
    sha = world.repository.resolve("HEAD").sha
    return apply_commit(world, read_commit(world.repository, sha, now=world.clock()))


def test_the_record_travels_with_the_reports(clones):
    first, second = clones
    apply_head(first.world)
    with pytest.raises(Displaced, match="reconciled by test"):
        apply_head(second)


def test_where_nobody_can_be_asked_nothing_is_taken(clones):
    first, second = clones
    first.repo.git("remote", "set-url", "origin", "/nowhere")
    with pytest.raises(CouldNot):
        apply_head(first.world)
    assert first.rig.target.writes == []
    apply_head(second)


def test_of_two_that_claim_at_once_both_agree_who_has_it(clones, monkeypatch):
    """Both looked when there was nothing on record; the one that comes second to the remote finds out there."""
    first, second = clones
    first.clock.now = first.clock.now.replace(hour=5)
    look = ownership.look_at_remote

    def look_and_be_late(*arguments, **named):
        look(*arguments, **named)
        monkeypatch.setattr(ownership, "look_at_remote", look)
        apply_head(second)

    monkeypatch.setattr(ownership, "look_at_remote", look_and_be_late)
    with pytest.raises(Displaced, match="reconciled by there"):
        apply_head(first.world)
    assert len(first.rig.target.writes) == 1
    apply_head(second)


def test_nobody_is_asked_about_a_plan_that_cannot_be_carried_out(stage, tmp_path):
    stage.commit_job()
    apply_commit(stage.world, head(stage))
    asked = []
    with another(stage, tmp_path / "there") as theirs, pytest.raises(Displaced):
        apply_commit(theirs, head(stage), confirm=asked.append)
    assert asked == []


def test_what_is_not_agreed_to_takes_no_target(stage):
    stage.commit_job()

    def refuse(planned):
        raise GuardRefused("not meant")

    with pytest.raises(GuardRefused):
        apply_commit(stage.world, head(stage), confirm=refuse)
    assert stage.repo.git("for-each-ref", f"refs/heads/{BRANCH}") == ""
