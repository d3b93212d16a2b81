"""Conditions and alternates: which job runs on which device when a trigger makes one due."""

import pytest
from support.driving import rig
from support.values import apply_job, make_job

from reconciler.model.inventory import Hold
from reconciler.model.job import Devices, OsFilter, Parameter, ValueType
from reconciler.model.run import Device, Disposition, RunStatus, Trigger, TriggerKind
from reconciler.model.secret import SecretRef
from reconciler.runs.choosing import Request
from reconciler.runs.drive import drive_once, drive_until_ended
from reconciler.runs.enqueue import make_runs

WEB = Device(uid="1", hostname="web-1", os="linux", tags=("prod",))
DB = Device(uid="2", hostname="db-1", os="linux", site="north")
EVERYWHERE = Devices(all=True)


@pytest.fixture
def fleet(tmp_path):
    with rig(tmp_path, devices=[WEB, DB]) as made:
        yield made


def ask(fleet, job, *, trigger=None, **fields):
    applied = fleet.apply(job)
    trigger = trigger or Trigger(TriggerKind.MANUAL, f"manual:{fleet.new_uid()}")
    request = Request(trigger=trigger, scheduled_for=fleet.clock(), **fields)
    active = fleet.store.active_runs("local", root_id=applied.root_id)
    requested = make_runs(
        applied, request, fleet.target, history=fleet.store, active=active, now=fleet.clock(), new_uid=fleet.new_uid
    )
    fleet.store.add_occurrence(requested.occurrence, requested.runs)
    return requested


def where(requested):
    return [f"{run.job_id} {run.device.hostname}" for run in requested.runs]


def conditional(condition, job_id="a", **fields):
    return make_job(job_id, condition=condition, **({"devices": EVERYWHERE} | fields))


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("'prod' in device.tags", ["a web-1"]),
        ("device.site == 'north'", ["a db-1"]),
        ("device.hostname.matches('^(web|db)-')", ["a db-1", "a web-1"]),
        ("run.trigger == 'manual' && target == 'local' && job.id == 'a'", ["a db-1", "a web-1"]),
    ],
)
def test_a_job_runs_on_the_devices_for_which_its_condition_holds(fleet, condition, expected):
    assert where(ask(fleet, conditional(condition))) == expected


def test_where_it_holds_for_no_device_the_occurrence_is_skipped(fleet):
    requested = ask(fleet, conditional("device.os == 'windows'"))
    assert requested.runs == ()
    assert (requested.occurrence.disposition, requested.occurrence.reason) == (Disposition.SKIPPED, "condition")


def test_a_condition_reads_the_values_of_parameters_given_or_default(fleet):
    job = conditional("parameters.days > 3", parameters=(Parameter(name="days", type=ValueType.NUMBER, default=1),))
    assert ask(fleet, job).runs == ()
    assert len(ask(fleet, job, variables={"days": "7"}).runs) == 2


def test_a_condition_reads_the_event_that_is_the_trigger(fleet):
    event = {"id": "1", "type": "DiskFull", "source": "monitor", "data": {"percent": 97}}
    job = conditional("event.type == 'DiskFull' && event.data.percent > 95")
    requested = ask(fleet, job, trigger=Trigger(TriggerKind.EVENT, "event:1"), event=event)
    assert [fleet.store.run(run.uid).event for run in requested.runs] == [event, event]


def test_a_condition_reads_how_the_job_ended_last_on_that_device(fleet):
    fleet.target.ends = RunStatus.FAILED
    ask(fleet, conditional("device.uid == '1'"))
    drive_until_ended(fleet.driver)
    assert where(ask(fleet, conditional("job.lastStatus == 'failed'"))) == ["a web-1"]
    assert where(ask(fleet, conditional("job.lastStatus == ''"))) == ["a db-1"]


@pytest.mark.parametrize(
    ("condition", "why"),
    [
        pytest.param("event.data.size > 3", 'Key not found in map : "size"', id="no-such-value"),
        pytest.param("1 / 0 == 1", "divide by zero", id="division"),
        pytest.param("parameters.key == 'x'", "parameters.key", id="a-secret-is-not-read"),
        pytest.param("nothing == 1", "unknown name `nothing`", id="applied-by-an-older-program"),
    ],
)
def test_a_condition_that_cannot_be_evaluated_fails_the_run_with_a_report(fleet, condition, why):
    (run,) = ask(fleet, conditional(condition, parameters=KEY, devices=Devices(uids=("1",)))).runs
    drive_once(fleet.driver)
    assert fleet.status(run) == "failed condition_error"
    assert why in fleet.store.tasks(run.uid)[0].meaning
    assert fleet.store.report(run.uid) is not None
    assert fleet.target.started == []


KEY = (Parameter(name="key", default=SecretRef("KEY")),)


def test_force_runs_a_job_whatever_its_condition(fleet):
    assert len(ask(fleet, conditional("false"), is_forced=True).runs) == 2


class TestAlternates:
    FIRST = conditional("device.site == 'north'", alternate_job_id="b")

    def test_it_runs_on_the_devices_for_which_the_condition_does_not_hold(self, fleet):
        fleet.apply(make_job("b", priority=9))
        requested = ask(fleet, self.FIRST)
        assert where(requested) == ["a db-1", "b web-1"]
        assert {run.occurrence_id for run in requested.runs} == {requested.occurrence.id}
        drive_until_ended(fleet.driver)
        assert [order.job.id for order in fleet.target.started] == ["b", "a"]

    def test_its_report_names_its_own_definition(self, fleet):
        alternate = fleet.apply(make_job("b"))
        run = ask(fleet, self.FIRST).runs[1]
        assert fleet.store.run(run.uid).origin == alternate.origin

    @pytest.mark.parametrize(
        ("fields", "reason"),
        [
            ({"enabled": False}, "alternate_disabled"),
            ({"os_filter": OsFilter(windows=True)}, "alternate_os_filter"),
            ({"condition": "device.os == 'windows'"}, "alternate_condition"),
            ({"condition": "false", "alternate_job_id": "c"}, "alternate_condition"),
            ({"alternate_job_id": "a"}, "alternate_cycle"),
            ({"alternate_job_id": "b"}, "alternate_cycle"),
        ],
    )
    def test_what_is_said_of_itself_applies_and_there_is_no_second_hop(self, fleet, fields, reason):
        """RELIABILITY X8."""
        fleet.apply(make_job("b", **fields))
        fleet.apply(make_job("c"))
        requested = ask(fleet, conditional("false", alternate_job_id="b"))
        assert (requested.runs, requested.occurrence.reason) == ((), reason)

    def test_one_that_is_not_applied_there_skips(self, fleet):
        assert ask(fleet, conditional("false", alternate_job_id="b")).occurrence.reason == "alternate_missing"

    def test_a_long_chain_is_taken_for_a_cycle(self, fleet):
        for number in range(40):
            fleet.apply(make_job(f"j{number}", alternate_job_id=f"j{number + 1}"))
        requested = ask(fleet, conditional("false", alternate_job_id="j0"))
        assert requested.occurrence.reason == "alternate_cycle"

    def test_a_paused_one_skips(self, fleet):
        fleet.apply(make_job("b"))
        fleet.store.set_hold(
            Hold(root_id="b", job_id="b", at=fleet.clock(), until=None, reason="repair", held_by="somebody")
        )
        assert ask(fleet, conditional("false", alternate_job_id="b")).occurrence.reason == "alternate_held"

    def test_one_that_runs_already_skips(self, fleet):
        fleet.target.ends = None
        fleet.apply(make_job("b"))
        ask(fleet, conditional("false", alternate_job_id="b"))
        assert ask(fleet, conditional("false", alternate_job_id="b")).occurrence.reason == "alternate_overlap"

    def test_a_condition_of_its_own_that_fails_is_a_failed_run_of_it(self, fleet):
        fleet.apply(make_job("b", condition="event.data.size > 1"))
        requested = ask(fleet, conditional("device.uid == '1'", alternate_job_id="b"))
        drive_until_ended(fleet.driver)
        assert where(requested) == ["b db-1", "a web-1"]
        assert [fleet.status(run) for run in requested.runs] == ["failed condition_error", "completed"]

    def test_it_gets_the_event_and_the_parameters_that_it_declares(self, fleet):
        fleet.apply(make_job("b", parameters=(Parameter(name="days", type=ValueType.NUMBER),)))
        parameters = (Parameter(name="days"), Parameter(name="mode", default="fast"), *KEY)
        job = conditional("false", alternate_job_id="b", parameters=parameters)
        event = {"id": "1", "type": "x", "data": {"n": 1}}
        run, *_ = ask(fleet, job, variables={"days": "7"}, event=event).runs
        assert (run.variables, run.event) == ({"days": "7"}, event)
        drive_once(fleet.driver)
        assert fleet.target.started[0].values == {"days": 7}


def test_a_job_found_by_its_id_is_the_one_on_that_target(fleet):
    fleet.store.record_applied([apply_job(make_job("b"), target="other")], [])
    assert fleet.store.applied_by_id("local", "b") is None
    assert fleet.store.applied_by_id("other", "b").id == "b"
