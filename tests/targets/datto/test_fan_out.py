"""RELIABILITY G12 on a fleet: whatever becomes of answers, no job is made twice, none lost, no limit exceeded."""

from collections import Counter

import pytest
from fakes.datto.rates import Window
from fakes.datto.things import Behaviour
from support.datto import datto_job

from reconciler.model.job import Overlap
from reconciler.model.pace import Pace
from reconciler.planning.fan_out import last_start_seconds


def starts_of(fleet):
    return Counter((job.device.uid, job.name) for job in fleet.world.jobs)


def statuses(fleet, runs):
    return Counter(fleet.run_now(run).status.value for run in runs)


def drive_to_the_end(fleet, *, most_seconds=3600):
    end = fleet.clock().timestamp() + most_seconds
    while fleet.store.count_active():
        fleet.turn(3)
        assert fleet.clock().timestamp() < end, "it takes too long"


def test_a_fan_out_to_500_devices_takes_the_time_that_the_limit_takes(fleet):
    began = fleet.clock()
    runs = fleet.request(datto_job())
    while len(fleet.world.jobs) < 500:
        fleet.turn(0.2)
    seconds = (fleet.clock() - began).total_seconds()
    ideal = last_start_seconds(500, Pace(100))
    assert ideal == 240
    assert seconds <= 1.05 * ideal
    drive_to_the_end(fleet)
    assert statuses(fleet, runs) == {"completed": 500}
    assert fleet.world.rates.operations["device-job-create"].most <= 100
    assert fleet.world.rates.refused == 0
    assert len(fleet.world.requests) / 500 < 8


def test_when_every_answer_to_a_start_is_lost_each_job_is_made_once_and_adopted(fleet):
    fleet.account.fault("PUT .*quickjob", "act-then-drop")
    runs = fleet.request(datto_job())
    drive_to_the_end(fleet)
    assert set(starts_of(fleet).values()) == {1}
    assert len(fleet.world.jobs) == 500
    assert statuses(fleet, runs) == {"completed": 500}
    assert fleet.world.rates.operations["device-job-create"].most <= 100


@pytest.mark.parametrize("kind", ["act-then-drop", "truncate", "drop", "act-then-status"])
def test_every_third_answer_is_lost_in_another_way(fleet, kind):
    del fleet.world.devices[150:]
    numbers = range(1, 151, 3)
    fleet.account.fault("PUT .*quickjob", kind, *numbers, value=502)
    runs = fleet.request(datto_job())
    drive_to_the_end(fleet)
    assert set(starts_of(fleet).values()) == {1}
    lost = len(numbers) if kind == "drop" else 0  # what never arrived was not made, and is not sent again on a guess
    assert len(fleet.world.jobs) == 150 - lost
    expected = {"completed": 150 - lost} | ({"unknown": lost} if lost else {})
    assert statuses(fleet, runs) == expected


@pytest.mark.parametrize("number", range(1, 13))
def test_a_lost_answer_at_any_request_of_a_small_fan_out_makes_no_job_twice_and_loses_none(rig, number):
    for name in ("B", "C"):
        rig.world.add_device(f"ACME-{name}")
    rig.account.fault(".", "act-then-drop", number)
    runs = ()
    while not runs:
        try:
            runs = rig.request(datto_job())
        except Exception:
            rig.account.advance(30)
    rig.turns(600, each=2)
    assert set(starts_of(rig).values()) == {1}
    assert len(rig.world.jobs) == 3
    assert statuses(rig, runs) == {"completed": 3}


def test_another_process_that_takes_over_looks_for_what_the_first_one_sent(rig):
    [run] = rig.request(datto_job())
    rig.account.fault("PUT .*quickjob", "act-then-drop")
    rig.account.fault("GET .*activity-logs", "status", value=503)
    rig.turn()
    assert rig.status(run) == "queued"
    rig.world.faults.clear()
    rig.use(rig.account.open(), owner="test:2")
    rig.turns(120)
    assert rig.status(run) == "completed"
    assert len(rig.world.jobs) == 1


def test_what_the_log_tells_late_is_adopted(rig):
    rig.world.log_delay_seconds = 90
    rig.account.fault("PUT .*quickjob", "act-then-drop")
    [run] = rig.request(datto_job())
    rig.turns(200)
    assert rig.status(run) == "completed"
    assert len(rig.world.jobs) == 1


def test_what_is_not_found_is_unknown_and_never_sent_again(rig):
    rig.account.fault("PUT .*quickjob", "drop")
    [run] = rig.request(datto_job())
    rig.turns(400, each=2)
    assert rig.status(run) == "unknown start_unconfirmed"
    assert rig.account.asked("PUT", "quickjob") == 1


def test_a_living_process_is_left_to_start_what_it_claimed(rig):
    [run] = rig.request(datto_job())
    rig.store.claim_runs("acme", owner="test:other", now=rig.clock(), limit=1)
    rig.driver = type(rig.driver)(
        **{name: getattr(rig.driver, name) for name in rig.driver.__struct_fields__ if name != "is_gone"},
        is_gone=lambda owner: False,
    )
    rig.turns(30)
    assert rig.status(run) == "queued"
    assert rig.account.asked("GET", "activity-logs") == 0


def test_requests_of_others_on_the_account_count(rig):
    for number in range(60):
        rig.world.add_device(f"PC-{number}")
    for _ in range(70):
        rig.world.rates.operations["device-job-create"].take(rig.clock())
    rig.request(datto_job())
    rig.turns(50)
    assert rig.world.rates.refused == 0
    assert len(rig.world.jobs) <= 30
    rig.turns(60)
    assert len(rig.world.jobs) == 61


def test_a_small_job_does_not_wait_for_the_end_of_a_large_one(fleet):
    fleet.world.add_component("Other", behaviour=Behaviour())
    fleet.request(datto_job("large"))
    fleet.account.advance(1)
    small = fleet.request(datto_job("small", component="Other", overlap=Overlap.ALLOW))
    assert len(small) == 500
    fleet.turns(10)
    names = Counter(job.name.partition("@")[0] for job in fleet.world.jobs)
    assert names["small"] > 40
    assert names["large"] > 40


def test_limits_hold_over_the_window_that_the_account_tells(fleet):
    rates = fleet.world.rates
    rates.window_seconds = 120
    rates.operations["device-job-create"] = Window(100, seconds=120)
    fleet.request(datto_job())
    fleet.turns(110)
    assert len(fleet.world.jobs) == 100
    fleet.turns(30)
    assert len(fleet.world.jobs) == 200
    assert rates.refused == 0
    assert fleet.target.pace() == Pace(100, 120)


@pytest.mark.parametrize("odd", [0, -1, True, "60", None, 10**9])
def test_a_window_that_is_none_is_not_taken_over(fleet, odd):
    fleet.world.rates.window_seconds = odd
    assert fleet.target.pace() == Pace(100, 60)
