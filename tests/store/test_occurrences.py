import pytest
from msgspec.structs import replace
from support.store import HERE, MIDNIGHT, MINUTE, occurrence_of, receipt_of, run_of

from reconciler.model.run import Device, Disposition, TriggerKind
from reconciler.store.records import RunFilter


def one_off(job_id, number):
    return occurrence_of(job_id, number, kind=TriggerKind.ONE_OFF, key="oneoff:once")


def test_an_occurrence_is_added_once_by_its_key(store):
    first, second = occurrence_of("a", 1), occurrence_of("a", 3)
    assert store.add_occurrence(first, [run_of(first, 2)])
    assert not store.add_occurrence(second, [run_of(second, 4)])
    assert store.occurrences(limit=9) == [first]
    assert [run.uid for run in store.runs(RunFilter(), limit=9)] == [run_of(first, 2).uid]


@pytest.mark.parametrize(
    "other",
    [
        pytest.param({"job_id": "b"}, id="another-job"),
        pytest.param({"target": "psu"}, id="another-target"),
        pytest.param({"at": MIDNIGHT + MINUTE}, id="another-instant"),
        pytest.param({"key": "event:1"}, id="another-trigger"),
    ],
)
def test_each_part_of_the_key_counts(store, other):
    assert store.add_occurrence(occurrence_of("a", 1), [])
    assert store.add_occurrence(occurrence_of(**{"job_id": "a", "number": 2} | other), [])


def test_a_one_off_leaves_a_receipt_and_never_starts_again_under_another_job(store):
    first, second = one_off("a", 1), one_off("b", 3)
    run, again = run_of(first, 2), run_of(second, 4)
    assert store.add_occurrence(first, [run], [receipt_of("once", run)])
    assert not store.add_occurrence(second, [again], [receipt_of("once", again)])
    assert store.occurrences(limit=9) == [first]
    assert store.receipts() == store.receipts(["once", "other"]) == [receipt_of("once", run)]
    assert store.receipts(["other"]) == store.receipts([]) == []


def test_a_one_off_is_settled_whatever_became_of_it_and_schedules_are_not_one_offs(store):
    expired = replace(one_off("a", 1), disposition=Disposition.EXPIRED)
    store.settle([], [expired, occurrence_of("a", 3)], [])
    assert store.settled_one_offs() == {("once", "local")}
    assert store.settled_one_offs(["once", "other"]) == {("once", "local")}
    assert store.settled_one_offs(["other"]) == set()


def test_one_receipt_that_is_there_stops_all_devices(store):
    there = Device(uid="there", hostname="there")
    first, second = one_off("a", 1), one_off("b", 3)
    run = run_of(first, 2, device=there)
    store.add_occurrence(first, [run], [receipt_of("once", run)])
    both = [run_of(second, 4, device=HERE), run_of(second, 5, device=there)]
    assert not store.add_occurrence(second, both, [receipt_of("once", run) for run in both])
    assert store.active_runs() == [run]
    assert len(store.receipts()) == 1


def test_the_ledger_is_listed_newest_instant_first_and_by_what_became_of_it(store):
    run = occurrence_of("a", 1, at=MIDNIGHT + 2 * MINUTE)
    missed = replace(
        occurrence_of("a", 2, at=MIDNIGHT),
        disposition=Disposition.MISSED,
        reason="down",
        last_instant=MIDNIGHT + MINUTE,
        count=2,
    )
    other = replace(occurrence_of("b", 3, at=MIDNIGHT, target="psu"), disposition=Disposition.SKIPPED)
    store.settle([], [run, missed, other], [])
    store.set_disposition(run.id, Disposition.RUN)
    run = replace(run, disposition=Disposition.RUN)
    assert store.occurrences(limit=9) == [run, other, missed]
    assert store.occurrences(limit=1) == [run]
    assert store.occurrences(root_id="a", limit=9) == [run, missed]
    assert store.occurrences(target="psu", limit=9) == [other]
    assert store.occurrences(dispositions={Disposition.MISSED, Disposition.SKIPPED}, limit=9) == [other, missed]
    assert store.occurrences(dispositions={Disposition.MISSED, Disposition.RUN}, limit=9) == [run, missed]
    assert store.occurrences(since=MIDNIGHT + MINUTE, limit=9) == [run, missed]


def test_a_disposition_is_set_with_its_reason(store):
    held = occurrence_of("a", 1)
    store.settle([], [held], [])
    store.set_disposition(held.id, Disposition.SKIPPED, "overlap")
    assert store.occurrences(limit=1) == [replace(held, disposition=Disposition.SKIPPED, reason="overlap")]
