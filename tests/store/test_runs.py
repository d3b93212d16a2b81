from datetime import UTC, datetime

import pytest
from msgspec.structs import replace
from support.store import MIDNIGHT, MINUTE, add_run, finished, occurrence_of, run_of, uid_of

from reconciler.model.errors import UsageError
from reconciler.model.run import Device, Run, RunStatus, TriggerKind
from reconciler.model.secret import SecretRef
from reconciler.store.records import RunFilter, Standing

NOW = MIDNIGHT + MINUTE


def uids(runs: list[Run]) -> list[int]:
    return [int(run.uid[:8] + run.uid[9:13], 16) for run in runs]


def test_a_run_comes_back_as_it_went_in(store):
    occurrence = occurrence_of("a", 1)
    device = Device(uid="d", hostname="ä", os="linux", site="S", tags=("x", "y"), online=True, last_seen=MIDNIGHT)
    run = replace(
        run_of(occurrence, 2, device=device),
        parent_uid=uid_of(9),
        requested_by="anna",
        attempt=2,
        variables={"text": "'\"\\\n", "count": 3, "share": 0.5, "on": True, "none": None, "key": SecretRef("NAME")},
        due_at=datetime(2026, 3, 1, 0, 0, 7, 125_000, tzinfo=UTC),
    )
    store.add_occurrence(occurrence, [run])
    assert store.run(run.uid) == run


def test_due_runs_are_claimed_by_priority_then_due_time_then_age(store):
    occurrences = {number: occurrence_of(f"job-{number}", number) for number in (10, 20, 30, 40, 50)}
    first = [
        replace(run_of(occurrences[10], 11, priority=5), due_at=MIDNIGHT),
        replace(run_of(occurrences[20], 21, priority=9), due_at=NOW),
        replace(run_of(occurrences[30], 31, priority=5), due_at=MIDNIGHT),
        replace(run_of(occurrences[40], 41, priority=9), due_at=MIDNIGHT),
        replace(run_of(occurrences[50], 51, priority=10), due_at=NOW + MINUTE),
    ]
    store.settle([], list(occurrences.values()), first)
    assert uids(store.claim_runs("local", owner="me", now=NOW, limit=3)) == [41, 21, 11]
    assert uids(store.claim_runs("local", owner="me", now=NOW, limit=3)) == [31]
    assert store.claim_runs("local", owner="me", now=NOW, limit=3) == []


def test_a_claimed_run_is_queued_and_waits_for_its_start(store):
    run = add_run(store, "a", 1)
    [claimed] = store.claim_runs("local", owner="me", now=NOW, limit=5)
    assert claimed == replace(run, status=RunStatus.QUEUED, queued_at=NOW) == store.run(run.uid)
    assert store.claim_runs("psu", owner="me", now=NOW, limit=5) == []


def test_a_run_starts_once(store):
    run = add_run(store, "a", 1)
    store.claim_runs("local", owner="me", now=NOW, limit=5)
    assert store.record_started(run.uid, at=NOW, handle="h1")
    assert not store.record_started(run.uid, at=NOW + MINUTE, handle="h2")
    started = store.run(run.uid)
    assert (started.status, started.started_at, started.handle) == (RunStatus.RUNNING, NOW, "h1")


def test_several_runs_start_together_and_none_twice(store):
    first, second = add_run(store, "a", 1), add_run(store, "b", 3)
    store.record_started(first.uid, at=MIDNIGHT, handle="h0")
    store.record_starts({first.uid: "h1", second.uid: "h2"}, at=NOW)
    assert [(run.handle, run.started_at) for run in store.active_runs()] == [("h0", MIDNIGHT), ("h2", NOW)]


def test_a_claimed_run_is_released_for_a_later_claim_until_it_started(store):
    run = add_run(store, "a", 1)
    assert not store.release_run(run.uid)
    store.claim_runs("local", owner="me", now=NOW, limit=5)
    assert store.runs_under_way() != []
    assert store.release_run(run.uid)
    assert (store.run(run.uid), store.runs_under_way()) == (run, [])
    assert len(store.claim_runs("local", owner="you", now=NOW, limit=5)) == 1
    store.record_started(run.uid, at=NOW, handle="h")
    assert not store.release_run(run.uid)


def test_an_exclusive_run_waits_for_another_of_its_job_on_the_same_device(store):
    first, second, other = add_run(store, "a", 1), add_run(store, "a", 3, at=NOW), add_run(store, "b", 5)
    assert store.claim_runs("local", owner="me", now=NOW, limit=9) == [
        replace(run, status=RunStatus.QUEUED, queued_at=NOW) for run in (first, other)
    ]
    assert store.claim_runs("local", owner="me", now=NOW, limit=9) == []
    store.finish_runs([finished(first)])
    assert [run.uid for run in store.claim_runs("local", owner="me", now=NOW, limit=9)] == [second.uid]


def test_a_run_that_is_not_exclusive_waits_for_nothing(store):
    add_run(store, "a", 1)
    occurrence = occurrence_of("a", 3, at=NOW)
    store.add_occurrence(occurrence, [replace(run_of(occurrence, 4), is_exclusive=False)])
    assert len(store.claim_runs("local", owner="me", now=NOW, limit=9)) == 2


def test_a_run_under_way_changes_its_word_and_an_ended_one_does_not(store):
    run = add_run(store, "a", 1)
    store.record_progress([Standing(uid=run.uid, status=RunStatus.WAITING)])
    assert store.run(run.uid).status is RunStatus.WAITING
    store.finish_runs([finished(run)])
    store.record_progress([Standing(uid=run.uid, status=RunStatus.RUNNING)])
    assert not store.record_started(run.uid, at=NOW, handle=None)
    assert store.run(run.uid).status is RunStatus.COMPLETED


def test_active_runs_are_those_that_have_not_ended(store):
    ended, active = add_run(store, "a", 1), add_run(store, "a", 3, at=NOW)
    other = add_run(store, "b", 5)
    store.finish_runs([finished(ended)])
    assert store.active_runs() == [active, other]
    assert store.active_runs(root_id="a") == store.active_runs("local", "a") == [active]
    assert store.active_runs("psu") == []
    assert store.count_active() == 2


def test_a_run_is_found_by_the_beginning_of_its_uid_if_only_one_begins_so(store):
    first, second = add_run(store, "a", 0x10001), add_run(store, "b", 0x20001)
    assert store.run(first.uid) == store.run(first.uid[:8]) == store.run(f" {first.uid[:10].upper()} ") == first
    with pytest.raises(UsageError, match=f"beginning of several runs: {first.uid}, {second.uid}"):
        store.run("0000")
    assert store.run("") is store.run("f") is store.run("%") is None


def test_runs_are_listed_newest_first_and_page_by_page(store):
    for number in range(1, 11):
        add_run(store, "a", 2 * number, at=MIDNIGHT + number * MINUTE)
    first = store.runs(RunFilter(), limit=4)
    second = store.runs(RunFilter(), limit=4, before_uid=first[-1].uid)
    assert uids(first) + uids(second) == [21, 19, 17, 15, 13, 11, 9, 7]


@pytest.fixture
def varied(store):
    """Four runs; each differs from the first in some ways."""
    add_run(store, "a", 10, commit="aaaa" + "0" * 36)
    add_run(store, "b", 20, commit="bbbb" + "0" * 36)
    event = occurrence_of("a", 30, kind=TriggerKind.EVENT, target="psu", at=NOW)
    store.add_occurrence(event, [run_of(event, 31, device=Device(uid="d9", hostname="desk"))])
    failed = add_run(store, "a", 40, at=NOW)
    store.finish_runs([finished(failed, status=RunStatus.FAILED)])
    return store


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        pytest.param(RunFilter(), [41, 31, 21, 11], id="all"),
        pytest.param(RunFilter(job_id="a"), [41, 31, 11], id="job"),
        pytest.param(RunFilter(target="psu"), [31], id="target"),
        pytest.param(RunFilter(device="d9"), [31], id="device-uid"),
        pytest.param(RunFilter(device="desk"), [31], id="device-hostname"),
        pytest.param(RunFilter(status=RunStatus.FAILED), [41], id="failed"),
        pytest.param(RunFilter(status=RunStatus.CREATED), [31, 21, 11], id="under-way"),
        pytest.param(RunFilter(status=RunStatus.COMPLETED), [], id="completed"),
        pytest.param(RunFilter(commit="bbbb" + "0" * 36), [21], id="commit"),
        pytest.param(RunFilter(commit="bb"), [21], id="beginning-of-commit"),
        pytest.param(RunFilter(trigger_kind=TriggerKind.EVENT), [31], id="trigger"),
        pytest.param(RunFilter(since=NOW), [41, 31], id="since"),
        pytest.param(RunFilter(job_id="a", since=NOW, status=RunStatus.FAILED), [41], id="several-at-once"),
    ],
)
def test_filters(varied, wanted, expected):
    assert uids(varied.runs(wanted, limit=10)) == expected
