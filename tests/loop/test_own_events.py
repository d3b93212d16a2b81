"""Events that reconciler tells of itself: the start of serve, and the ends of runs."""

import pytest
from support.events import outcomes, send

from reconciler.loop.events import settle_events
from reconciler.model.event import MAX_CHAIN
from reconciler.model.run import RunStatus
from reconciler.runs.drive import drive_once


def started(stage):
    return [run.job_id for run in sorted(stage.runs(), key=lambda run: run.uid)]


def test_startup_starts_its_jobs_once_per_start_of_serve(stage):
    stage.commit_job(events=["Startup"])
    loop, start = stage.serve(), stage.clock()
    stage.turn_until(loop, start.replace(hour=1))
    assert stage.started() == ["01 00:00 a event"]
    loop.leave()
    stage.turn_until(stage.serve(), start.replace(hour=2))
    assert stage.started() == ["01 00:00 a event", "01 01:00 a event"]


def test_the_end_of_a_run_starts_another_job_in_the_same_pass(stage):
    stage.commit_job("a", events=["go"])
    stage.commit_job("b", events=[{"eventType": "runCompleted", "where": "event.data.jobId == 'a'"}])
    stage.reconcile()
    (run,) = send(stage, "go")
    stage.reconcile()
    assert started(stage) == ["a", "b"]
    follower = stage.runs()[0]
    assert follower.parent_uid == run.uid
    assert follower.event["data"] == {"jobId": "a", "runUid": run.uid, "status": "completed", "target": "local"}


@pytest.mark.parametrize(
    ("ends", "event_type"),
    [(RunStatus.COMPLETED, "runCompleted"), (RunStatus.FAILED, "runFailed"), (RunStatus.TIMEOUT, "runFailed")],
)
def test_how_a_run_ended_decides_what_it_starts(stage, ends, event_type):
    stage.rig.target.ends = ends
    for job_id, own_type in (("good", "runCompleted"), ("bad", "runFailed")):
        stage.commit_job(job_id, events=[{"eventType": own_type, "where": "event.data.jobId == 'a'"}])
    stage.commit_job("a", events=["go"])
    stage.reconcile()
    send(stage, "go")
    stage.reconcile()
    assert started(stage) == ["a", "good" if event_type == "runCompleted" else "bad"]


def test_ends_that_no_job_waits_for_are_not_recorded(stage):
    stage.commit_job("a", events=["go"])
    stage.reconcile()
    send(stage, "go")
    stage.reconcile()
    assert outcomes(stage) == [{"started": 1}]


def test_two_jobs_that_start_each_other_come_to_an_end(stage):
    stage.commit_job("a", events=["go", "runCompleted"])
    stage.commit_job("b", events=["runCompleted"])
    stage.reconcile()
    send(stage, "go")
    stage.reconcile()
    assert started(stage) == ["a", "b"] * (MAX_CHAIN // 2) + ["a"]
    assert outcomes(stage)[-1] == {"too_deep": 1}


def test_a_job_is_not_started_by_its_own_end(stage):
    stage.commit_job("a", events=["go", "runCompleted"])
    stage.reconcile()
    send(stage, "go")
    stage.reconcile()
    assert (started(stage), outcomes(stage)[-1]) == (["a"], {"own_end": 1})


def test_an_end_whose_process_was_killed_before_it_told_is_told_by_the_next(stage):
    stage.commit_job("a", events=["go"])
    stage.commit_job("b", events=["runCompleted"])
    stage.reconcile()
    send(stage, "go")
    drive_once(stage.world.driver)
    drive_once(stage.world.driver)
    assert started(stage) == ["a"]
    assert [run.job_id for run in settle_events(stage.world, now=stage.clock())] == ["b"]


def test_serve_follows_a_chain_by_itself(stage):
    stage.commit_job("a", events=["Startup"])
    stage.commit_job("b", events=["runCompleted"])
    stage.commit_job("c", events=[{"eventType": "runCompleted", "where": "event.data.jobId == 'b'"}])
    loop, start = stage.serve(), stage.clock()
    stage.turn_until(loop, start.replace(minute=2))
    assert started(stage)[:3] == ["a", "b", "c"]
