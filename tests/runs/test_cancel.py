"""RELIABILITY X9: one end, the first that comes; cancelling twice is the same as once."""

import pytest
from msgspec.structs import replace
from support.values import make_job

from reconciler.model.errors import CouldNot
from reconciler.model.job import Retry
from reconciler.model.run import Disposition, RunStatus
from reconciler.runs.cancel import cancel_run
from reconciler.runs.drive import drive_once, drive_until_ended


def cancel(rig, run) -> bool:
    return cancel_run(rig.driver, rig.store.run(run.uid))


def test_a_run_that_has_not_begun_ends_at_once_and_never_starts(slow_rig):
    (run,) = slow_rig.request()
    assert cancel(slow_rig, run)
    drive_once(slow_rig.driver)
    assert slow_rig.status(run) == "cancelled before_start"
    assert slow_rig.target.started == []
    assert slow_rig.store.report(run.uid) is not None
    assert [item.disposition for item in slow_rig.store.occurrences(limit=9)] == [Disposition.CANCELLED]


def test_a_run_under_way_is_ended_by_its_target(slow_rig):
    (run,) = slow_rig.request()
    drive_once(slow_rig.driver)
    assert cancel(slow_rig, run)
    assert cancel(slow_rig, run)
    assert drive_until_ended(slow_rig.driver, starts=False)
    assert slow_rig.status(run) == "cancelled"


def test_a_run_that_ended_before_it_was_cancelled_keeps_its_end(slow_rig):
    (run,) = slow_rig.request()
    drive_once(slow_rig.driver)
    slow_rig.target.finish(run.uid, RunStatus.COMPLETED)
    assert cancel(slow_rig, run)
    drive_once(slow_rig.driver)
    assert slow_rig.status(run) == "completed"
    assert not cancel(slow_rig, run)
    assert slow_rig.status(run) == "completed"


def test_a_lost_run_is_not_cancelled_any_more(slow_rig):
    (run,) = slow_rig.request()
    drive_once(slow_rig.driver)
    slow_rig.target._runs.clear()
    drive_once(slow_rig.driver)
    assert not cancel(slow_rig, run)
    assert slow_rig.status(run) == "lost not_known"


def test_a_run_that_is_being_started_is_cancelled_once_it_has_begun(slow_rig):
    (run,) = slow_rig.request()
    slow_rig.store.claim_runs("local", owner="other:1", now=slow_rig.clock(), limit=1)
    assert cancel(slow_rig, run)
    assert drive_until_ended(slow_rig.driver)
    assert slow_rig.status(run) == "cancelled"


def test_a_target_that_does_not_answer_is_asked_again(slow_rig):
    (run,) = slow_rig.request()
    drive_once(slow_rig.driver)
    slow_rig.target.unreachable = True
    assert cancel(slow_rig, run)
    drive_once(slow_rig.driver)
    assert slow_rig.status(run) == "running"
    slow_rig.target.unreachable = False
    drive_until_ended(slow_rig.driver)
    assert slow_rig.status(run) == "cancelled"


def test_a_target_that_cannot_cancel_says_so_and_nothing_is_asked_of_it(slow_rig):
    (run,) = slow_rig.request()
    drive_once(slow_rig.driver)
    slow_rig.target.capabilities = replace(slow_rig.target.capabilities, cancels=False)
    with pytest.raises(CouldNot, match="cannot end a run once it has begun"):
        cancel(slow_rig, run)
    assert slow_rig.store.run(run.uid).cancel_requested_at is None


def test_a_run_that_fails_while_it_is_cancelled_is_not_tried_again(slow_rig):
    (run,) = slow_rig.request(make_job(retry=Retry(attempts=3)))
    drive_once(slow_rig.driver)
    slow_rig.target.finish(run.uid, RunStatus.FAILED)
    assert cancel(slow_rig, run)
    drive_once(slow_rig.driver)
    assert slow_rig.status(run) == "failed"
