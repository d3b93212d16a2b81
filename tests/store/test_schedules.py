from datetime import timedelta

from msgspec.structs import replace
from support.store import MIDNIGHT, MINUTE, applied_of, job_of, occurrence_of, run_of, schedule_of

from reconciler.store.records import RunFilter


def apply_due_at(store, **next_at):
    items = [applied_of(job_of(name)) for name in next_at]
    store.record_applied(items, [schedule_of(name, at) for name, at in next_at.items()])


def test_due_schedules_come_with_their_jobs_those_due_first_first(store):
    apply_due_at(store, a=MIDNIGHT + 2 * MINUTE, b=MIDNIGHT + MINUTE, c=MIDNIGHT + 3 * MINUTE, d=None)
    due = store.due_schedules(MIDNIGHT + 2 * MINUTE, 10)
    assert due == [
        (schedule_of("b", MIDNIGHT + MINUTE), applied_of(job_of("b"))),
        (schedule_of("a", MIDNIGHT + 2 * MINUTE), applied_of(job_of("a"))),
    ]
    assert store.due_schedules(MIDNIGHT + 2 * MINUTE, 1) == due[:1]
    assert store.due_schedules(MIDNIGHT, 10) == []


def test_an_instant_is_due_in_its_own_millisecond_and_not_before(store):
    at = MIDNIGHT + timedelta(milliseconds=500)
    apply_due_at(store, a=at)
    assert store.due_schedules(at - timedelta(milliseconds=1), 1) == []
    assert len(store.due_schedules(at, 1)) == 1


def test_a_schedule_without_its_job_is_never_due(store):
    store.save_schedules([schedule_of("gone", MIDNIGHT)])
    assert store.due_schedules(MIDNIGHT + MINUTE, 10) == []


def test_upcoming_schedules_are_listed_soonest_first(store):
    apply_due_at(store, a=MIDNIGHT + 2 * MINUTE, b=MIDNIGHT + MINUTE, c=None)
    assert [state.root_id for state in store.upcoming(5)] == ["b", "a"]
    assert [state.root_id for state in store.upcoming(1)] == ["b"]


def test_saving_writes_the_state_as_it_is(store):
    store.save_schedules([schedule_of("a", MIDNIGHT), schedule_of("a", MIDNIGHT, target="psu")])
    again = replace(schedule_of("a", None), anchor_at=MIDNIGHT + MINUTE)
    store.save_schedules([again])
    assert store.schedules("local") == [again]
    assert store.schedules("psu") == [schedule_of("a", MIDNIGHT, target="psu")]


def test_settling_writes_occurrences_and_runs_and_moves_the_cursor_together(store):
    apply_due_at(store, a=MIDNIGHT + MINUTE)
    occurrence = occurrence_of("a", 1, at=MIDNIGHT + MINUTE)
    run = run_of(occurrence, 2)
    moved = replace(schedule_of("a", MIDNIGHT + 6 * MINUTE), cursor_at=MIDNIGHT + MINUTE)
    store.settle([moved], [occurrence], [run])
    assert store.schedules() == [moved]
    assert store.occurrences(limit=9) == [occurrence]
    assert store.active_runs() == [run]


def test_settling_twice_is_settling_once(store):
    apply_due_at(store, a=MIDNIGHT + MINUTE)
    occurrence = occurrence_of("a", 1, at=MIDNIGHT + MINUTE)
    moved = replace(schedule_of("a", MIDNIGHT + 6 * MINUTE), cursor_at=MIDNIGHT + MINUTE)
    for _ in range(2):
        store.settle([moved], [occurrence], [run_of(occurrence, 2)])
    assert len(store.runs(RunFilter(), limit=9)) == len(store.occurrences(limit=9)) == 1


def test_an_instant_that_is_accounted_for_gets_no_second_run_under_another_id(store):
    known, new = occurrence_of("a", 1), occurrence_of("b", 5)
    store.settle([], [known], [run_of(known, 2)])
    again = occurrence_of("a", 3)
    store.settle([], [again, new], [run_of(again, 4), run_of(new, 6)])
    assert sorted(occurrence.id for occurrence in store.occurrences(limit=9)) == [known.id, new.id]
    assert [run.occurrence_id for run in store.active_runs()] == [known.id, new.id]


def test_a_held_occurrence_gets_its_run_later(store):
    held = occurrence_of("a", 1)
    store.settle([], [held], [])
    store.settle([], [], [run_of(held, 2)])
    assert [run.occurrence_id for run in store.active_runs()] == [held.id]


def test_the_cursor_never_moves_back(store):
    ahead = replace(schedule_of("a", MIDNIGHT + 9 * MINUTE), cursor_at=MIDNIGHT + 8 * MINUTE)
    store.save_schedules([ahead])
    store.settle([schedule_of("a", MIDNIGHT + MINUTE)], [], [])
    assert store.schedules() == [ahead]


def test_settling_does_not_bring_a_deleted_schedule_back(store):
    store.settle([schedule_of("gone", MIDNIGHT)], [], [])
    assert store.schedules() == []


def test_the_schedules_of_some_jobs_are_those_and_no_others(store):
    apply_due_at(store, a=MIDNIGHT, b=MIDNIGHT + MINUTE, c=None)
    assert [state.root_id for state in store.schedules_of(["c", "a", "nobody"])] == ["a", "c"]
    assert store.schedules_of([]) == []
