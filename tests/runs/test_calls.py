"""Runs that the task of a run asks for: made once, before their asker's end is told, and told of when they end."""

import pytest
from msgspec.structs import replace
from support.values import make_job

from reconciler.model.errors import GuardRefused
from reconciler.model.job import Concurrency, Task
from reconciler.model.run import RunStatus, TriggerKind
from reconciler.runs.calls import WAITED_FOR
from reconciler.runs.drive import drive_once
from reconciler.targets.protocol import Call

CHILD = make_job("child", tasks=(Task(id="only", command="true"),))


@pytest.fixture
def parent(slow_rig):
    """A run under way; its child's job is applied."""
    slow_rig.apply(CHILD)
    (run,) = slow_rig.request(make_job("parent"))
    drive_once(slow_rig.driver)
    return run


def jobs(rig, parent):
    return [(child.job_id, child.status.value) for child in rig.store.children(parent.uid)]


def settled(rig):
    return [(key, len(each.children), each.is_final, each.refusal is None) for _, key, each in rig.target.settlements]


def test_a_child_is_made_in_the_turn_and_its_end_is_told(slow_rig, parent):
    slow_rig.target.call(parent.uid, Call(key="k", job="child", wait=True))
    assert drive_once(slow_rig.driver)
    (child,) = slow_rig.store.children(parent.uid)
    assert (child.status, child.priority, child.parent_uid) == (RunStatus.RUNNING, WAITED_FOR + 1, parent.uid)
    assert slow_rig.status(parent) == "waiting child"
    slow_rig.target.finish(child.uid, RunStatus.FAILED)
    drive_once(slow_rig.driver)
    assert slow_rig.status(parent) == "running"
    assert settled(slow_rig) == [("k", 1, False, True), ("k", 1, True, True)]
    assert slow_rig.target.settlements[-1][2].runs[0]["status"] == "failed"


def test_who_dies_before_it_told_makes_no_child_twice(slow_rig, parent):
    slow_rig.target.call(parent.uid, Call(key="k", job="child"))
    slow_rig.target.loses_settlements = True
    drive_once(slow_rig.driver)
    drive_once(slow_rig.driver)
    assert len(slow_rig.store.children(parent.uid)) == 1
    slow_rig.target.loses_settlements = False
    drive_once(slow_rig.driver)
    assert settled(slow_rig) == [("k", 1, False, True)]
    assert len(slow_rig.store.children(parent.uid)) == 1


def test_what_was_asked_for_is_made_though_its_asker_has_ended(slow_rig, parent):
    slow_rig.target.call(parent.uid, Call(key="k", job="child"))
    slow_rig.target.finish(parent.uid, RunStatus.COMPLETED)
    drive_once(slow_rig.driver, starts=False)
    assert slow_rig.status(parent) == "running"  # who only looks makes nothing, and forgets nothing
    drive_once(slow_rig.driver)
    assert (slow_rig.status(parent), jobs(slow_rig, parent)) == ("completed", [("child", "running")])


def test_several_runs_are_waited_for_together(slow_rig, parent):
    for key in ("a", "b"):
        slow_rig.apply(make_job(key))
        slow_rig.target.call(parent.uid, Call(key=key, job=key))
    drive_once(slow_rig.driver)
    first, second = slow_rig.store.children(parent.uid)
    slow_rig.target.call(parent.uid, Call(key="w", uids=(first.uid, second.uid), wait=True))
    drive_once(slow_rig.driver)
    slow_rig.target.finish(first.uid, RunStatus.COMPLETED)
    drive_once(slow_rig.driver)
    assert slow_rig.status(parent) == "waiting child"
    slow_rig.target.finish(second.uid, RunStatus.COMPLETED)
    drive_once(slow_rig.driver)
    assert (slow_rig.status(parent), settled(slow_rig)[-1]) == ("running", ("w", 2, True, True))


@pytest.mark.parametrize(
    ("call", "words", "is_usage"),
    [
        pytest.param({"job": "chidl"}, "unknown job `chidl`", True, id="unknown"),
        pytest.param({"job": "parent"}, "job parent is among the jobs that led to this run", False, id="itself"),
        pytest.param({"job": "child", "variables": {"x": "1"}}, "unknown parameter `x`", True, id="parameter"),
        pytest.param({"job": "child", "target": "far"}, "no job is applied on far yet", True, id="target"),
        pytest.param({"uids": ("ffff",)}, "unknown run `ffff`", True, id="unknown-run"),
    ],
)
def test_what_cannot_be_is_refused(slow_rig, parent, call, words, is_usage):
    slow_rig.target.call(parent.uid, Call(key="k", **call))
    drive_once(slow_rig.driver)
    ((_, _, settlement),) = slow_rig.target.settlements
    assert words in settlement.refusal["message"]
    assert settlement.refusal["isUsage"] == is_usage
    assert slow_rig.store.children(parent.uid) == []


def test_a_child_that_waited_for_by_key_would_wait_for_itself(slow_rig):
    key = Concurrency(key="k", max=1)
    slow_rig.apply(make_job("child", concurrency=key))
    (parent,) = slow_rig.request(make_job("parent", concurrency=key))
    drive_once(slow_rig.driver)
    slow_rig.target.call(parent.uid, Call(key="first", job="child"))
    drive_once(slow_rig.driver)
    (child,) = slow_rig.store.children(parent.uid)
    assert child.status is RunStatus.CREATED  # it has its turn after its parent, as any other
    slow_rig.target.call(parent.uid, Call(key="second", uids=(child.uid,), wait=True))
    drive_once(slow_rig.driver)
    assert "would wait for itself" in slow_rig.target.settlements[-1][2].refusal["message"]


def test_an_event_in_between_begins_another_line(slow_rig, parent):
    """A fails, B mends it and starts A again: that is no cycle, but it has an end, too."""
    slow_rig.target.finish(parent.uid, RunStatus.FAILED)
    drive_once(slow_rig.driver)
    (mender,) = slow_rig.request(make_job("mender"), kind=TriggerKind.EVENT, parent_uid=parent.uid)
    drive_once(slow_rig.driver)
    slow_rig.target.call(mender.uid, Call(key="k", job="parent"))
    drive_once(slow_rig.driver)
    assert jobs(slow_rig, mender) == [("parent", "running")]


def test_nothing_is_made_on_a_target_that_another_state_has_taken_over(slow_rig, parent):
    def guard(name):
        raise GuardRefused(f"{name}: reconciled by another state")

    driver = replace(slow_rig.driver, guard=guard)
    slow_rig.target.call(parent.uid, Call(key="k", job="child"))
    drive_once(driver)
    assert "reconciled by another state" in slow_rig.target.settlements[-1][2].refusal["message"]
    assert slow_rig.store.children(parent.uid) == []
