"""What a plan tells is what happens: judged against the state, then done by the loop."""

from datetime import timedelta

import pytest

from reconciler.loop.due import settle_due
from reconciler.loop.judging import known_of_state
from reconciler.loop.reconcile import plan_commit
from reconciler.model.forms import Kind
from reconciler.planning.judgement import judge_plan

SCHEDULES = {
    "interval": {"intervalMinutes": 45},
    "interval with a start": {"intervalMinutes": 45, "startAt": "2026-03-01T07:10:00Z"},
    "cron": {"cronExpression": "20 */3 * * *", "timezone": "Asia/Kolkata"},
    "calendar": {"calendar": [{"daysOfWeek": [1, 3], "time": "04:30"}], "timezone": "Europe/Paris"},
    "one-time": {"runAt": "2026-03-01T05:00:00Z"},
}


def judge(stage):
    """Return the facts of the only change that HEAD would make."""
    source = stage.read(stage.repository.resolve("HEAD").sha)
    planned = plan_commit(stage.world, source)
    known = known_of_state(stage.world, planned, is_root=False)
    (facts,) = judge_plan(planned.plan, now=stage.clock(), known=known).values()
    return facts


@pytest.mark.parametrize("schedule", SCHEDULES.values(), ids=SCHEDULES)
def test_what_a_new_job_is_said_to_start_at_is_when_it_starts(stage, schedule):
    stage.commit_job(overlap="allow", schedule=schedule)
    told = judge(stage).after.next_at
    assert starts_named(stage, told) == told


@pytest.mark.parametrize("schedule", SCHEDULES.values(), ids=SCHEDULES)
def test_what_a_changed_job_is_said_to_start_at_is_when_it_starts(stage, schedule):
    stage.commit_job(overlap="allow", schedule={"intervalMinutes": 30})
    stage.reconcile()
    stage.clock.now += timedelta(minutes=7)
    stage.commit_job(overlap="allow", schedule=schedule)
    told = judge(stage).after.next_at
    assert starts_named(stage, told) == told


def test_before_is_what_would_happen_without_the_change(stage):
    stage.commit_job(overlap="allow", schedule={"intervalMinutes": 30})
    stage.reconcile()
    stage.clock.now += timedelta(minutes=7)
    stage.commit_job(overlap="allow", schedule={"intervalMinutes": 30}, priority=9)
    facts = judge(stage)
    assert facts.before.next_at == facts.after.next_at
    assert starts_named(stage, facts.before.next_at) == facts.before.next_at


def starts_named(stage, told):
    """Apply HEAD, let the scheduler act at each of the instants, and return what it started; it missed none between."""
    begin = stage.clock()
    stage.reconcile()
    for at in told:
        stage.clock.now = at
        settle_due(stage.world.scheduler, now=at)
    assert stage.ledger() == []
    return tuple(sorted(run.scheduled_for for run in stage.runs() if run.scheduled_for > begin))


def test_devices_are_looked_up_where_the_target_can_be_asked(stage):
    stage.commit_job(devices={"hostnames": ["fake-*"]})
    assert judge(stage).devices_after.matched.names == ("fake-1",)


def test_a_silent_target_leaves_the_selector(stage, monkeypatch):
    stage.commit_job(devices={"hostnames": ["fake-*"]})
    source = stage.read(stage.repository.resolve("HEAD").sha)
    planned = plan_commit(stage.world, source)
    stage.rig.target.unreachable = True
    known = known_of_state(stage.world, planned, is_root=False)
    facts = judge_plan(planned.plan, now=stage.clock(), known=known)["local", Kind.JOB, "a"]
    assert facts.devices_after.matched is None
    assert facts.devices_after.selector == (("hostnames", ("fake-*",)),)


def test_a_local_target_of_root_runs_as_root(stage):
    stage.commit_job()
    source = stage.read(stage.repository.resolve("HEAD").sha)
    planned = plan_commit(stage.world, source)
    known = known_of_state(stage.world, planned, is_root=True)
    (facts,) = judge_plan(planned.plan, now=stage.clock(), known=known).values()
    assert [mark.code for mark in facts.marks] == ["root-service"]


def test_jobs_that_start_together_are_found(stage):
    daily = {"cronExpression": "0 5 * * *"}
    for name in ("a", "b"):
        stage.commit_job(name, schedule=daily)
    stage.reconcile()
    stage.commit_job("c", schedule=daily, timeoutSeconds=5)
    assert [mark.names for mark in judge(stage).marks] == [("a", "b")]
