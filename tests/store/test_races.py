"""Real processes meet at the same database: it decides, not their timing."""

from support.store import (
    MIDNIGHT,
    MINUTE,
    add_run,
    add_same_occurrences,
    claim_all,
    finish_same,
    open_new,
    schedule_of,
    settle_same_instants,
    start_one_off,
    take_lease,
)

from reconciler.model.run import RunStatus
from reconciler.store.records import RunFilter


def test_a_run_is_claimed_by_one_process_only(store, race):
    uids = [add_run(store, f"job-{number}", 10 * number).uid for number in range(1, 40)]
    claimed = race(claim_all)
    assert sorted(uid for each in claimed for uid in each) == sorted(uids)


def test_a_lease_is_taken_by_one_process_only(store, race):
    leases = [lease for lease in race(take_lease) if lease is not None]
    assert leases == [store.lease("loop")]


def test_an_occurrence_is_added_by_one_process_only(store, race):
    added = race(add_same_occurrences)
    assert [sum(each) for each in zip(*added, strict=True)] == [1] * 20
    assert len(store.runs(RunFilter(), limit=100)) == 20


def test_instants_settled_by_several_processes_have_one_run_each_and_the_cursor_ends_at_the_last(store, race):
    store.save_schedules([schedule_of("a", MIDNIGHT)])
    race(settle_same_instants)
    assert len({run.scheduled_for for run in store.runs(RunFilter(), limit=100)}) == 20
    assert len(store.runs(RunFilter(), limit=100)) == 20
    assert store.schedules()[0].cursor_at == MIDNIGHT + 19 * MINUTE


def test_a_one_off_is_started_by_one_process_only(store, race):
    assert sorted(race(start_one_off)) == [False, False, True]
    [run] = store.runs(RunFilter(), limit=10)
    assert [receipt.run_uid for receipt in store.receipts()] == [run.uid]


def test_a_run_is_ended_by_one_process_only_and_the_first_ending_stays(store, race):
    runs = [add_run(store, f"job-{number}", 10 * number) for number in range(1, 20)]
    ended = race(finish_same)
    assert sorted(uid for each in ended for uid in each) == [run.uid for run in runs]
    assert {run.status for run in store.runs(RunFilter(), limit=100)} <= {RunStatus.COMPLETED, RunStatus.CANCELLED}


def test_processes_that_create_the_database_together_share_one_state(race):
    assert len(set(race(open_new))) == 1
