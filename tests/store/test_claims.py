"""Who may be claimed: limits by key and by machine, the order, and runs that are to be cancelled."""

import pytest
from msgspec.structs import replace
from support.store import MIDNIGHT, MINUTE, add_run, finished, occurrence_of, run_of, uid_of

from reconciler.model.job import Concurrency
from reconciler.model.run import Device, RunStatus
from reconciler.store.records import RunFilter

NOW = MIDNIGHT + MINUTE


def add(store, number, **fields):
    """Store a run of a job of its own; ``fields`` are those of the run."""
    occurrence = occurrence_of(f"job-{number}", number)
    run = replace(run_of(occurrence, number + 1), **fields)
    assert store.add_occurrence(occurrence, [run])
    return run


def claim(store, limit=99, **options):
    return [run.job_id for run in store.claim_runs("local", owner="me", now=NOW, limit=limit, **options)]


def test_runs_of_one_key_are_not_under_way_beyond_its_limit(store):
    key = Concurrency(key="orders-db", max=2)
    runs = [add(store, number, concurrency=key) for number in (10, 20, 30, 40)]
    add(store, 50)
    assert claim(store) == ["job-10", "job-20", "job-50"]
    assert claim(store) == []
    store.finish_runs([finished(runs[0])])
    assert claim(store) == ["job-30"]


def test_those_that_wait_for_a_key_keep_no_slot_from_others(store):
    for number in range(10, 90, 10):
        add(store, number, concurrency=Concurrency(key="orders-db", max=1), priority=9)
    add(store, 100)
    add(store, 110, concurrency=Concurrency(key="other", max=1))
    assert claim(store, limit=3) == ["job-10", "job-100", "job-110"]


def test_no_more_are_claimed_than_there_are_slots_whoever_claims(store):
    for number in range(10, 60, 10):
        add(store, number)
    assert len(claim(store, limit=2, slots=3)) == 2
    assert len(claim(store, limit=3, slots=3)) == 1
    assert claim(store, limit=3, slots=3) == []


def test_what_is_more_urgent_is_claimed_though_all_slots_are_taken_where_the_target_starts_it_first(store):
    for number, priority in ((10, 5), (20, 5), (30, 5), (40, 3)):
        add(store, number, priority=priority)
    assert claim(store, slots=2, overtakes=True) == ["job-10", "job-20"]
    for number, priority in ((50, 7), (60, 7), (70, 7), (80, 9)):
        add(store, number, priority=priority)
    assert claim(store, slots=2, overtakes=True) == ["job-80", "job-50"]
    assert claim(store, slots=2, overtakes=True) == []
    assert claim(store, slots=2) == []


def test_a_run_comes_back_with_its_limit_and_the_wish_to_cancel_it(store):
    run = add(store, 10, concurrency=Concurrency(key="k", max=3))
    assert store.run(run.uid) == run
    assert store.request_cancel(run.uid, at=NOW)
    assert store.request_cancel(run.uid, at=NOW + MINUTE)
    assert store.run(run.uid) == replace(run, cancel_requested_at=NOW)
    store.finish_runs([finished(run)])
    assert not store.request_cancel(run.uid, at=NOW)


def test_a_withdrawn_run_is_claimed_by_nobody_else(store):
    run = add(store, 10)
    assert store.withdraw_run(run.uid, owner="me", now=NOW)
    assert not store.withdraw_run(run.uid, owner="you", now=NOW)
    assert claim(store) == []
    assert store.run(run.uid).status is RunStatus.QUEUED


def test_children_are_found_by_their_parent(store):
    parent = add(store, 10)
    child = add(store, 20, parent_uid=parent.uid)
    add(store, 30, parent_uid=uid_of(999))
    assert store.children(parent.uid) == [child]
    assert store.children(child.uid) == []


@pytest.mark.parametrize(("site", "expected"), [("Acme", ["job-20"]), ("", []), ("nowhere", [])])
def test_runs_are_listed_by_the_site_of_their_device(store, site, expected):
    add(store, 10)
    add(store, 20, device=Device(uid="d", hostname="d", site="Acme"))
    assert [run.job_id for run in store.runs(RunFilter(site=site), limit=9)] == expected


def test_what_need_not_be_durable_is_there_for_others_at_once(store):
    run = add_run(store, "a", 1)
    store.claim_runs("local", owner="me", now=NOW, limit=1)
    store.record_starts({run.uid: "h"}, at=NOW, is_durable=False)
    assert store.run(run.uid).handle == "h"
    store.finish_runs([finished(run)])
    assert store.run(run.uid).status is RunStatus.COMPLETED
