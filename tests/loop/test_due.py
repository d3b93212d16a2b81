"""What the clock makes due, pass by pass, with downtimes between."""

from datetime import timedelta

from msgspec.structs import replace

from reconciler.loop.due import settle_due
from reconciler.model.run import RunStatus
from reconciler.schedule.zones import tzdata_version

HOUR = timedelta(hours=1)
EVERY_HOUR = {"schedule": {"cronExpression": "0 * * * *"}}


def test_a_schedule_owes_nothing_from_before_its_apply(stage):
    stage.commit_job(**EVERY_HOUR)
    stage.reconcile()
    assert stage.started() == []
    stage.clock.now += HOUR
    stage.reconcile()
    assert stage.started() == ["01 01:00 a schedule"]


def test_an_interval_counts_from_its_apply_and_keeps_its_anchor_over_other_changes(stage):
    stage.clock.now += timedelta(minutes=7)
    stage.commit_job(schedule={"intervalMinutes": 30})
    stage.reconcile()
    stage.clock.now += timedelta(minutes=10)
    stage.commit_job(schedule={"intervalMinutes": 30}, priority=9)
    stage.reconcile()
    stage.clock.now += timedelta(minutes=20)
    stage.reconcile()
    assert stage.started() == ["01 00:37 a schedule"]


def test_a_changed_interval_starts_counting_anew(stage):
    stage.commit_job(schedule={"intervalMinutes": 30})
    stage.reconcile()
    stage.clock.now += timedelta(minutes=10)
    stage.commit_job(schedule={"intervalMinutes": 20})
    stage.reconcile()
    stage.clock.now += timedelta(minutes=20)
    stage.reconcile()
    assert stage.started() == ["01 00:30 a schedule"]


def test_after_a_downtime_the_latest_runs_and_each_other_instant_has_a_fate(stage):
    """RELIABILITY G3, G6, G7: run-once is the default."""
    stage.commit_job(**EVERY_HOUR)
    stage.reconcile()
    stage.clock.now += timedelta(hours=101, minutes=30)
    stage.reconcile()
    assert stage.started() == ["05 05:00 a schedule"]
    assert stage.ledger() == ["01 01:00 expired past_grace x100"]


def test_run_all_starts_each_instant_within_the_grace_oldest_first(stage):
    misfire = {"policy": "run-all", "graceMinutes": 150}
    stage.commit_job(schedule={"cronExpression": "0 * * * *", "misfire": misfire})
    stage.reconcile()
    stage.clock.now += timedelta(hours=5, minutes=1)
    stage.reconcile()
    assert stage.started() == ["01 03:00 a schedule", "01 04:00 a schedule", "01 05:00 a schedule"]
    assert stage.ledger() == ["01 01:00 expired past_grace x2"]


def test_skip_never_starts_late(stage):
    stage.commit_job(schedule={"cronExpression": "0 * * * *", "misfire": {"policy": "skip"}})
    stage.reconcile()
    stage.clock.now += timedelta(hours=2, minutes=30)
    stage.reconcile()
    assert stage.started() == []
    assert stage.ledger() == ["01 01:00 missed too_late x2"]


def test_a_run_that_has_not_ended_makes_the_next_instant_skip(slow_stage):
    slow_stage.commit_job(**EVERY_HOUR)
    loop = slow_stage.serve()
    start = slow_stage.clock()
    slow_stage.turn_until(loop, start + 2 * HOUR + timedelta(minutes=1))
    assert slow_stage.started() == ["01 01:00 a schedule"]
    assert slow_stage.ledger() == ["01 02:00 skipped overlap x1"]
    (run,) = slow_stage.runs()
    slow_stage.rig.target.finish(run.uid, RunStatus.COMPLETED)
    slow_stage.turn_until(loop, start + 3 * HOUR + timedelta(minutes=1))
    assert slow_stage.started() == ["01 01:00 a schedule", "01 03:00 a schedule"]


def test_an_instant_is_never_started_twice_whatever_the_clock_does(stage):
    """RELIABILITY G2, G23: a clock that goes back fires nothing again."""
    stage.commit_job(**EVERY_HOUR)
    stage.reconcile()
    stage.clock.now += HOUR
    stage.reconcile()
    stage.clock.now -= timedelta(minutes=30)
    stage.reconcile()
    stage.clock.now += timedelta(minutes=30)
    stage.reconcile()
    assert stage.started() == ["01 01:00 a schedule"]


def test_a_target_that_does_not_answer_keeps_its_instants(stage):
    stage.commit_job(**EVERY_HOUR)
    stage.reconcile()
    stage.clock.now += HOUR
    stage.rig.target.unreachable = True
    stage.reconcile()
    assert stage.started() == []
    stage.rig.target.unreachable = False
    stage.clock.now += timedelta(minutes=10)
    stage.reconcile()
    assert stage.started() == ["01 01:00 a schedule"]


def test_what_was_due_before_a_change_is_judged_by_the_form_that_was_applied_then(stage):
    stage.commit_job(**EVERY_HOUR)
    stage.reconcile()
    stage.clock.now += timedelta(minutes=70)
    stage.commit_job(schedule={"cronExpression": "30 * * * *"})
    stage.reconcile()
    assert stage.started() == ["01 01:00 a schedule"]
    stage.clock.now += timedelta(minutes=30)
    stage.reconcile()
    assert stage.started() == ["01 01:00 a schedule", "01 01:30 a schedule"]


def test_a_disabled_job_owes_nothing_when_it_is_enabled_again(stage):
    stage.commit_job(enabled=False, **EVERY_HOUR)
    stage.reconcile()
    stage.clock.now += timedelta(hours=3, minutes=30)
    stage.commit_job(**EVERY_HOUR)
    stage.reconcile()
    assert stage.started() == []
    stage.clock.now += timedelta(minutes=30)
    stage.reconcile()
    assert stage.started() == ["01 04:00 a schedule"]


def test_a_one_time_instant_that_had_passed_at_its_apply_is_missed_and_never_runs(stage):
    stage.commit_job(schedule={"runAt": "2026-02-28T00:00:00Z"})
    stage.reconcile()
    stage.reconcile()
    assert stage.started() == []
    assert stage.ledger() == ["28 00:00 missed past_at_apply x1"]


def test_a_one_time_instant_that_ran_is_not_missed_by_a_later_change(stage):
    stage.commit_job(schedule={"runAt": "2026-03-01T01:00:00Z"})
    stage.reconcile()
    stage.clock.now += HOUR
    stage.reconcile()
    stage.commit_job(schedule={"runAt": "2026-03-01T01:00:00Z"}, priority=9)
    stage.reconcile()
    assert stage.started() == ["01 01:00 a schedule"]
    assert stage.ledger() == []


def test_new_zone_data_move_the_fire_times_to_come(stage):
    """RELIABILITY T7."""
    stage.commit_job(schedule={"cronExpression": "0 12 * * *", "timezone": "Europe/Paris"})
    stage.reconcile()
    (state,) = stage.rig.store.schedules()
    assert f"{state.next_at:%H:%M}" == "11:00"
    stage.rig.store.save_schedules([replace(state, next_at=state.next_at - HOUR)])
    stage.rig.store.remember("tzdata", "1999a")
    stage.reconcile()
    assert stage.rig.store.schedules() == [replace(state, cursor_at=stage.rig.store.schedules()[0].cursor_at)]
    assert stage.rig.store.recall("tzdata") == tzdata_version()


def test_an_instant_at_which_the_condition_does_not_hold_is_skipped_or_runs_the_alternate(stage):
    stage.commit_job(**EVERY_HOUR, condition="run.scheduledFor.getHours() != 2")
    stage.commit_job("b", **EVERY_HOUR, condition="run.scheduledFor.getHours() != 2", alternateJobId="c")
    stage.commit_job("c")
    stage.reconcile()
    stage.turn_until(stage.serve(), stage.clock() + 3 * HOUR + timedelta(minutes=1))
    assert [line for line in stage.started() if line.startswith("01 02")] == ["01 02:00 c schedule"]
    assert stage.ledger() == ["01 02:00 skipped condition x1"]


def test_where_many_are_due_the_first_may_start_while_the_others_are_settled(stage, monkeypatch):
    monkeypatch.setattr("reconciler.loop.due.BATCH", 2)
    for job_id in ("a", "b", "c"):
        stage.commit_job(job_id, **EVERY_HOUR)
    stage.reconcile()
    now, store, startable = stage.clock.now + HOUR, stage.world.store, []
    made = settle_due(
        stage.world.scheduler, now=now, between=lambda: startable.append(store.count_startable("local", now))
    )
    assert (made, startable) == (3, [2])
