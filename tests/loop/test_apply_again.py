"""A property: whatever is declared, applied and live, after an apply the plan is empty and nothing is left behind."""

from random import Random

import pytest
from msgspec.structs import replace
from support.driving import rig
from support.values import COMMIT, declare, make_job
from support.world import make_world

from reconciler.loop.apply import apply_plan
from reconciler.loop.surroundings import look_around
from reconciler.model.change import Action
from reconciler.model.desired import DesiredState
from reconciler.model.forms import Kind
from reconciler.model.settings import PruneSettings
from reconciler.planning.plan import make_plan

IDS = [f"job-{number}" for number in range(8)]


class NoHistory:
    """A repository of which nothing is asked but when files changed."""

    name = "repository"

    def last_changed(self, commit, paths):
        return {}


def some_state(random: Random, before: DesiredState) -> DesiredState:
    """Return jobs like those ``before``: some changed, moved, renamed, disabled, gone, some new."""
    jobs = {job_id: item.form for job_id, item in before.jobs.items() if random.random() < 0.8}
    for job_id in random.sample(IDS, 3):
        jobs[job_id] = make_job(job_id, priority=random.randint(1, 9), enabled=random.random() < 0.7)
    for former in sorted(before.jobs.keys() - jobs.keys()):
        if random.random() < 0.5:
            new = random.choice(IDS)
            if new != former and new not in before.jobs:
                jobs[new] = replace(before.jobs[former].form, id=new, previous_id=former, alternate_job_id=None)
    for job_id, job in jobs.items():
        later = [other for other in jobs if other > job_id]
        alternate = random.choice(later) if later and random.random() < 0.3 else None
        previous = job.previous_id if job.previous_id not in jobs else None  # as validation asks
        jobs[job_id] = replace(job, alternate_job_id=alternate, previous_id=previous)
    desired = declare(*jobs.values())
    moved = {
        job_id: replace(item, path=f"definitions/jobs/{random.choice('xy')}/{job_id}.yaml")
        for job_id, item in desired.jobs.items()
    }
    return replace(desired, jobs=moved)


def meddle(random: Random, target) -> None:
    """Do at the target what people do: edit, remove, and make jobs."""
    for live in list(target.read().objects.values()):
        chance = random.random()
        if chance < 0.2:
            target.edit(live.id, owner="by hand", enabled=not live.form.enabled)
        elif chance < 0.3:
            target.drop(live.id)
    if random.random() < 0.5:
        target.put(make_job(random.choice(IDS), owner="by hand"))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("holds", [True, False])
def test_the_plan_after_an_apply_is_empty_and_the_target_has_what_is_declared(tmp_path, seed, holds):
    """RELIABILITY G11."""
    random = Random(seed)
    with rig(tmp_path, holds=holds) as made:
        world = make_world(NoHistory(), made, prune=PruneSettings(grace_hours=0))
        desired = DesiredState()
        for _ in range(6):
            desired = some_state(random, desired)
            if holds:
                meddle(random, made.target)
            by_hand = unmanaged(made, desired)
            result = apply_plan(world, plan_of(world, desired), now=made.clock(), keep=lambda: None)
            assert result.failures == ()
            assert plan_of(world, desired).changes == ()
            assert {item.id for item in made.store.inventory()} == desired.jobs.keys()
            held = {live.id for live in made.target.read().objects.values()}
            assert held - by_hand == desired.jobs.keys()
            assert by_hand <= held


def unmanaged(made, desired) -> set[str]:
    """Return what the target has that is neither declared nor ours."""
    ours = {item.id for item in made.store.inventory()}
    return {live.id for live in made.target.read().objects.values()} - ours - desired.jobs.keys()


def plan_of(world, desired):
    made = make_plan(
        desired,
        world.store.inventory(),
        settled_one_offs=(),
        commit=COMMIT,
        tree_digest="t",
        around=look_around(world, now=world.clock()),
    )
    assert not made.count(Action.HELD)
    assert {change.kind for change in made.changes} <= {Kind.JOB}
    return made
