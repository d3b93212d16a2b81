"""A pass and a serving process meet a row that cannot be read, set it aside, and go on."""

import sqlite3
from contextlib import closing
from datetime import timedelta

import pytest

from reconciler.loop.mending import go_on
from reconciler.model.run import RunStatus
from reconciler.store.errors import RowUnreadable

HOUR = timedelta(hours=1)
EVERY_HOUR = {"schedule": {"cronExpression": "0 * * * *"}}


def damage(stage, statement):
    with closing(sqlite3.connect(stage.rig.store.path)) as database, database:
        database.execute(statement)


def going_on(stage, act):
    return go_on(stage.rig.store, act, host="here", clock=stage.clock, tell=stage.told.append)


def test_p16_a_run_that_cannot_be_read_ends_as_lost_and_the_others_go_on(slow_stage):
    slow_stage.commit_job("a", **EVERY_HOUR)
    slow_stage.commit_job("b", **EVERY_HOUR)
    loop = slow_stage.serve()
    loop.turn()
    slow_stage.clock.now += HOUR
    loop.turn()
    damage(slow_stage, "UPDATE runs SET device = '{' WHERE job_id = 'a'")
    with pytest.raises(RowUnreadable):
        loop.turn()
    going_on(slow_stage, loop.turn)
    status = {run.job_id: (run.status, run.reason) for run in slow_stage.runs()}
    assert status == {"a": (RunStatus.LOST, "unreadable"), "b": (RunStatus.RUNNING, "")}
    (uid,) = [run.uid for run in slow_stage.runs() if run.job_id == "a"]
    assert b'"reason": "unreadable"' in slow_stage.rig.store.report(uid)
    assert [words for words in slow_stage.told if "set aside" in words] == [
        f"a row of the state could not be read, and is set aside: runs: {uid}"
    ]
    slow_stage.clock.now += HOUR
    going_on(slow_stage, loop.turn)
    assert slow_stage.started()[-1] == "01 02:00 a schedule"


def test_p16_a_schedule_that_cannot_be_read_goes_on_from_now(stage):
    stage.commit_job(**EVERY_HOUR)
    stage.reconcile()
    stage.clock.now += HOUR
    damage(stage, "UPDATE schedules SET cursor_at = 'never'")
    going_on(stage, stage.reconcile)
    assert stage.started() == []
    stage.clock.now += HOUR
    stage.reconcile()
    assert stage.started() == ["01 02:00 a schedule"]


def test_p16_a_form_that_cannot_be_read_is_applied_again(stage):
    stage.commit_job(**EVERY_HOUR)
    stage.reconcile()
    damage(stage, "UPDATE forms SET data = 'nothing'")
    going_on(stage, stage.reconcile)
    stage.clock.now += HOUR
    stage.reconcile()
    assert stage.started() == ["01 01:00 a schedule"]


def test_what_is_damaged_again_and_again_is_an_error_not_a_loop(stage):
    stage.commit_job(**EVERY_HOUR)
    stage.reconcile()

    def damaged():
        damage(stage, "UPDATE schedules SET cursor_at = 'never'")
        stage.rig.store.schedules()

    with pytest.raises(RowUnreadable):
        going_on(stage, damaged)
