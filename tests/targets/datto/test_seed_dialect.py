"""The simpler dialect: its paths, POST, its flat body, its statuses and exit codes."""

import json

import pytest
from fakes.datto.things import Behaviour, variable
from support.datto import datto_job, datto_rig

from reconciler.model.job import OnOffline, Parameter


@pytest.fixture
def rig(tmp_path):
    with datto_rig(tmp_path, dialect="seed") as made:
        made.world.add_device("ACME-DC01")
        made.world.add_component("Clear Temp Files", variables=[variable("days", default="7")])
        yield made


def test_a_job_is_posted_with_a_flat_body_and_followed_to_its_exit_code(rig):
    [run] = rig.request(datto_job(parameters=(Parameter(name="days"),), variables={"days": "30"}))
    rig.turns(60)
    assert rig.status(run) == "completed"
    [task] = rig.store.tasks(run.uid)
    assert (task.exit_code, task.stdout.tail) == (0, "done\n")
    [asked] = [request for request in rig.world.requests if request.path.endswith("/quickjob")]
    assert asked.method == "POST"
    assert json.loads(asked.body) == {"componentUid": "component-0001", "variables": {"days": "30"}}


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [("Success", 3, "failed"), ("Failure", 1, "failed"), ("Expired", None, "timeout"), ("Success", None, "unknown")],
)
def test_success_is_completed_with_exit_code_zero_and_nothing_else(rig, status, code, expected):
    rig.world.behaviours["component-0001"] = Behaviour(status=status)
    rig.world.exit_codes["component-0001"] = code
    [run] = rig.request(datto_job())
    rig.turns(60)
    assert rig.status(run).split()[0] == expected


def test_an_offline_device_is_refused_by_the_service_and_tried_again_until_it_is_back(rig):
    [device] = rig.world.devices
    device.online = False
    [run] = rig.request(datto_job())
    rig.turns(60)
    assert rig.status(run) == "created"
    device.online = True
    rig.turns(300, each=5)
    assert rig.status(run) == "completed"
    assert len(rig.world.jobs) == 1


def test_a_device_that_went_offline_since_fails_the_run_if_its_job_says_so(rig):
    [run] = rig.request(datto_job(on_offline=OnOffline.FAIL))
    rig.world.devices[0].online = False
    rig.turns(10)
    assert rig.status(run) == "failed offline"


def test_a_lost_answer_cannot_be_looked_up_here_so_the_outcome_is_unknown(rig):
    rig.account.fault("POST .*quickjob", "act-then-drop")
    [run] = rig.request(datto_job())
    rig.turns(400, each=5)
    assert rig.status(run) == "unknown start_unconfirmed"
    assert len(rig.world.jobs) == 1


def test_the_other_dialect_is_never_tried_by_sending_a_start_again(tmp_path):
    with datto_rig(tmp_path, dialect="seed") as rig:
        rig.world.add_device("ACME-DC01")
        rig.world.add_component("Clear Temp Files")
        rig.account.fault("POST .*quickjob", "status", value=405)
        [run] = rig.request(datto_job())
        rig.turns(20)
        assert rig.status(run) == "failed failed_to_start"
        assert {request.method for request in rig.world.requests if "quickjob" in request.path} == {"POST"}
