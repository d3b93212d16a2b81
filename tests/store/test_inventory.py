import pytest
from msgspec.structs import replace
from support.store import MIDNIGHT, MINUTE, applied_of, job_of, schedule_of

from reconciler.model.errors import InternalError
from reconciler.model.forms import Component, Kind, digest_form
from reconciler.model.inventory import Applied
from reconciler.model.run import Origin

A, B = job_of("a"), job_of("b")


def test_what_is_applied_is_kept_with_its_form_and_origin(store):
    store.record_applied([applied_of(A), applied_of(B, target="psu")], [])
    assert store.inventory() == [applied_of(A), applied_of(B, target="psu")]
    assert store.inventory("psu") == [applied_of(B, target="psu")]
    assert store.applied_job("local", "a") == applied_of(A)
    assert store.applied_job("psu", "a") is None


def test_applying_again_replaces_the_form(store):
    store.record_applied([applied_of(A)], [])
    changed = job_of("a", description="new")
    store.record_applied([applied_of(changed, commit="e" * 40)], [])
    assert store.inventory() == [applied_of(changed, commit="e" * 40)]


def test_a_form_stays_readable_by_its_digest_after_the_job_changed_or_went(store):
    store.record_applied([applied_of(A)], [])
    store.record_applied([applied_of(job_of("a", description="new"))], [])
    store.record_deleted("local", Kind.JOB, "a")
    assert store.form(Kind.JOB, digest_form(A)) == A
    assert store.form(Kind.COMPONENT, digest_form(A)) is None


def test_a_renamed_job_takes_the_place_of_its_earlier_id(store):
    store.record_applied([applied_of(A)], [schedule_of("a", MIDNIGHT + MINUTE)])
    renamed = applied_of(job_of("a2"), root_id="a")
    store.record_applied([renamed], [])
    assert store.inventory() == [renamed]
    assert store.schedules() == [schedule_of("a", MIDNIGHT + MINUTE, job_id="a2")]


def test_a_job_that_drops_its_previous_id_begins_anew_without_the_old_schedule(store):
    store.record_applied([applied_of(job_of("b"), root_id="a")], [schedule_of("a", MIDNIGHT, job_id="b")])
    store.record_applied([applied_of(B)], [schedule_of("b", MIDNIGHT + MINUTE)])
    assert store.inventory() == [applied_of(B)]
    assert store.schedules() == [schedule_of("b", MIDNIGHT + MINUTE)]


def test_kinds_and_targets_do_not_disturb_one_another(store):
    component = Component(id="a")
    origin = Origin(commit="c", path="p", blob="b", digest=digest_form(component))
    made = Applied(
        target="local", kind=Kind.COMPONENT, id="a", root_id="a", form=component, origin=origin, applied_at=MIDNIGHT
    )
    items = [made, applied_of(A), applied_of(A, target="psu")]
    store.record_applied(items, [])
    assert store.inventory() == items
    store.record_deleted("local", Kind.COMPONENT, "a")
    assert store.inventory() == items[1:]


def test_deleting_a_job_ends_its_schedule_and_no_other(store):
    store.record_applied([applied_of(A), applied_of(B)], [schedule_of("a", MIDNIGHT), schedule_of("b", MIDNIGHT)])
    store.record_deleted("local", Kind.JOB, "a")
    store.record_deleted("local", Kind.JOB, "never-there")
    assert store.inventory() == [applied_of(B)]
    assert store.schedules() == [schedule_of("b", MIDNIGHT)]


def test_a_job_that_has_no_schedule_any_more_is_not_due(store):
    store.record_applied([applied_of(A)], [schedule_of("a", MIDNIGHT)])
    store.record_applied([applied_of(job_of("a", interval_minutes=None))], [])
    assert store.schedules() == []


def test_a_job_applied_again_keeps_how_far_its_schedule_is_settled(store):
    settled = replace(schedule_of("a", MIDNIGHT + 9 * MINUTE), cursor_at=MIDNIGHT + 8 * MINUTE)
    store.record_applied([applied_of(A)], [settled])
    store.record_applied([applied_of(job_of("a", description="new"))], [])
    assert store.schedules() == [settled]


def test_an_origin_that_does_not_belong_to_its_form_is_our_mistake_and_nothing_is_written(store):
    wrong = replace(applied_of(B), origin=replace(applied_of(B).origin, digest="d"))
    with pytest.raises(InternalError, match="the digest 'd' of job 'b' is not that of its form"):
        store.record_applied([applied_of(A), wrong], [])
    assert store.inventory() == []


def test_many_jobs_are_applied_in_one_go(store):
    items = [applied_of(job_of(f"job-{number:05}")) for number in range(5_000)]
    store.record_applied(items, [schedule_of(item.id, MIDNIGHT) for item in items])
    assert store.inventory() == items
    assert len(store.schedules()) == 5_000


def test_what_is_applied_under_a_name_has_it_as_its_id_or_its_root(store):
    renamed = applied_of(job_of("new"), root_id="a")
    store.record_applied([renamed, applied_of(B), applied_of(A, target="psu")], [])
    found = store.applied_under(Kind.JOB, ["a", "new", "nobody"])
    assert sorted(item.target for item in found) == ["local", "psu"]
    assert store.applied_under(Kind.COMPONENT, ["a"]) == []


def test_objects_are_counted_by_target_and_targets_found_without_reading_them(store):
    assert store.applied_targets() == []
    store.record_applied([applied_of(A), applied_of(B), applied_of(A, target="psu")], [])
    assert store.count_objects() == {"local": 2, "psu": 1}
    assert store.applied_targets() == ["local", "psu"]


def test_what_was_noted_of_all_that_is_applied_is_forgotten_when_it_changes(store):
    store.record_applied([applied_of(A)], [])
    store.note_footing("all is well")
    store.record_deleted("local", Kind.JOB, "nobody")
    assert store.footing() == "all is well"
    store.record_deleted("local", Kind.JOB, "a")
    assert store.footing() == ""
    store.note_footing("all is well")
    store.record_applied([applied_of(B)], [])
    assert store.footing() == ""
