"""C14, G20: whose turn it is where more runs are accepted than may be under way."""

from datetime import timedelta

import pytest
from support.engine import order, output_of, run_to_end, shell, task, until_ended, until_running

from reconciler.model.instant import utc_now
from reconciler.model.run import RunStatus


@pytest.fixture
def gate(tmp_path):
    """A file that lets the first run end, and a list that every run adds its name to when it starts."""
    return tmp_path / "gate"


def first(gate, **more):
    return order("first", shell(f"until test -e {gate}; do sleep 0.01; done", id="a"), machine_runs=1, **more)


def started_in_order(gate):
    return gate.with_name("order").read_text().split()


def noting(uid, gate, **more):
    return order(uid, shell(f"echo {uid} >> {gate.with_name('order')}"), machine_runs=1, **more)


def test_c14_the_urgent_go_first_and_equals_in_the_order_they_came(engine, gate):
    engine.start([first(gate)])
    until_running(engine, "first")
    priorities = {"low": 1, "b": 5, "c": 5, "urgent": 10}
    engine.start([noting(uid, gate, priority=priority) for uid, priority in priorities.items()])
    assert engine.follow(["urgent"])["urgent"].status is RunStatus.QUEUED
    gate.touch()
    until_ended(engine, "first", *priorities)
    assert started_in_order(gate) == ["urgent", "b", "c", "low"]


def test_g20_the_limit_of_the_machine_is_that_of_all_who_ask(engine, tmp_path):
    uids = [f"run-{number}" for number in range(12)]
    many = f"ls {tmp_path}/live | wc -l"
    text = f"mkdir -p {tmp_path}/live; touch {tmp_path}/live/$$; {many}; sleep 0.03; rm {tmp_path}/live/$$"
    for uid in uids:
        engine.start([order(uid, shell(text), machine_runs=3)])
    until_ended(engine, *uids)
    assert max(int(output_of(engine, uid)) for uid in uids) == 3


def test_a_limit_that_changes_holds_from_the_next_order_on(engine, gate):
    engine.start([first(gate), noting("second", gate)])
    until_running(engine, "first")
    engine.start([order("third", task("true"), machine_runs=3)])
    assert until_ended(engine, "second", "third")["second"].status is RunStatus.COMPLETED
    gate.touch()


def test_a_run_that_waited_too_long_is_expired_and_never_starts(engine, gate):
    late = round((utc_now() + timedelta(seconds=0.2)).timestamp() * 1_000_000)
    engine.start([first(gate), noting("late", gate, start_before=late)])
    until_running(engine, "first")
    while round(utc_now().timestamp() * 1_000_000) <= late:
        engine.wait(0.05, ["first"])
    gate.touch()
    run = until_ended(engine, "late")["late"]
    assert (run.status, run.reason) == (RunStatus.EXPIRED, "waited_too_long")
    assert not gate.with_name("order").exists()


def test_a_run_in_time_runs(engine):
    soon = round((utc_now() + timedelta(hours=1)).timestamp() * 1_000_000)
    assert run_to_end(engine, task("true"), start_before=soon).status is RunStatus.COMPLETED
