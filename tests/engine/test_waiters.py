"""When those who wait for runs are told: of the first change, of several at once, of the last end."""

import pytest

from reconciler.engine.eventloop import EventLoop
from reconciler.engine.run import RunState
from reconciler.engine.waiters import Waiters
from reconciler.engine.work import Order, Task


class Desk:
    """Three runs, and a client that waits for the first two."""

    def __init__(self, *, linger: float) -> None:
        self.loop = EventLoop()
        self.runs = {uid: RunState(Order(uid, [Task("only", ["true"])])) for uid in "abc"}
        self.waiters = Waiters(self.loop, self.runs)
        self.replies: list[dict[str, bool]] = []
        self.linger = linger
        self.wait()

    def wait(self) -> None:
        seen = {uid: self.runs[uid].version for uid in "ab"}
        self.waiters.add(self, seen, seconds=600, linger=self.linger)

    def reply(self, message: dict[str, bool]) -> None:
        self.replies.append(message)

    def change(self, *uids: str, has_ended: bool = False) -> None:
        for uid in uids:
            self.runs[uid].version += 1
            self.runs[uid].is_settled = has_ended
            self.waiters.changed(self.runs[uid])
        self.waiters.tell()


def test_a_client_that_does_not_linger_is_told_of_the_first_change_of_its_runs():
    desk = Desk(linger=0)
    desk.change("c")
    assert desk.replies == []
    desk.change("a")
    desk.change("b")
    assert desk.replies == [{"changed": True}]
    assert not desk.waiters


def test_a_client_that_lingers_is_told_of_several_changes_at_once():
    desk = Desk(linger=0.001)
    desk.change("a", has_ended=True)
    desk.change("b")
    assert desk.replies == []
    desk.loop.turn()
    assert desk.replies == [{"changed": True}]


@pytest.mark.parametrize("steps", [[("a", "b")], [("a",), ("b",)]], ids=["together", "one-by-one"])
def test_a_client_is_told_at_once_when_all_its_runs_have_ended(steps):
    desk = Desk(linger=600)
    for uids in steps:
        assert desk.replies == []
        desk.change(*uids, has_ended=True)
    assert desk.replies == [{"changed": True}]


def test_what_changed_before_the_client_began_to_wait_counts():
    desk = Desk(linger=600)
    desk.waiters.closed(desk)
    desk.runs["a"].is_settled = True
    desk.waiters.add(desk, {"a": -1}, seconds=600, linger=600)
    assert desk.replies == [{"changed": True}]


def test_a_client_that_has_gone_is_told_nothing():
    desk = Desk(linger=0)
    desk.waiters.closed(desk)
    desk.change("a")
    assert desk.replies == []
