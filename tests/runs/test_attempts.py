"""`retry`: attempts inside one run, with a wait between them that holds no slot."""

from datetime import timedelta

import pytest
from msgspec.structs import replace
from support.driving import rig as open_rig
from support.values import make_job

from reconciler.model.job import Backoff, OnWarning, Retry
from reconciler.model.run import RunStatus
from reconciler.runs.attempts import LONGEST_DELAY, delay_after
from reconciler.runs.cancel import cancel_run
from reconciler.runs.drive import drive_once, drive_until_ended

THREE_TIMES = make_job(retry=Retry(attempts=3))
SLOWLY = make_job(retry=Retry(attempts=3, delay_seconds=60))
MINUTE = timedelta(seconds=60)


def end_attempts(rig, run, *endings):
    """Let one attempt after the other end: a status, or an exit code with which it fails."""
    for ending in endings:
        drive_once(rig.driver)
        handle = rig.store.run(run.uid).handle
        failed = isinstance(ending, int)
        rig.target.finish(handle, RunStatus.FAILED if failed else ending, exit_code=ending if failed else None)
        drive_once(rig.driver)


def test_a_run_that_fails_is_tried_again_until_it_succeeds(slow_rig):
    (run,) = slow_rig.request(THREE_TIMES)
    end_attempts(slow_rig, run, 3, RunStatus.TIMEOUT, RunStatus.COMPLETED)
    assert slow_rig.status(run) == "completed"
    assert slow_rig.store.run(run.uid).attempt == 3
    assert [order.run.attempt for order in slow_rig.target.started] == [1, 2, 3]


def test_the_report_has_the_last_attempts_tasks_and_a_word_on_those_before(slow_rig):
    (run,) = slow_rig.request(THREE_TIMES)
    end_attempts(slow_rig, run, 3, RunStatus.TIMEOUT, 4)
    (task,) = slow_rig.store.tasks(run.uid)
    assert (slow_rig.status(run), task.exit_code) == ("failed", 4)
    assert task.warnings == (
        "attempt 1 of 3: failed in task only, exit code 3",
        "attempt 2 of 3: timeout in task only",
    )


def test_each_attempts_tasks_are_kept(slow_rig):
    (run,) = slow_rig.request(THREE_TIMES)
    end_attempts(slow_rig, run, 3, 5, RunStatus.COMPLETED)
    kept = slow_rig.store.attempts(run.uid)
    assert [(item.attempt, item.status.value, item.tasks[0].exit_code) for item in kept] == [
        (1, "failed", 3),
        (2, "failed", 5),
    ]


def test_the_run_began_when_its_first_attempt_did(slow_rig):
    start = slow_rig.clock()
    (run,) = slow_rig.request(SLOWLY)
    end_attempts(slow_rig, run, 1)
    slow_rig.clock.now += MINUTE
    end_attempts(slow_rig, run, RunStatus.COMPLETED)
    ended = slow_rig.store.run(run.uid)
    assert (ended.started_at, ended.ended_at) == (start, start + MINUTE)


def test_the_wait_holds_no_slot_and_is_waited_out(slow_rig):
    slow_rig.target.max_runs = 1
    (run,) = slow_rig.request(SLOWLY)
    (other,) = slow_rig.request(make_job("other"))
    end_attempts(slow_rig, run, 1)
    drive_once(slow_rig.driver)
    assert (slow_rig.status(run), slow_rig.status(other)) == ("created", "running")
    assert slow_rig.store.next_due_run(slow_rig.clock()) == slow_rig.clock() + MINUTE
    slow_rig.target.finish(other.uid, RunStatus.COMPLETED)
    slow_rig.clock.now += MINUTE
    drive_once(slow_rig.driver)
    assert slow_rig.status(run) == "running"


def test_a_cancel_during_the_wait_ends_the_run(slow_rig):
    (run,) = slow_rig.request(SLOWLY)
    end_attempts(slow_rig, run, 7)
    assert cancel_run(slow_rig.driver, slow_rig.store.run(run.uid))
    slow_rig.clock.now += MINUTE
    drive_once(slow_rig.driver)
    assert slow_rig.status(run).startswith("cancelled")
    assert slow_rig.store.tasks(run.uid)[0].exit_code == 7
    assert len(slow_rig.target.started) == 1


def test_a_run_that_is_to_be_cancelled_is_not_tried_again(slow_rig):
    (run,) = slow_rig.request(THREE_TIMES)
    drive_once(slow_rig.driver)
    slow_rig.store.request_cancel(run.uid, at=slow_rig.clock())
    slow_rig.target.finish(run.uid, RunStatus.FAILED, exit_code=1)
    drive_once(slow_rig.driver)
    assert slow_rig.status(run) == "failed"


@pytest.mark.parametrize("status", [RunStatus.CANCELLED, RunStatus.COMPLETED, RunStatus.UNKNOWN])
def test_only_failures_and_time_outs_are_tried_again(slow_rig, status):
    (run,) = slow_rig.request(THREE_TIMES)
    end_attempts(slow_rig, run, status)
    assert slow_rig.status(run) == status.value


def test_a_run_that_fails_by_its_warnings_is_tried_again(slow_rig):
    (run,) = slow_rig.request(replace(THREE_TIMES, on_warning=OnWarning.FAIL))
    drive_once(slow_rig.driver)
    fake = slow_rig.target._runs[run.uid]
    tasks = tuple(replace(task, warnings=("odd",)) for task in fake.progress.tasks)
    fake.progress = replace(fake.progress, tasks=tasks)
    slow_rig.target.finish(run.uid, RunStatus.COMPLETED)
    drive_once(slow_rig.driver)
    assert slow_rig.store.attempts(run.uid)[0].reason == "warning"


def test_a_process_that_dies_between_two_attempts_leaves_the_next_one_to_another(tmp_path):
    """RELIABILITY P: what is in the store is all that is needed."""
    with open_rig(tmp_path, ends=None) as first:
        (run,) = first.request(THREE_TIMES)
        end_attempts(first, run, 1)
        first.store.claim_runs("local", owner="dead:1", now=first.clock(), limit=5)
        drive_until_ended(first.driver, deadline=first.clock())
        assert [order.run.attempt for order in first.target.started] == [1, 2]
        assert first.store.run(run.uid).handle == f"{run.uid}.2"


def test_an_attempt_that_is_over_is_kept_once(slow_rig):
    (run,) = slow_rig.request(THREE_TIMES)
    end_attempts(slow_rig, run, 1)
    (ended,) = slow_rig.store.attempts(run.uid)
    assert not slow_rig.store.try_again(ended, due_at=slow_rig.clock())
    assert slow_rig.store.run(run.uid).attempt == 2


@pytest.mark.parametrize(
    ("backoff", "expected"), [(Backoff.CONSTANT, [60, 60, 60]), (Backoff.EXPONENTIAL, [60, 120, 240])]
)
def test_the_wait_is_the_same_or_doubles(backoff, expected):
    retry = Retry(attempts=9, delay_seconds=60, backoff=backoff)
    assert [delay_after(retry, attempt).total_seconds() for attempt in (1, 2, 3)] == expected


def test_no_wait_is_longer_than_a_day():
    retry = Retry(attempts=100, delay_seconds=86_400, backoff=Backoff.EXPONENTIAL)
    assert delay_after(retry, 99) == LONGEST_DELAY
