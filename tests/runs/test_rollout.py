"""Batches: a job goes to part of its devices first, and stops where too many of them fail."""

from collections import Counter
from datetime import timedelta

import pytest
from support.driving import rig as open_rig
from support.values import make_job

from reconciler.model.job import Devices, Rollout
from reconciler.model.run import Device, RunStatus
from reconciler.runs.drive import drive_once

FLEET = [Device(uid=f"d{number}", hostname=f"pc-{number}", os="linux", online=True) for number in range(10)]


@pytest.fixture
def fleet(tmp_path):
    with open_rig(tmp_path, ends=None, devices=FLEET) as made:
        yield made


def rollout_job(**fields):
    return make_job(devices=Devices(all=True), rollout=Rollout(**fields))


def end_all(fleet, status=RunStatus.COMPLETED):
    for run in fleet.store.runs_under_way():
        fleet.target.finish(run.handle, status)
    drive_once(fleet.driver)
    drive_once(fleet.driver)


def statuses(fleet, runs):
    return Counter(fleet.status(run) for run in runs)


def test_each_batch_waits_for_the_end_of_the_one_before(fleet):
    runs = fleet.request(rollout_job(batch_percent=30))
    seen = []
    for _ in range(5):
        drive_once(fleet.driver)
        seen.append(statuses(fleet, runs)["running"])
        end_all(fleet)
    assert seen == [3, 3, 3, 1, 0]
    assert statuses(fleet, runs) == {"completed": 10}


def test_the_next_batch_waits_for_the_pause(fleet):
    runs = fleet.request(rollout_job(batch_percent=50, pause_seconds=300))
    drive_once(fleet.driver)
    end_all(fleet)
    assert statuses(fleet, runs) == {"completed": 5, "created": 5}
    fleet.clock.now += timedelta(seconds=299)
    drive_once(fleet.driver)
    assert statuses(fleet, runs)["running"] == 0
    fleet.clock.now += timedelta(seconds=1)
    drive_once(fleet.driver)
    assert statuses(fleet, runs)["running"] == 5


def test_too_many_failures_stop_it_and_each_device_left_out_has_a_report_that_says_why(fleet):
    runs = fleet.request(rollout_job(batch_percent=20, max_failures=1))
    drive_once(fleet.driver)
    end_all(fleet, RunStatus.FAILED)
    assert statuses(fleet, runs) == {"failed": 2, "skipped rollout_stopped": 8}
    assert "2 of 2 runs before it did not complete" in fleet.store.tasks(runs[-1].uid)[0].meaning


def test_as_many_failures_as_it_may_have_do_not_stop_it(fleet):
    runs = fleet.request(rollout_job(batch_percent=10, max_failures=1))
    drive_once(fleet.driver)
    end_all(fleet, RunStatus.FAILED)
    drive_once(fleet.driver)
    assert statuses(fleet, runs)["running"] == 1


def test_without_a_rollout_all_start_at_once(fleet):
    runs = fleet.request(make_job(devices=Devices(all=True)))
    drive_once(fleet.driver)
    assert statuses(fleet, runs) == {"running": 10}
