"""Slots, keys, priorities: what runs beside what, and in which order (RELIABILITY C14)."""

from datetime import timedelta

import pytest
from msgspec.structs import replace
from support.values import MIDNIGHT, make_job

from reconciler.model.job import Concurrency, OnLost, OnWarning
from reconciler.model.run import Run, RunStatus, TriggerKind
from reconciler.runs.drive import drive_once, drive_until_ended
from reconciler.runs.pace import Pace, runs_ahead
from reconciler.runs.retry import MAX_RERUNS


def started(rig) -> list[str]:
    return [order.job.id for order in rig.target.started]


def test_c14_500_runs_due_at_once_start_by_priority_then_age_eight_at_a_time(slow_rig):
    slow_rig.target.max_runs = 8
    jobs = {f"job-{number:03}": number % 10 + 1 for number in range(500)}
    for job_id, priority in jobs.items():
        slow_rig.request(make_job(job_id, priority=priority))
    finished = 0
    while drive_once(slow_rig.driver):
        under_way = slow_rig.store.runs_under_way()
        assert len(under_way) <= 8
        for run in under_way[:3]:
            slow_rig.target.finish(run.uid, RunStatus.COMPLETED)
            finished += 1
        slow_rig.clock.now += slow_rig.clock.now.resolution
    assert (finished, slow_rig.store.count_active()) == (500, 0)
    assert started(slow_rig) == sorted(jobs, key=lambda job_id: (-jobs[job_id], job_id))


def test_each_start_is_recorded_when_it_really_starts(slow_rig):
    slow_rig.target.max_runs = 1
    runs = [slow_rig.request(make_job(job_id))[0] for job_id in ("a", "b")]
    begin = slow_rig.clock.now
    drive_once(slow_rig.driver)
    slow_rig.clock.now += begin.resolution * 60_000_000
    slow_rig.target.finish(runs[0].uid, RunStatus.COMPLETED)
    drive_until_ended(slow_rig.driver, deadline=slow_rig.clock())
    times = [slow_rig.store.run(run.uid).started_at - begin for run in runs]
    assert [length.total_seconds() for length in times] == [0, 60]


def test_jobs_that_share_a_key_do_not_run_beside_one_another(slow_rig):
    limit = Concurrency(key="orders-db", max=1)
    runs = [slow_rig.request(make_job(job_id, concurrency=limit))[0] for job_id in ("a", "b")]
    slow_rig.request(make_job("free"))
    drive_once(slow_rig.driver)
    assert started(slow_rig) == ["a", "free"]
    slow_rig.target.finish(runs[0].uid, RunStatus.COMPLETED)
    drive_once(slow_rig.driver)
    assert started(slow_rig) == ["a", "free", "b"]


def lose(rig, run: Run) -> None:
    """Let the target have no idea of ``run`` any more."""
    rig.target._runs.pop(run.uid)
    drive_once(rig.driver)


def newest(rig, number: int = 1) -> list[Run]:
    from reconciler.store.records import RunFilter

    return rig.store.runs(RunFilter(), limit=number)


def test_a_lost_run_is_reported_and_not_started_again(slow_rig):
    (run,) = slow_rig.request()
    drive_once(slow_rig.driver)
    lose(slow_rig, run)
    assert slow_rig.status(run) == "lost not_known"
    assert slow_rig.store.count_active() == 0


def test_a_lost_run_of_a_job_that_asks_for_it_runs_again_as_a_new_run_linked_to_it(slow_rig):
    (run,) = slow_rig.request(make_job(on_lost=OnLost.RERUN))
    drive_once(slow_rig.driver)
    lose(slow_rig, run)
    (again,) = newest(slow_rig)
    assert (again.trigger.key, again.parent_uid) == (f"retry:{run.uid}", run.uid)
    drive_once(slow_rig.driver)
    assert slow_rig.status(again) == "running"
    assert slow_rig.status(run) == "lost not_known"


def test_a_job_that_is_lost_each_time_is_not_started_for_ever(slow_rig):
    slow_rig.request(make_job(on_lost=OnLost.RERUN))
    for _ in range(10):
        drive_once(slow_rig.driver)
        for run in slow_rig.store.runs_under_way():
            lose(slow_rig, run)
    assert len(newest(slow_rig, 99)) == 1 + MAX_RERUNS


def test_a_lost_one_off_is_not_started_again_whatever_its_job_says(slow_rig):
    (run,) = slow_rig.request(make_job(on_lost=OnLost.RERUN), kind=TriggerKind.ONE_OFF)
    drive_once(slow_rig.driver)
    lose(slow_rig, run)
    assert slow_rig.store.count_active() == 0


@pytest.mark.parametrize(
    ("policy", "expected"), [(OnWarning.PASS, "completed"), (OnWarning.FAIL, "failed warning")], ids=str
)
def test_a_run_with_a_warning_passes_or_fails_as_its_job_says(slow_rig, policy, expected):
    (run,) = slow_rig.request(make_job(on_warning=policy))
    drive_once(slow_rig.driver)
    slow_rig.target.finish(run.uid, RunStatus.COMPLETED)
    fake = slow_rig.target._runs[run.uid]
    fake.progress = replace(
        fake.progress, tasks=tuple(replace(task, warnings=("something",)) for task in fake.progress.tasks)
    )
    drive_once(slow_rig.driver)
    assert slow_rig.status(run) == expected


def test_a_target_that_queues_is_given_more_than_may_run_at_once_where_runs_are_short(rig):
    rig.target.max_runs = 2
    rig.target.capabilities = replace(rig.target.capabilities, queues=9)
    for number in range(20):
        rig.request(make_job(f"job-{number}"))
    drive_once(rig.driver)
    assert len(rig.target.started) == 2
    drive_once(rig.driver)
    assert len(rig.target.started) == 2 + 2 + 9


def test_where_runs_are_long_nothing_is_queued_ahead(slow_rig):
    slow_rig.target.max_runs = 2
    slow_rig.target.capabilities = replace(slow_rig.target.capabilities, queues=9)
    for number in range(5):
        slow_rig.request(make_job(f"job-{number}"))
    drive_once(slow_rig.driver)
    slow_rig.clock.now += timedelta(hours=1)
    slow_rig.target.finish(slow_rig.target.started[0].run.uid, RunStatus.COMPLETED)
    drive_once(slow_rig.driver)
    assert len(slow_rig.target.started) == 3


def test_what_is_more_urgent_overtakes_where_the_target_starts_it_first(slow_rig):
    slow_rig.target.max_runs = 1
    slow_rig.target.capabilities = replace(slow_rig.target.capabilities, queues=9)
    for number in range(3):
        slow_rig.request(make_job(f"job-{number}"))
    drive_once(slow_rig.driver)
    slow_rig.request(make_job("urgent", priority=9))
    drive_once(slow_rig.driver)
    assert [order.job.id for order in slow_rig.target.started] == ["job-0", "urgent"]


def test_a_target_that_does_not_queue_is_given_no_more_than_may_run_however_urgent(slow_rig):
    slow_rig.target.max_runs = 1
    slow_rig.request(make_job("first"))
    drive_once(slow_rig.driver)
    slow_rig.request(make_job("urgent", priority=9))
    drive_once(slow_rig.driver)
    assert len(slow_rig.target.started) == 1


@pytest.mark.parametrize(
    ("seconds", "later", "expected"),
    [
        pytest.param(0.0, 0, 99, id="as-many-as-it-queues"),
        pytest.param(0.02, 0, 40, id="as-many-as-start-in-a-moment"),
        pytest.param(1.0, 0, 0, id="none-where-runs-are-long"),
        pytest.param(0.02, 60, 0, id="none-where-nobody-knows-any-more"),
    ],
)
def test_so_many_are_given_ahead_as_start_within_a_moment(seconds, later, expected):
    now = MIDNIGHT + timedelta(seconds=later)
    assert runs_ahead(Pace(seconds, MIDNIGHT), at_once=8, queues=99, now=now) == expected
    assert runs_ahead(None, at_once=8, queues=99, now=now) == 0
