"""What an event starts, and what becomes of the events that start nothing."""

import pytest
from support.events import outcomes, send
from support.store import MINUTE

from reconciler.loop import events
from reconciler.loop.events import settle_events
from reconciler.model.event import MAX_CHAIN, Event
from reconciler.model.inventory import Hold
from reconciler.model.run import Device, RunStatus
from reconciler.runs.drive import drive_once

DISK_FULL = {"events": ["disk-full"]}
BUSY = [
    Device(uid="u1", hostname="web01", os="linux", online=True),
    Device(uid="u2", hostname="web02", os="linux", online=True),
]


@pytest.fixture
def ready(stage):
    """A stage on which job ``a`` waits for disk-full."""
    stage.commit_job(**DISK_FULL)
    stage.reconcile()
    return stage


def test_an_event_starts_every_job_that_names_its_type(ready):
    ready.commit_job("b", events=[{"eventType": "disk-full"}, "Startup"])
    ready.commit_job("c", events=["Disk-Full"])
    ready.reconcile()
    runs = send(ready, id="e1", data={"free": 3})
    assert [(run.job_id, run.trigger.key) for run in runs] == [("a", "event:e1"), ("b", "event:e1")]
    stored = ready.world.store.run(runs[0].uid)
    assert (stored.event["type"], stored.event["data"]) == ("disk-full", {"free": 3})


def test_an_event_that_is_sent_again_starts_nothing_again(ready):
    """RELIABILITY X4: a thousand deliveries of one event are one event."""
    assert len(send(ready, id="e1")) == 1
    for _ in range(1000):
        assert send(ready, id="e1") == []
    send(ready, id="e1", source="other")
    assert outcomes(ready) == [{"started": 1}, {"coalesced": 1}]


def test_where_decides_by_the_event(stage):
    stage.commit_job(events=[{"eventType": "disk-full", "where": "event.data.free < 5 && event.device == 'web01'"}])
    stage.reconcile()
    assert send(stage, data={"free": 9}, device="web01") == []
    assert len(send(stage, data={"free": 3}, device="web01")) == 1
    assert outcomes(stage) == [{"not_wanted": 1}, {"started": 1}]


def test_a_where_that_cannot_be_evaluated_starts_nothing_and_that_is_kept(stage):
    stage.commit_job(events=[{"eventType": "disk-full", "where": "event.data.free < 5"}])
    stage.reconcile()
    assert send(stage, data={}) == []
    assert stage.ledger() == ["01 00:00 skipped where_failed x1"]
    assert "event disk-full does not start a: its where cannot be evaluated" in stage.told[-1]


def test_x7_an_event_that_no_job_names_is_accounted_for(ready):
    assert send(ready, "unheard-of") == []
    assert outcomes(ready) == [{"no_job": 1}]


def test_x7_an_event_for_a_disabled_job_is_accounted_for(stage):
    stage.commit_job(enabled=False, **DISK_FULL)
    stage.reconcile()
    assert send(stage) == []
    assert (outcomes(stage), stage.ledger()) == ([{"disabled": 1}], ["01 00:00 skipped disabled x1"])


def test_x7_an_event_for_a_deleted_job_is_accounted_for(ready):
    ready.world.store.record_deleted("local", ready.world.store.inventory()[0].kind, "a")
    assert send(ready) == []
    assert outcomes(ready) == [{"no_job": 1}]


def test_a_paused_job_is_not_started_by_an_event(ready):
    hold = Hold(root_id="a", job_id="a", at=ready.clock(), until=None, reason="repair", held_by="anna")
    ready.world.store.set_hold(hold)
    assert send(ready) == []
    assert ready.ledger() == ["01 00:00 skipped held x1"]


def test_events_for_a_run_that_has_still_to_start_are_counted_there(ready):
    """RELIABILITY X6: a storm costs one run, and the ledger says how many events it stands for."""
    (run,) = send(ready, data={"free": 1})
    ready.clock.now += MINUTE
    store = ready.world.store
    for start in range(0, 20_000, 5000):
        store.add_events(
            [
                Event(id=str(number), type="disk-full", source="storm", at=ready.clock())
                for number in range(start, start + 5000)
            ]
        )
        assert settle_events(ready.world, now=ready.clock()) == []
    assert [run.uid for run in ready.runs()] == [run.uid]
    (occurrence,) = store.occurrences(limit=9)
    assert (occurrence.count, occurrence.last_instant) == (20_001, ready.clock())
    assert len(store.events(limit=100_000)) <= 10_000 + events.BATCH


def test_events_of_another_type_or_device_are_not_counted_there(stage):
    stage.commit_job(events=["disk-full", "disk-slow"], overlap="allow")
    stage.reconcile()
    assert len(send(stage)) == len(send(stage, "disk-slow")) == len(send(stage, device="web01")) == 1


def test_a_storm_at_a_job_that_cannot_start_is_one_line_of_the_ledger(slow_stage):
    slow_stage.commit_job(**DISK_FULL)
    slow_stage.reconcile()
    send(slow_stage)
    drive_once(slow_stage.world.driver)
    for _ in range(50):
        send(slow_stage)
    assert slow_stage.ledger() == ["01 00:00 skipped overlap x50"]


def test_events_that_come_together_for_an_idle_job_are_one_run(ready):
    ready.world.store.add_events([Event(id=str(n), type="disk-full", source="s", at=ready.clock()) for n in range(9)])
    assert len(settle_events(ready.world, now=ready.clock())) == 1
    assert outcomes(ready) == [{"started": 1}] + [{"coalesced": 1}] * 8


@pytest.mark.parametrize(
    ("selector", "device", "expected"),
    [
        pytest.param({"all": True}, "", ["web01", "web02"], id="names-none"),
        pytest.param({"all": True}, "WEB02", ["web02"], id="by-hostname"),
        pytest.param({"all": True, "max": 1}, "u1", ["web01"], id="by-uid-within-max"),
        pytest.param({"hostnames": ["web01"]}, "web02", [], id="not-admitted"),
        pytest.param(None, "elsewhere", ["web01", "web02"], id="job-selects-none"),
    ],
)
def test_an_event_that_names_a_device_runs_there_where_the_selector_admits_it(tmp_path, selector, device, expected):
    from support.world import Stage

    stage = Stage(tmp_path, devices=BUSY)
    stage.commit_job(**DISK_FULL, **({"devices": selector} if selector else {}))
    stage.reconcile()
    assert [run.device.hostname for run in send(stage, device=device)] == expected
    stage.close()


def test_a_target_that_does_not_answer_keeps_its_part_of_the_event(ready):
    ready.rig.target.unreachable = True
    assert send(ready) == []
    assert outcomes(ready) == [{}]
    ready.rig.target.unreachable = False
    assert [run.job_id for run in settle_events(ready.world, now=ready.clock())] == ["a"]
    assert outcomes(ready) == [{"started": 1}]


def test_a_target_that_never_answers_is_given_up(ready):
    ready.rig.target.unreachable = True
    send(ready)
    ready.clock.now += events.GIVE_UP_AFTER + MINUTE
    assert settle_events(ready.world, now=ready.clock()) == []
    assert ready.ledger() == ["01 00:00 skipped target_unavailable x1"]


def test_an_event_beyond_the_longest_chain_starts_nothing(ready):
    assert send(ready, depth=MAX_CHAIN + 1) == []
    assert outcomes(ready) == [{"too_deep": 1}]


def test_an_event_that_breaks_something_does_not_keep_the_next_from_its_jobs(ready, monkeypatch):
    """RELIABILITY G15."""

    def break_once(job, event):
        if event.id == "pill":
            raise ZeroDivisionError("of all things")
        return True

    monkeypatch.setattr(events, "_is_wanted", break_once)
    assert send(ready, id="pill") == []
    assert len(send(ready, id="next")) == 1
    assert outcomes(ready) == [{"error": 1}, {"started": 1}]


def test_a_run_that_an_event_started_ends_like_any_other(ready):
    (run,) = send(ready)
    drive_once(ready.world.driver)
    drive_once(ready.world.driver)
    assert ready.world.store.run(run.uid).status is RunStatus.COMPLETED


def test_an_event_younger_than_the_turn_that_settles_it_is_listed_with_its_runs(stage):
    """What a run tells of, or `Startup`, comes to be within a turn, whose moment was taken before."""
    stage.commit_job(events=["disk-full"])
    stage.reconcile()
    (run,) = send(stage, at=stage.clock() + MINUTE)
    (record,) = stage.world.store.events(limit=9)
    assert [started.uid for started in stage.world.store.runs_of_events([record])] == [run.uid]
