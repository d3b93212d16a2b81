"""Alerts of the account start jobs, on the device that they are of, and are resolved once that helped."""

import pytest
from fakes.datto.things import Behaviour
from support.datto import Account, datto_job
from support.values import ManualClock

from reconciler.model.job import EventTrigger
from reconciler.model.run import Trigger, TriggerKind
from reconciler.runs.choosing import Request
from reconciler.runs.enqueue import make_runs


@pytest.fixture
def account():
    made = Account(ManualClock())
    made.world.add_device("ACME-DC01")
    made.world.add_device("ACME-DC02")
    made.world.add_component("Clear Temp Files", behaviour=Behaviour())
    return made


def ask(account, cursor=""):
    events, cursor = account.target.events(cursor)
    account.advance(61)
    return list(events), cursor


def test_alerts_from_before_we_asked_start_nothing(account):
    account.world.add_alert(account.world.devices[0])
    account.advance(7200)
    events, cursor = ask(account)
    assert events == []
    assert ask(account, cursor)[0] == []


def test_an_alert_is_an_event_with_its_device_and_priority(account):
    _, cursor = ask(account)
    alert = account.world.add_alert(account.world.devices[0])
    [event], _ = ask(account, cursor)
    assert (event.id, event.type, event.device) == (alert.uid, "datto.alert", "device-0001")
    assert event.data["priority"] == "High"
    assert event.data["alertType"] == "comp_script_ctx"


def test_what_is_resolved_or_muted_is_no_event(account):
    _, cursor = ask(account)
    account.world.add_alert(account.world.devices[0], muted=True)
    account.world.add_alert(account.world.devices[0], resolved=True)
    assert ask(account, cursor)[0] == []


def test_the_account_is_not_asked_more_than_once_a_minute(account):
    account.target.events("2026-03-01T00:00:00.000Z")
    account.target.events("2026-03-01T00:00:00.000Z")
    assert account.asked("GET", "alerts/open") == 1


def test_from_an_alert_to_a_run_on_its_device_and_back(rig):
    rig.world.add_device("ACME-DC02")
    job = datto_job(events=(EventTrigger(event_type="datto.alert"),), resolve_alert_on_success=True)
    alert = rig.world.add_alert(rig.world.devices[1])
    event = {"id": alert.uid, "type": "datto.alert", "device": "device-0002"}
    request = Request(
        trigger=Trigger(TriggerKind.EVENT, f"event:{alert.uid}"),
        scheduled_for=rig.clock(),
        event=event,
        device="device-0002",
    )
    applied = rig.apply(job)
    made = make_runs(applied, request, rig.target, history=rig.store, active=(), now=rig.clock(), new_uid=rig.new_uid)
    rig.store.add_occurrence(made.occurrence, made.runs)
    assert [run.device.hostname for run in made.runs] == ["ACME-DC02"]
    rig.account.fault("POST .*resolve", "status", 1, value=503)
    rig.turns(60)
    assert rig.status(made.runs[0]) == "completed"
    assert alert.resolved


def test_a_run_that_fails_leaves_its_alert_open(rig):
    rig.world.behaviours["component-0001"].status = "Failure"
    job = datto_job(resolve_alert_on_success=True)
    alert = rig.world.add_alert(rig.world.devices[0])
    [run] = rig.request(job)
    rig.turns(60)
    assert rig.status(run) == "failed"
    assert not alert.resolved
