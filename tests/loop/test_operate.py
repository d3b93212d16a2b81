"""Pauses, overlap rules and backfills on a clock that is moved."""

from datetime import timedelta

import pytest

from reconciler.loop.backfill import list_instants, start_instants
from reconciler.model.inventory import Hold
from reconciler.model.run import RunStatus

HOUR = timedelta(hours=1)
EVERY_HOUR = {"schedule": {"cronExpression": "0 * * * *"}}


def hold(stage, *, until=None):
    now = stage.clock()
    stage.rig.store.set_hold(
        Hold(root_id="a", job_id="a", at=now, until=until, reason="maintenance", held_by="ada@here")
    )


def test_what_passes_under_a_pause_is_skipped_as_held(stage):
    stage.commit_job(**EVERY_HOUR)
    loop, start = stage.serve(), stage.clock()
    loop.turn()
    hold(stage, until=start + 2 * HOUR + timedelta(minutes=30))
    stage.turn_until(loop, start + 4 * HOUR + timedelta(minutes=1))
    assert stage.started() == ["01 03:00 a schedule", "01 04:00 a schedule"]
    assert stage.ledger() == ["01 01:00 skipped held x1", "01 02:00 skipped held x1"]


def test_a_pause_that_ended_in_a_downtime_is_told_apart_from_the_downtime(stage):
    stage.commit_job(**EVERY_HOUR)
    stage.reconcile()
    hold(stage, until=stage.clock() + 2 * HOUR + timedelta(minutes=30))
    stage.clock.now += 5 * HOUR + timedelta(minutes=30)
    stage.reconcile()
    assert stage.started() == ["01 05:00 a schedule"]
    assert stage.ledger() == ["01 01:00 skipped held x2", "01 03:00 expired past_grace x2"]


def test_a_resumed_job_goes_on_from_then(stage):
    stage.commit_job(**EVERY_HOUR)
    stage.reconcile()
    hold(stage)
    stage.clock.now += HOUR + timedelta(minutes=1)
    stage.rig.store.end_hold("a", at=stage.clock())
    stage.clock.now += HOUR
    stage.reconcile()
    assert stage.started() == ["01 02:00 a schedule"]
    assert stage.ledger() == ["01 01:00 skipped held x1"]


@pytest.mark.parametrize(
    ("overlap", "statuses", "skipped"),
    [
        pytest.param("skip", ["running"], ["01 02:00 skipped overlap x1", "01 03:00 skipped overlap x1"], id="skip"),
        pytest.param("queue", ["running", "created"], ["01 03:00 skipped overlap x1"], id="queue-holds-one"),
        pytest.param("allow", ["running", "running", "running"], [], id="allow"),
        pytest.param("replace", ["cancelled", "cancelled", "running"], [], id="replace"),
    ],
)
def test_a_job_that_is_still_running_when_it_is_due_again(slow_stage, overlap, statuses, skipped):
    """RELIABILITY G10."""
    stage = slow_stage
    stage.commit_job(overlap=overlap, **EVERY_HOUR)
    loop = stage.serve()
    stage.turn_until(loop, stage.clock() + 3 * HOUR + timedelta(minutes=5))
    assert [run.status.value for run in reversed(stage.runs())] == statuses
    assert stage.ledger() == skipped


def test_a_queued_run_starts_when_the_one_before_it_has_ended(slow_stage):
    stage = slow_stage
    stage.commit_job(overlap="queue", **EVERY_HOUR)
    loop, start = stage.serve(), stage.clock()
    stage.turn_until(loop, start + 2 * HOUR + timedelta(minutes=5))
    stage.rig.target.finish(stage.runs()[-1].uid, RunStatus.COMPLETED)
    stage.turn_until(loop, start + 2 * HOUR + timedelta(minutes=7))
    assert [run.status.value for run in reversed(stage.runs())] == ["completed", "running"]


def test_a_backfill_leaves_out_what_ran_on_time(stage):
    stage.commit_job(**EVERY_HOUR)
    stage.reconcile()
    start = stage.clock()
    stage.clock.now += HOUR
    stage.reconcile()
    stage.clock.now += 5 * HOUR + timedelta(minutes=30)
    stage.reconcile()
    applied = stage.rig.store.applied_job("local", "a")
    instants = list_instants(stage.world, applied, start=start, until=stage.clock())
    assert [f"{item.at:%H:%M} {item.why_not}".strip() for item in instants] == [
        "00:00",
        "01:00 ran already",
        "02:00",
        "03:00",
        "04:00",
        "05:00",
        "06:00 ran already",
    ]
    assert len(start_instants(stage.world, applied, instants, {}, requested_by="ada")) == 5
