"""What is declared, what was applied and what is live, three ways: what a plan makes of each combination."""

from datetime import timedelta
from random import Random

import msgspec
import pytest
from msgspec.structs import replace
from support.live import live, plan, told, words
from support.values import MIDNIGHT, apply_job, declare, make_job

from reconciler.model.change import Action
from reconciler.model.forms import Kind, OneOff, digest_form
from reconciler.model.inventory import Hold
from reconciler.model.job import Schedule
from reconciler.planning.surroundings import Surroundings

HOUR = timedelta(hours=1)
A, B = make_job("a"), make_job("b")
OURS, THEIRS = make_job("a", priority=9), make_job("a", priority=2)
OFF = make_job("a", enabled=False)
WORDY = make_job("a", description="what the target has no room for")


@pytest.mark.parametrize(
    ("declared", "applied", "found", "expected"),
    [
        pytest.param([A], [], [], ["create a"], id="new"),
        pytest.param([A], [A], [A], [], id="all-agree"),
        pytest.param([WORDY], [WORDY], [WORDY], [], id="what-the-target-has-no-room-for-is-no-drift"),
        pytest.param([OURS], [A], [A], ["update a"], id="changed-in-git"),
        pytest.param([A], [A], [THEIRS], ["drift a"], id="changed-at-the-target"),
        pytest.param([OURS], [A], [THEIRS], ["update a"], id="changed-on-both-sides"),
        pytest.param([A], [A], [], ["drift a"], id="deleted-at-the-target"),
        pytest.param([A], [], [A], ["adopt a"], id="made-by-hand-and-declared"),
        pytest.param([], [], [A], [], id="made-by-hand-is-left-alone"),
        pytest.param([B], [A, B], [A, B], ["delete a"], id="removed-from-git"),
        pytest.param([B], [A, B], [B], ["delete a"], id="removed-from-git-and-gone-already"),
        pytest.param([OFF], [A], [A], ["suspend a"], id="disabled"),
        pytest.param([A], [OFF], [OFF], ["resume a"], id="enabled"),
    ],
)
def test_three_states_make_a_change(declared, applied, found, expected):
    assert words(plan(declare(*declared), [apply_job(job) for job in applied], live(*found))) == expected


def test_each_field_says_who_changed_it():
    applied = make_job("a", priority=5, owner="ops", name="A")
    declared = replace(applied, priority=9, owner="dev")
    found = replace(applied, priority=2, name="by hand")
    (change,) = plan(declare(declared), [apply_job(applied)], live(found)).changes
    assert told(change) == [
        ("owner", "ops", "dev", None, "ours"),
        ("priority", None, 9, 2, "both"),
        ("name", "A", "A", "by hand", "theirs"),
    ]


def test_a_drift_tells_what_was_applied_what_is_there_and_what_comes_back():
    around = live(THEIRS, defaults={"retries": 3}, unmanaged={"lastEditedBy": "ada"})
    (change,) = plan(declare(A), [apply_job(A)], around).changes
    assert (change.before, change.live, change.after) == (A, THEIRS, A)
    assert told(change) == [
        ("priority", None, None, 2, "theirs"),
        ("retries", None, None, 3, "vendor-default"),
        ("lastEditedBy", None, None, "ada", "unmanaged"),
    ]


def test_what_the_vendor_filled_in_is_no_reason_to_write():
    assert words(plan(declare(A), [apply_job(A)], live(A, defaults={"retries": 3}, unmanaged={"seen": 1}))) == []


def test_an_adoption_shows_what_it_overwrites():
    (change,) = plan(declare(OURS), [], live(THEIRS)).changes
    assert change.action is Action.ADOPT
    assert told(change) == [("priority", None, 9, 2, "theirs")]


def test_an_object_that_cannot_be_managed_is_neither_written_nor_deleted():
    foreign = live(foreign={(Kind.JOB, "a"): "a link"})
    assert words(plan(declare(A), [], foreign)) == ["held a"]
    made = plan(declare(B), [apply_job(A), apply_job(B)], live(B, foreign={(Kind.JOB, "a"): "a link"}))
    assert words(made) == ["held a"]
    assert "a link" in made.changes[0].reason


@pytest.mark.parametrize("complete", [True, False])
def test_of_an_incomplete_listing_nothing_is_deleted_and_nothing_made_twice(complete):
    """RELIABILITY G13, R6."""
    around = live(B, complete=complete)
    made = plan(declare(OURS, replace(B, priority=1)), [apply_job(B), apply_job(make_job("c"))], around)
    expected = ["delete c", "create a", "update b"] if complete else ["update b", "held a", "held c"]
    assert words(made) == expected


def test_what_is_missing_from_an_incomplete_listing_is_not_made_again():
    assert words(plan(declare(A), [apply_job(A)], live(complete=False))) == []


def test_changes_of_a_target_that_does_not_answer_wait():
    around = Surroundings(unavailable={"local": "local does not answer"})
    made = plan(declare(OURS, B), [apply_job(A), apply_job(make_job("c"))], around)
    assert words(made) == ["held a", "held b", "held c"]
    assert {change.reason for change in made.changes} == {"waits: local does not answer"}
    assert [field.json_path for field in made.changes[0].fields] == ["priority"]


def test_a_file_that_moved_is_told_and_the_job_stays_the_same():
    applied = apply_job(A)
    applied = replace(applied, origin=replace(applied.origin, path="definitions/jobs/old/a.yaml"))
    (change,) = plan(declare(A), [applied]).changes
    assert (change.action, change.from_path, change.fields) == (Action.MOVE, "definitions/jobs/old/a.yaml", ())


def test_a_job_that_takes_the_id_of_another_replaces_it():
    """One change, not a deletion and a move that could come apart."""
    took = make_job("b", previous_id="a")
    (change,) = plan(declare(took), [apply_job(A), apply_job(B)]).changes
    assert (change.action, change.root_id, change.before) == (Action.REPLACE, "a", A)
    protected = apply_job(make_job("b", protect=True))
    assert words(plan(declare(took), [apply_job(A), protected])) == ["held b"]


def test_a_previous_id_that_did_its_work_does_nothing_more():
    moved = make_job("b", previous_id="a")
    assert words(plan(declare(moved), [apply_job(moved, root_id="a")])) == []


def test_a_new_job_under_the_first_id_of_a_renamed_one_is_another_job():
    """The renamed one keeps its history, by the root it has had all along."""
    renamed = apply_job(make_job("b"), root_id="a")
    (change,) = plan(declare(A, B), [renamed]).changes
    assert (change.action, change.id, change.root_id) == (Action.CREATE, "a", "a~2")


HOLD = Hold(root_id="a", job_id="a", at=MIDNIGHT, until=MIDNIGHT + HOUR, reason="disk full", held_by="ada")
HELD = Surroundings(holds={"a": HOLD}, now=MIDNIGHT)


def test_a_pause_is_shown_and_holds_no_change_back():
    (held,) = plan(declare(A), [apply_job(A)], HELD).changes
    assert (held.action, held.reason) == (Action.HELD, "paused until 2026-03-01 01:00 UTC by ada: disk full")
    (change,) = plan(declare(OURS), [apply_job(A)], HELD).changes
    assert (change.action, change.reason) == (Action.UPDATE, held.reason)


def test_a_pause_is_no_part_of_the_digest():
    """It ends by the clock, and a digest survives the night."""
    assert plan(declare(A), [apply_job(A)], HELD).digest == plan(declare(A), [apply_job(A)]).digest


def test_where_the_target_starts_jobs_a_pause_disables_there_and_its_end_enables():
    paused = replace(live(A), holds={"a": HOLD})
    (change,) = plan(declare(A), [apply_job(A)], paused).changes
    assert (change.action, change.after.enabled) == (Action.SUSPEND, False)
    off = apply_job(OFF)
    assert words(plan(declare(A), [off], replace(live(OFF), holds={"a": HOLD}))) == ["held a"]
    assert words(plan(declare(A), [off], live(OFF))) == ["resume a"]


def test_a_job_that_goes_is_disabled_first_and_removed_after_the_grace():
    around = Surroundings(graces={"local": 24 * HOUR}, now=MIDNIGHT)
    (change,) = plan(declare(B), [apply_job(A), apply_job(B)], around).changes
    assert (change.action, change.retires, change.after) == (Action.RETIRE, True, OFF)
    retired = replace(apply_job(OFF), retired_at=MIDNIGHT)
    inventory = [retired, apply_job(B)]
    assert words(plan(declare(B), inventory, replace(around, now=MIDNIGHT + 23 * HOUR))) == ["held a"]
    assert words(plan(declare(B), inventory, replace(around, now=MIDNIGHT + 24 * HOUR))) == ["delete a"]
    assert words(plan(declare(A, B), inventory, around)) == ["resume a"]
    assert words(plan(declare(OFF, B), inventory, around)) == ["update a"]


def test_a_retired_job_that_somebody_enables_again_is_disabled_again():
    retired = replace(apply_job(OFF), retired_at=MIDNIGHT)
    around = replace(live(A, B), graces={"local": 24 * HOUR}, now=MIDNIGHT)
    assert words(plan(declare(B), [retired, apply_job(B)], around)) == ["drift a"]


def test_what_an_apply_that_was_cut_off_made_is_ours():
    begun = replace(live(A, B), begun={("local", Kind.JOB, "a"): frozenset({digest_form(A)})})
    assert words(plan(declare(A, B), [apply_job(B)], begun)) == ["create a"]
    assert words(plan(declare(B), [apply_job(B)], begun)) == ["delete a"]
    assert words(plan(declare(B), [apply_job(B)], live(A, B))) == []
    by_hand = replace(begun, live=live(THEIRS, B).live)
    assert words(plan(declare(A, B), [apply_job(B)], by_hand)) == ["adopt a"]
    assert words(plan(declare(B), [apply_job(B)], by_hand)) == []


def test_what_is_applied_on_a_target_that_is_no_more_is_forgotten():
    around = Surroundings(configured=frozenset({"local"}))
    made = plan(declare(B), [apply_job(B), apply_job(A, target="old")], around)
    assert words(made) == ["delete a"]
    assert "no longer declared" in made.changes[0].reason


def test_an_alternate_is_there_before_the_job_that_falls_back_on_it_and_goes_after_it():
    first, last = make_job("a", alternate_job_id="z"), make_job("z")
    assert words(plan(declare(first, last))) == ["create z", "create a"]
    assert words(plan(declare(B), [apply_job(B), apply_job(first), apply_job(last)])) == ["delete a", "delete z"]


def test_a_plan_is_the_same_to_the_byte_in_whatever_order_things_are_found():
    """RELIABILITY G16."""
    applied = [make_job(f"job-{number}", alternate_job_id=f"job-{number + 7}") for number in range(20)]
    declared = [replace(job, priority=number % 9 + 1) for number, job in enumerate(applied[5:])]
    declared += [make_job("moved", previous_id="job-2"), make_job("new", schedule=Schedule(interval_minutes=5))]
    declared += [OneOff(id="once", job="new"), OneOff(id="later", job="moved")]
    found = [replace(job, owner="by hand") if number % 3 else job for number, job in enumerate(applied)]
    seen = set()
    for seed in range(100):
        shuffle = Random(seed).shuffle
        for items in (applied, declared, found):
            shuffle(items)
        around = replace(live(*found), holds={"job-9": replace(HOLD, root_id="job-9", job_id="job-9")}, now=MIDNIGHT)
        made = plan(declare(*declared), [apply_job(job) for job in applied], around)
        seen.add(msgspec.json.encode(made))
    assert len(seen) == 1


def test_the_digest_covers_the_live_versions_of_what_is_ours_and_of_nothing_else():
    """RELIABILITY G16: apply refuses when live state moved."""
    inventory = [apply_job(A)]
    base = plan(declare(OURS), inventory, live(A)).digest
    assert plan(declare(OURS), inventory, live(A)).digest == base
    assert plan(declare(OURS), inventory, live(THEIRS)).digest != base
    assert plan(declare(OURS), inventory, live(A, make_job("somebody-elses"))).digest == base


def test_a_part_of_the_objects_gives_the_plan_of_the_whole():
    """What is in step may be left out, if the guards are told of it."""
    jobs = [make_job(f"job-{number}") for number in range(20)]
    changed = replace(jobs[0], priority=9)
    inventory = [apply_job(job) for job in jobs]
    whole = plan(declare(changed, *jobs[8:]), inventory)
    assert whole.guards
    part = plan(declare(changed), inventory[:8], existing={"local": 20}, is_empty=False)
    assert part == whole


def test_what_refers_to_an_object_waits_until_that_is_there():
    chain = [make_job("a"), make_job("b", alternate_job_id="a"), make_job("c", alternate_job_id="b")]
    made = plan(declare(*chain), [], live(foreign={(Kind.JOB, "a"): "a link"}))
    assert words(made) == ["held a", "held b", "held c"]
    assert [change.reason for change in made.changes[1:]] == [
        "waits for job a, which is held",
        "waits for job b, which is held",
    ]


def test_what_refers_to_an_object_that_is_there_in_an_earlier_form_does_not_wait():
    found = live(A, foreign={(Kind.JOB, "x"): "a link"})
    declared = declare(OURS, make_job("b", alternate_job_id="a"), make_job("x"))
    assert words(plan(declared, [apply_job(A)], found)) == ["update a", "create b", "held x"]
