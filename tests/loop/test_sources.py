"""Targets that know of events are asked where a job waits for such, and nothing is lost or taken twice."""

from datetime import timedelta

import pytest
from support.world import Stage

from reconciler.loop.sources import poll_sources
from reconciler.model.errors import TargetRefused, TargetUnavailable
from reconciler.model.event import Event


class Watched:
    """What makes the stage's target one that knows of events."""

    event_types = frozenset({"disk.full"})

    def __init__(self, stage):
        self.asked = []
        self.happened = []
        self.fails = None
        stage.rig.target.event_types = self.event_types
        stage.rig.target.events = self.events

    def events(self, cursor):
        self.asked.append(cursor)
        if self.fails is not None:
            raise self.fails
        return tuple(self.happened), f"{len(self.asked)}"


@pytest.fixture
def stage(tmp_path):
    made = Stage(tmp_path)
    yield made
    made.close()


def full(stage, event_id="1", **fields):
    return Event(id=event_id, type="disk.full", source="local", at=stage.clock(), **fields)


def test_nobody_is_asked_while_no_job_waits(stage):
    watched = Watched(stage)
    stage.commit_job()
    stage.reconcile()
    assert watched.asked == []


def test_what_happened_starts_the_jobs_that_wait_once_however_often_it_is_told(stage):
    watched = Watched(stage)
    stage.commit_job(events=[{"eventType": "disk.full"}])
    stage.reconcile()
    watched.happened.append(full(stage))
    stage.reconcile()
    stage.reconcile()
    assert stage.started() == ["01 00:00 a event"]
    assert watched.asked == ["", "1", "2"]


def test_serve_asks_at_each_turn(stage):
    watched = Watched(stage)
    stage.commit_job(events=[{"eventType": "disk.full"}])
    loop = stage.serve()
    loop.turn()
    watched.happened.append(full(stage))
    stage.clock.now += timedelta(seconds=30)
    loop.turn()
    assert [run.trigger.kind.value for run in stage.runs()] == ["event"]


@pytest.mark.parametrize("error", [TargetUnavailable("away"), TargetRefused("no")])
def test_one_that_does_not_answer_keeps_its_place(stage, error):
    watched = Watched(stage)
    stage.commit_job(events=[{"eventType": "disk.full"}])
    stage.reconcile()
    watched.fails = error
    stage.reconcile()
    watched.fails = None
    stage.reconcile()
    assert watched.asked == ["", "1", "1"]


def test_what_is_beyond_the_limits_is_left_out_and_told(stage):
    watched = Watched(stage)
    stage.commit_job(events=[{"eventType": "disk.full"}])
    stage.reconcile()
    watched.happened += [full(stage, data={"big": "x" * 100_000}), full(stage, "2")]
    assert poll_sources(stage.world) == 1
    assert "is not taken" in " ".join(stage.told)
