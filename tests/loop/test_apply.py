"""An apply to a target that holds jobs itself: what it finds there, what it writes, and what it leaves alone."""

from datetime import timedelta

import pytest
from msgspec.structs import replace
from support.world import Stage

from reconciler.loop.lease import APPLY, APPLY_TIME, take_lease
from reconciler.loop.reconcile import apply_commit, plan_commit
from reconciler.model.change import Action
from reconciler.model.errors import CouldNot, StalePlan
from reconciler.model.forms import Kind
from reconciler.model.inventory import Hold
from reconciler.model.settings import PruneSettings, Settings
from reconciler.store.errors import LeaseLost

HOUR = timedelta(hours=1)
NIGHTLY = {"schedule": {"cronExpression": "0 2 * * *"}}


@pytest.fixture
def stage(tmp_path):
    """A world whose target holds jobs itself."""
    made = Stage(tmp_path, holds=True)
    yield made
    made.close()


def head(stage):
    return stage.read(stage.repository.resolve("HEAD").sha)


def apply(stage, **options):
    """Apply HEAD; return what was planned and what failed."""
    _, planned, failures = apply_commit(stage.world, head(stage), **options)
    words = [f"{change.action.value} {change.id}" for change in planned.plan.changes]
    return words, [f"{failure.change.id}: {failure.message}" for failure in failures]


def held(stage):
    """Return the jobs that the target has, by id, and whether each is enabled."""
    return {live.id: live.form.enabled for live in stage.rig.target.read().objects.values()}


def without_grace(stage):
    stage.world = replace(stage.world, settings=Settings(prune=PruneSettings(grace_hours=0)))


def test_a_job_is_written_to_the_target_which_starts_it_by_itself(stage):
    stage.commit_job(**NIGHTLY)
    assert apply(stage) == (["create a"], [])
    assert held(stage) == {"a": True}
    assert stage.rig.store.schedules() == []
    assert apply(stage) == ([], [])


def test_a_pass_without_changes_writes_nothing(stage):
    """RELIABILITY G11."""
    stage.commit_job()
    apply(stage)
    written = len(stage.rig.target.writes)
    stage.reconcile()
    assert len(stage.rig.target.writes) == written


def test_what_somebody_changed_at_the_target_is_shown_and_brought_back(stage):
    """RELIABILITY R9."""
    stage.commit_job()
    apply(stage)
    stage.rig.target.edit("a", priority=2)
    assert apply(stage) == (["drift a"], [])
    assert stage.rig.target.read().objects[Kind.JOB, "a"].form.priority == 5
    stage.rig.target.drop("a")
    assert apply(stage) == (["drift a"], [])
    assert held(stage) == {"a": True}


def test_a_job_made_by_hand_is_adopted_when_it_is_declared_and_else_left_alone(stage):
    stage.commit_job()
    job = head(stage).loaded.desired.jobs["a"].form
    stage.rig.target.put(replace(job, owner="by hand"))
    stage.rig.target.put(replace(job, id="theirs"))
    assert apply(stage) == (["adopt a"], [])
    assert stage.rig.target.read().objects[Kind.JOB, "a"].form.owner == ""
    assert held(stage) == {"a": True, "theirs": True}
    assert apply(stage) == ([], [])


def drop_from_git(stage, job_id):
    (stage.repo.path / f"definitions/jobs/{job_id}.json").unlink()
    stage.repo.commit(f"Drop {job_id}")


def test_a_job_that_goes_is_disabled_for_a_day_and_then_removed(stage):
    stage.commit_job("stays")
    stage.commit_job()
    apply(stage)
    drop_from_git(stage, "a")
    assert apply(stage) == (["retire a"], [])
    assert held(stage) == {"stays": True, "a": False}
    stage.clock.now += 23 * HOUR
    assert apply(stage) == (["held a"], [])
    stage.clock.now += HOUR
    assert apply(stage) == (["delete a"], [])
    assert held(stage) == {"stays": True}
    assert apply(stage) == ([], [])


def test_a_job_that_comes_back_within_its_grace_is_as_if_it_had_never_gone(stage):
    stage.commit_job("stays")
    stage.commit_job()
    apply(stage)
    drop_from_git(stage, "a")
    apply(stage)
    stage.commit_job()
    assert apply(stage) == (["resume a"], [])
    stage.clock.now += 48 * HOUR
    assert apply(stage) == ([], [])
    assert held(stage) == {"stays": True, "a": True}


def test_a_local_job_that_goes_is_gone_at_once(tmp_path):
    local = Stage(tmp_path)
    local.commit_job("stays")
    local.commit_job()
    apply(local)
    drop_from_git(local, "a")
    assert apply(local) == (["delete a"], [])
    local.close()


def test_a_protected_job_outlives_its_file(stage):
    without_grace(stage)
    stage.commit_job("stays")
    stage.commit_job(protect=True)
    apply(stage)
    drop_from_git(stage, "a")
    assert apply(stage) == (["held a"], [])
    assert held(stage) == {"stays": True, "a": True}
    stage.commit_job(protect=False)
    apply(stage)
    drop_from_git(stage, "a")
    assert apply(stage) == (["delete a"], [])


def test_a_target_that_does_not_answer_is_told_and_the_others_go_on(stage, tmp_path):
    from support.driving import rig

    with rig(tmp_path / "other", holds=True) as other:
        stage.world = replace(stage.world, targets={"local": stage.rig.target, "other": other.target})
        stage.repo.write("definitions/targets/other.json", '{"id": "other", "provider": "local"}')
        stage.commit_job(targets=["local", "other"])
        other.target.unreachable = True
        _, planned, failures = apply_commit(stage.world, head(stage))
        assert [(change.target, change.action) for change in planned.plan.changes] == [
            ("local", Action.CREATE),
            ("other", Action.HELD),
        ]
        assert (list(planned.unavailable), failures) == (["other"], ())
        assert stage.rig.store.passes(1)[0].outcome == "partly applied"
        other.target.unreachable = False
        assert apply(stage) == (["create a"], [])


def test_a_failure_is_told_of_its_object_and_what_needs_it_waits(stage):
    stage.commit_job("last")
    stage.commit_job("user", alternateJobId="last", condition="true")
    stage.commit_job("other")
    stage.rig.target.refuses.add("last")
    _, failures = apply(stage)
    assert [message.partition(":")[0] for message in failures] == ["last", "user"]
    assert "waits for job last, which failed" in failures[1]
    assert held(stage) == {"other": True}
    stage.rig.target.refuses.clear()
    assert apply(stage) == (["create last", "create user"], [])


def test_a_pause_disables_the_job_at_a_target_that_starts_it_and_no_pass_undoes_it(stage):
    stage.commit_job(**NIGHTLY)
    apply(stage)
    now = stage.clock()
    stage.rig.store.set_hold(Hold(root_id="a", job_id="a", at=now, until=now + HOUR, reason="disk", held_by="ada@here"))
    assert apply(stage) == (["suspend a"], [])
    stage.commit_job(**NIGHTLY, priority=9)
    assert apply(stage) == (["update a"], [])
    assert held(stage) == {"a": False}
    stage.clock.now += HOUR
    assert apply(stage) == (["resume a"], [])
    assert held(stage) == {"a": True}


def test_planning_writes_nothing_at_the_target_nor_in_the_state(stage):
    stage.commit_job()
    before = stage.rig.store.path.with_name("state.db-witness").read_bytes()
    assert plan_commit(stage.world, head(stage)).plan.count(Action.CREATE) == 1
    assert stage.rig.target.writes == []
    assert stage.rig.store.path.with_name("state.db-witness").read_bytes() == before


def test_a_plan_is_stale_when_the_target_has_moved_since(stage):
    """RELIABILITY G16."""
    stage.commit_job()
    apply(stage)
    stage.commit_job(priority=9)
    looked_at = plan_commit(stage.world, head(stage)).plan.digest
    stage.rig.target.edit("a", owner="somebody")
    with pytest.raises(StalePlan):
        apply(stage, expected_digest=looked_at)
    assert stage.rig.target.read().objects[Kind.JOB, "a"].form.owner == "somebody"
    again = plan_commit(stage.world, head(stage)).plan.digest
    assert apply(stage, expected_digest=again) == (["update a"], [])


def test_of_a_listing_that_lacks_a_page_nothing_is_deleted(stage):
    """RELIABILITY G13, R6."""
    without_grace(stage)
    for number in range(3):
        stage.commit_job(f"job-{number}")
    apply(stage)
    drop_from_git(stage, "job-0")
    stage.rig.target.unlisted = {"job-1"}
    assert apply(stage) == (["held job-0"], [])
    assert len(held(stage)) == 2
    stage.rig.target.unlisted = set()
    assert apply(stage) == (["delete job-0"], [])


def test_an_apply_says_who_holds_it_up_and_for_how_long(stage):
    """RELIABILITY X3."""
    stage.commit_job()
    take_lease(replace(stage.world, owner="there:4711:99"), APPLY, length=APPLY_TIME)
    stage.clock.now += timedelta(minutes=3)
    with pytest.raises(CouldNot, match=r"in progress by there:4711 since .* \(for 3 min\)"):
        apply(stage)


class _Slow:
    """A target at which each write takes six minutes; in the ``stolen``th, another process applies as well."""

    def __init__(self, stage, *, stolen=0):
        self._stage, self._stolen, self._count = stage, stolen, 0

    def __getattr__(self, name):
        return getattr(self._stage.rig.target, name)

    def apply(self, change):
        self._stage.rig.target.apply(change)
        self._count += 1
        self._stage.clock.now += timedelta(minutes=6)
        if self._count == self._stolen:
            self._stage.clock.now += APPLY_TIME
            other = replace(self._stage.world, owner="there:4711:99")
            self._stage.rig.store.release_lease(take_lease(other, APPLY, length=APPLY_TIME))


def test_a_long_apply_keeps_its_lease(stage):
    for number in range(4):
        stage.commit_job(f"job-{number}")
    stage.world = replace(stage.world, targets={"local": _Slow(stage)})
    assert apply(stage)[1] == []
    assert stage.rig.store.acting_under is None


def test_an_apply_that_stood_still_while_another_came_records_nothing_more(stage):
    """RELIABILITY G18: what it had just written is found by the next one, and known to be ours."""
    for number in range(4):
        stage.commit_job(f"job-{number}")
    stage.world = replace(stage.world, targets={"local": _Slow(stage, stolen=2)})
    with pytest.raises(LeaseLost):
        apply(stage)
    assert held(stage) == {"job-0": True, "job-1": True}
    assert apply(stage) == (["create job-1", "create job-2", "create job-3"], [])


def test_serve_looks_again_without_a_commit_and_says_only_what_it_did(stage):
    stage.commit_job()
    loop, start = stage.serve(), stage.clock()
    loop.turn()
    told = len(stage.told)
    stage.rig.target.edit("a", owner="by hand")
    stage.turn_until(loop, start + timedelta(minutes=4))
    assert stage.rig.target.read().objects[Kind.JOB, "a"].form.owner == "by hand"
    stage.turn_until(loop, start + timedelta(minutes=20))
    assert stage.rig.target.read().objects[Kind.JOB, "a"].form.owner == ""
    assert len(stage.told) == told + 1
    assert "1 changed" in stage.told[-1]


@pytest.mark.parametrize(("most", "reads"), [(20_000, 1), (0, 4)])
def test_serve_reads_a_commit_once_however_often_it_looks_at_its_targets(stage, monkeypatch, most, reads):
    monkeypatch.setattr("reconciler.loop.serve.MOST_KEPT", most)
    read, commits = stage.read, []
    monkeypatch.setattr(stage, "read", lambda commit: commits.append(commit) or read(commit))
    stage.commit_job()
    loop, start = stage.serve(), stage.clock()
    stage.turn_until(loop, start + timedelta(minutes=16))
    assert len(commits) == reads
    commit = stage.commit_job(priority=9)
    stage.turn_until(loop, start + timedelta(minutes=18))
    assert commits[reads:] == [commit]


def test_serve_tries_again_where_another_process_applies_or_a_target_does_not_answer(stage):
    stage.commit_job()
    other = take_lease(replace(stage.world, owner="there:4711:99"), APPLY, length=APPLY_TIME)
    loop = stage.serve()
    loop.turn()
    assert "not applied: an apply is in progress by there:4711" in stage.told[-1]
    stage.rig.store.act_under(None)
    stage.rig.store.release_lease(other)
    stage.rig.target.unreachable = True
    for number in (1, 2):
        stage.clock.now += timedelta(seconds=30)
        loop.turn()
        assert stage.told[-1] == "local does not answer"
        assert sum(words.startswith("commit") for words in stage.told) <= 1, number
    stage.rig.target.unreachable = False
    stage.clock.now += timedelta(seconds=30)
    loop.turn()
    assert held(stage) == {"a": True}


def test_serve_removes_a_local_job_when_its_grace_has_passed(tmp_path):
    local = Stage(tmp_path)
    local.world = replace(local.world, settings=Settings(prune=PruneSettings(grace_hours=1)))
    local.commit_job("stays")
    local.commit_job(**NIGHTLY)
    loop, start = local.serve(), local.clock()
    loop.turn()
    drop_from_git(local, "a")
    local.clock.now = start + timedelta(minutes=10)
    loop.turn()
    assert [item.form.enabled for item in local.rig.store.inventory()] == [False, True]
    assert [state.next_at for state in local.rig.store.schedules()] == [None]
    local.clock.now = start + timedelta(minutes=80)
    loop.turn()
    assert [item.id for item in local.rig.store.inventory()] == ["stays"]
    local.close()
