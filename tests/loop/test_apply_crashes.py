"""An apply that is killed at any point, and made again, ends as if nothing had happened (RELIABILITY G11, P7)."""

import json
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import pytest
from msgspec.structs import replace
from support.driving import Rig, rig
from support.dying import Deathly, Killed, dying
from support.repo import make_repo
from support.world import make_world

from reconciler.git.repository import Repository
from reconciler.loop.desired import CommitState, read_commit
from reconciler.loop.reconcile import apply_commit, plan_commit
from reconciler.model.errors import TargetUnavailable
from reconciler.model.settings import PruneSettings

NO_GRACE = PruneSettings(grace_hours=0)


class MortalTarget:
    """A target at whose writes the process dies: before it is reached, or when it has done what it was asked."""

    def __init__(self, target, death: Deathly) -> None:
        self._target, self._death = target, death

    def __getattr__(self, name):
        return getattr(self._target, name)

    def apply(self, change):
        self._death.step()
        self._target.apply(change)
        self._death.step()


@pytest.fixture(scope="module")
def commits(tmp_path_factory) -> Iterator[tuple[Repository, CommitState, CommitState]]:
    """A repository and two commits, between which every kind of change stands."""
    repo = make_repo(tmp_path_factory.mktemp("crashes") / "repo")

    def write(job_id, **fields):
        definition = {"id": job_id, "tasks": [{"id": "only", "command": "true"}]} | fields
        repo.write(f"definitions/jobs/{job_id}.json", json.dumps(definition))

    for job_id in ("changed", "dropped", "old-name", "drifted"):
        write(job_id)
    first = repo.commit("First")
    write("changed", priority=9)
    write("new-name", previousId="old-name")
    write("created", schedule={"intervalMinutes": 5})
    write("adopted")
    for job_id in ("dropped", "old-name"):
        (repo.path / f"definitions/jobs/{job_id}.json").unlink()
    second = repo.commit("Second")
    repository = Repository.open(repo.path)
    now = repository.resolve(second).committed_at
    yield repository, *(read_commit(repository, sha, now=now) for sha in (first, second))
    repository.close()


@contextmanager
def prepared(folder, commits, *, holds: bool) -> Iterator[tuple[Rig, object]]:
    """Yield a rig on which the first commit is applied, and somebody did things by hand; and its world."""
    repository, first, second = commits
    with rig(folder, holds=holds) as made:
        world = make_world(repository, made, prune=NO_GRACE)
        apply_commit(world, first)
        if holds:
            made.target.edit("drifted", owner="by hand")
            made.target.put(replace(second.loaded.desired.jobs["adopted"].form, owner="by hand"))
        yield made, world


def die_at(made: Rig, world, source: CommitState, death: Deathly, *, only_at_target: bool = False) -> bool:
    """Apply ``source`` and let the process die as ``death`` says; return whether it did."""
    world = replace(world, targets={"local": MortalTarget(made.target, death)})
    try:
        with nullcontext() if only_at_target else dying(made.store, death):
            apply_commit(world, source)
    except Killed:
        return True
    return False


def state_of(made: Rig) -> tuple:
    """Return what is at the target, in the inventory, and in the journal."""
    objects = {key: live.form for key, live in made.target.read().objects.items()}
    inventory = {(item.id, item.root_id): item.origin.digest for item in made.store.inventory()}
    return objects, inventory, made.store.open_entries("local"), [item.job_id for item in made.store.schedules()]


def count_points(folder, commits, *, holds: bool) -> tuple[int, tuple]:
    death = Deathly(None)
    with prepared(folder, commits, holds=holds) as (made, world):
        assert not die_at(made, world, commits[2], death)
        return death.count, state_of(made)


@pytest.mark.parametrize(("holds", "part"), [(True, 0), (True, 1), (True, 2), (True, 3), (False, 0), (False, 1)])
def test_p7_an_apply_that_is_killed_anywhere_is_finished_by_the_next(tmp_path, commits, holds, part):
    """In parts, so that they can run side by side: together they are all points."""
    points, whole = count_points(tmp_path / "whole", commits, holds=holds)
    assert points > (30 if holds else 10)
    for at in range(1 + part, points + 1, 4 if holds else 2):
        with prepared(tmp_path / str(at), commits, holds=holds) as (made, world):
            assert die_at(made, world, commits[2], Deathly(at)), at
            _, _, failures = apply_commit(world, commits[2])
            assert failures == (), at
            assert state_of(made) == whole, at
            assert plan_commit(world, commits[2]).plan.changes == (), at


@pytest.mark.parametrize("second", [1, 4, 9])
def test_killed_again_while_it_recovers_it_is_finished_by_the_third(tmp_path, commits, second):
    points, whole = count_points(tmp_path / "whole", commits, holds=True)
    for at in range(2, points, 7):
        with prepared(tmp_path / f"{at}", commits, holds=True) as (made, world):
            assert die_at(made, world, commits[2], Deathly(at))
            die_at(made, world, commits[2], Deathly(second))
            apply_commit(world, commits[2])
            assert state_of(made) == whole, at


@pytest.mark.parametrize("at", [2, 4, 6, 8, 10, 12])
def test_a_commit_that_is_taken_back_after_a_kill_leaves_nothing_behind(tmp_path, commits, at):
    """What was made at the target and is not recorded yet is ours all the same."""
    first, second = commits[1:]
    with prepared(tmp_path, commits, holds=True) as (made, world):
        before = {item.id for item in made.store.inventory()}
        assert die_at(made, world, second, Deathly(at), only_at_target=True)
        apply_commit(world, first, allowed_deletes=plan_commit(world, first).plan.digest)
        assert {live.id for live in made.target.read().objects.values()} - {"adopted"} == before
        assert {item.id for item in made.store.inventory()} == before
        assert plan_commit(world, first).plan.changes == ()


class Deaf(MortalTarget):
    """Each answer of a write is lost once, though the target has acted."""

    def __init__(self, target) -> None:
        super().__init__(target, Deathly(None))
        self.lost: set[str] = set()

    def apply(self, change):
        super().apply(change)
        if change.id not in self.lost:
            self.lost.add(change.id)
            raise TargetUnavailable("the answer was lost")


def test_lost_answers_make_no_duplicates(tmp_path, commits):
    """RELIABILITY G12, R3."""
    _, whole = count_points(tmp_path / "whole", commits, holds=True)
    with prepared(tmp_path / "deaf", commits, holds=True) as (made, world):
        deaf = replace(world, targets={"local": Deaf(made.target)})
        _, planned, failures = apply_commit(deaf, commits[2])
        assert len(failures) == len(planned.plan.changes)
        assert apply_commit(deaf, commits[2])[2] == ()
        assert state_of(made) == whole
