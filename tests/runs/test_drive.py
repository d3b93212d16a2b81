from datetime import timedelta

import msgspec
import pytest
from msgspec.structs import replace
from support.values import make_job

from reconciler.model.errors import TargetUnavailable
from reconciler.model.job import Parameter, Task
from reconciler.model.run import Device, OutputRecord, RunStatus, Stream
from reconciler.model.secret import SecretRef
from reconciler.runs.drive import drive_once, drive_until_ended
from reconciler.runs.starting import SHORTEST_WAIT


def test_a_run_is_started_followed_and_ends_with_its_report(rig):
    (run,) = rig.request()
    assert drive_until_ended(rig.driver)
    assert rig.status(run) == "completed"
    assert msgspec.json.decode(rig.store.report(run.uid)) == {"uid": run.uid, "status": "completed"}


def test_output_and_tasks_are_kept_with_the_end(slow_rig):
    (run,) = slow_rig.request()
    drive_once(slow_rig.driver)
    record = OutputRecord("only", Stream.STDOUT, slow_rig.clock(), b"hello\n")
    slow_rig.target.write(run.uid, record)
    slow_rig.target.finish(run.uid, RunStatus.FAILED, exit_code=3)
    drive_once(slow_rig.driver)
    assert slow_rig.status(run) == "failed"
    assert slow_rig.store.output(run.uid) == [record]
    assert [(task.id, task.exit_code) for task in slow_rig.store.tasks(run.uid)] == [("only", 3)]


def test_discarded_output_is_not_kept(slow_rig):
    (run,) = slow_rig.request(make_job(discard_output=True))
    drive_once(slow_rig.driver)
    slow_rig.target.write(run.uid, OutputRecord("only", Stream.STDOUT, slow_rig.clock(), b"hello\n"))
    slow_rig.target.finish(run.uid, RunStatus.COMPLETED)
    drive_once(slow_rig.driver)
    assert slow_rig.store.output(run.uid) == []
    (task,) = slow_rig.store.tasks(run.uid)
    assert (task.stdout.bytes, task.stdout.tail) == (6, "")


def test_no_more_runs_are_under_way_than_the_target_takes(slow_rig):
    slow_rig.target.max_runs = 2
    runs = [slow_rig.request(make_job(f"job-{number}", priority=number))[0] for number in range(1, 5)]
    drive_once(slow_rig.driver)
    assert [slow_rig.status(run) for run in runs] == ["created", "created", "running", "running"]
    slow_rig.target.finish(runs[3].uid, RunStatus.COMPLETED)
    drive_once(slow_rig.driver)
    drive_once(slow_rig.driver)
    assert [slow_rig.status(run) for run in runs] == ["created", "running", "running", "completed"]


def test_waiting_stops_at_the_deadline_and_the_run_goes_on(slow_rig):
    (run,) = slow_rig.request()
    assert not drive_until_ended(slow_rig.driver, deadline=slow_rig.clock())
    assert slow_rig.status(run) == "running"


def test_a_target_that_cannot_be_reached_keeps_its_runs_for_later(rig):
    (run,) = rig.request()
    rig.target.unreachable = True
    drive_once(rig.driver)
    rig.target.unreachable = False
    rig.clock.now += SHORTEST_WAIT
    drive_until_ended(rig.driver)
    assert rig.status(run) == "completed"


def test_where_our_own_engine_does_not_answer_runs_keep_their_claim_until_it_does(rig):
    (run,) = rig.request()
    rig.target.unreachable = True
    with pytest.raises(TargetUnavailable):
        drive_until_ended(rig.driver)
    assert rig.status(run) == "queued"
    rig.target.unreachable = False
    drive_until_ended(rig.driver)
    assert rig.status(run) == "completed"


def test_p14_a_mistake_of_ours_ends_the_run_that_it_is_about_and_no_other(rig, monkeypatch, capfd):
    odd, good = rig.request(make_job("odd"))[0], rig.request(make_job("good"))[0]
    start = rig.target.start

    def break_down(orders):
        if any(order.job.id == "odd" for order in orders):
            raise ValueError("s3cr3t")
        return start(orders)

    monkeypatch.setattr(rig.target, "start", break_down)
    drive_until_ended(rig.driver)
    assert [rig.status(run) for run in (odd, good)] == ["failed internal_error", "completed"]
    assert rig.store.report(odd.uid) is not None
    (task,) = rig.store.tasks(odd.uid)
    assert task.meaning.startswith("a mistake of reconciler itself (ValueError)")
    err = capfd.readouterr().err
    assert "break_down" in err
    assert "s3cr3t" not in err.replace('ValueError("s3cr3t")', "")


def test_a_refused_start_is_a_failed_run_with_a_report(rig):
    rig.target.refuses.add("a")
    (run,) = rig.request()
    drive_once(rig.driver)
    assert rig.status(run) == "failed failed_to_start"
    assert rig.store.report(run.uid) is not None


def test_a_start_whose_answer_was_lost_is_adopted_not_repeated(rig):
    rig.target.loses_answers = True
    (run,) = rig.request()
    drive_once(rig.driver)
    drive_once(rig.driver)
    assert rig.status(run) == "completed"
    assert len(rig.target.started) == 1


def test_a_run_claimed_by_a_process_that_died_is_started_once(rig):
    """RELIABILITY P2."""
    (run,) = rig.request()
    rig.store.claim_runs("local", owner="dead:1", now=rig.clock(), limit=1)
    drive_until_ended(rig.driver)
    assert rig.status(run) == "completed"
    assert len(rig.target.started) == 1


def test_a_claimed_run_on_a_target_that_may_start_twice_is_looked_for_and_else_unknown(rig):
    rig.target.capabilities = replace(rig.target.capabilities, idempotent_start=False)
    (run,) = rig.request()
    rig.store.claim_runs("local", owner="dead:1", now=rig.clock(), limit=1)
    drive_once(rig.driver)
    assert rig.status(run) == "unknown start_unconfirmed"
    assert rig.target.started == []


def test_a_run_that_the_target_no_longer_knows_is_lost(slow_rig):
    (run,) = slow_rig.request()
    drive_once(slow_rig.driver)
    slow_rig.target._runs.clear()
    drive_once(slow_rig.driver)
    assert slow_rig.status(run) == "lost not_known"


def test_a_run_that_waited_too_long_for_a_slot_expires(slow_rig):
    slow_rig.target.max_runs = 0
    (run,) = slow_rig.request(make_job(expire_after_minutes=5))
    drive_once(slow_rig.driver)
    slow_rig.clock.now += timedelta(minutes=6)
    slow_rig.target.max_runs = 1
    drive_once(slow_rig.driver)
    assert slow_rig.status(run) == "expired waited_too_long"
    assert slow_rig.target.started == []


def test_an_offline_device_keeps_the_run_for_later(tmp_path):
    from support.driving import rig

    offline = Device(uid="d", hostname="d", os="linux", online=False)
    with rig(tmp_path, devices=[offline]) as made:
        (run,) = made.request()
        drive_once(made.driver)
        assert made.status(run) == "created"


def test_a_secret_that_is_not_there_fails_the_run_and_says_which(rig):
    job = make_job(tasks=(Task(id="only", command="true", env={"TOKEN": SecretRef("NOPE")}),))
    (run,) = rig.request(job)
    drive_once(rig.driver)
    assert rig.status(run) == "failed failed_to_start"
    assert "secret NOPE is not defined" in rig.store.tasks(run.uid)[0].meaning


@pytest.mark.parametrize(("given", "expected"), [({}, 7), ({"days": "30"}, 30)])
def test_the_target_gets_the_value_of_each_parameter(rig, given, expected):
    job = make_job(parameters=(Parameter(name="days", type="number", default=7),))
    rig.request(job, **given)
    drive_once(rig.driver)
    assert rig.target.started[0].values == {"days": expected}
