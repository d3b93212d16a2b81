from datetime import timedelta
from random import Random

import pytest
from msgspec.structs import replace
from support.values import COMMIT, MIDNIGHT, apply_job, declare, make_job

from reconciler.model.change import Action, Plan
from reconciler.model.forms import Kind, OneOff
from reconciler.model.job import Schedule
from reconciler.planning.plan import make_plan
from reconciler.planning.surroundings import Surroundings


def plan(desired, inventory=(), *, settled=(), tree="t" * 64) -> Plan:
    return make_plan(desired, inventory, settled_one_offs=settled, commit=COMMIT, tree_digest=tree)


def words(plan_: Plan) -> list[str]:
    return [f"{change.action.value} {change.id}" for change in plan_.changes]


A, B = make_job("a"), make_job("b")
CHANGED = make_job("a", priority=9)


@pytest.mark.parametrize(
    ("desired", "inventory", "expected"),
    [
        pytest.param(declare(A), [], ["create a"], id="new"),
        pytest.param(declare(A), [apply_job(A)], [], id="in-sync"),
        pytest.param(declare(CHANGED), [apply_job(A)], ["update a"], id="changed"),
        pytest.param(declare(A), [apply_job(A), apply_job(B)], ["delete b"], id="removed-from-git"),
        pytest.param(declare(B), [apply_job(A)], ["delete a", "create b"], id="removals-before-additions"),
        pytest.param(declare(A, complete=False), [apply_job(A), apply_job(B)], ["held b"], id="invalid-set"),
        pytest.param(
            declare(unreadable=frozenset({(Kind.JOB, "a")}), complete=False),
            [apply_job(A)],
            ["held a"],
            id="invalid-job-keeps-its-applied-form",
        ),
        pytest.param(declare(A), [apply_job(A), apply_job(make_job("b", protect=True))], ["held b"], id="protected"),
    ],
)
def test_a_plan_brings_what_is_applied_to_what_is_declared(desired, inventory, expected):
    assert words(plan(desired, inventory)) == expected


def test_a_job_on_two_targets_is_created_on_each():
    made = plan(declare(make_job("a", targets=("local", "other"))))
    assert [(change.target, change.action) for change in made.changes] == [
        ("local", Action.CREATE),
        ("other", Action.CREATE),
    ]


def test_a_renamed_job_is_one_move_and_keeps_its_root():
    made = plan(declare(make_job("new", previous_id="a")), [apply_job(A)])
    assert words(made) == ["move new"]
    assert made.changes[0].root_id == "a"
    assert made.changes[0].reason == "renamed from a"


def test_the_fields_of_an_update_are_told_one_by_one():
    before = make_job("a", schedule=Schedule(interval_minutes=30))
    after = make_job("a", schedule=Schedule(interval_minutes=60))
    made = plan(declare(after), [apply_job(before)])
    assert [(field.json_path, field.before, field.after) for field in made.changes[0].fields] == [
        ("schedule.intervalMinutes", 30, 60)
    ]


def test_a_one_off_is_planned_until_its_fate_is_recorded():
    desired = declare(A, OneOff(id="once", job="a"))
    assert words(plan(desired, [apply_job(A)])) == ["one-off once"]
    assert words(plan(desired, [apply_job(A)], settled={("once", "local")})) == []


def test_the_digest_does_not_depend_on_the_order_in_which_things_are_found():
    jobs = [make_job(f"job-{number}") for number in range(20)]
    inventory = [apply_job(job) for job in jobs[5:15]]
    digests = set()
    for seed in range(20):
        Random(seed).shuffle(jobs)
        Random(seed).shuffle(inventory)
        digests.add(plan(declare(*jobs), inventory).digest)
    assert len(digests) == 1


def test_the_digest_names_the_definitions_and_the_state_but_not_the_commit():
    base = plan(declare(A))
    same = make_plan(declare(A), [], settled_one_offs=(), commit="d" * 40, tree_digest="t" * 64)
    assert same.digest == base.digest
    assert plan(declare(A), tree="u" * 64).digest != base.digest
    assert plan(declare(A), [apply_job(CHANGED)]).digest != base.digest


def inventory_of(count: int) -> list:
    return [apply_job(make_job(f"job-{number}")) for number in range(count)]


@pytest.mark.parametrize(
    ("existing", "deleted", "guard"),
    [
        pytest.param(10, 3, None, id="3-of-10-is-30-percent"),
        pytest.param(10, 4, "GUARD001", id="4-of-10-is-too-many"),
        pytest.param(9, 5, None, id="too-few-to-judge"),
        pytest.param(3, 3, "GUARD002", id="nothing-declared-any-more"),
    ],
)
def test_deletions_are_guarded(existing, deleted, guard):
    inventory = inventory_of(existing)
    kept = [item.form for item in inventory[deleted:]]
    made = plan(declare(*kept), inventory)
    assert [item.code for item in made.guards] == ([guard] if guard else [])


def test_many_updates_are_only_warned_of():
    inventory = inventory_of(10)
    made = plan(declare(*(replace(item.form, priority=9) for item in inventory)), inventory)
    (guard,) = made.guards
    assert (guard.code, guard.warning, guard.override) == ("GUARD004", True, "")


def test_the_grace_of_a_deletion_is_guarded_at_its_beginning_and_not_again_at_its_end():
    inventory = inventory_of(10)
    kept = [item.form for item in inventory[5:]]
    day = timedelta(hours=24)
    around = Surroundings(graces={"local": day}, now=MIDNIGHT)
    begin = make_plan(declare(*kept), inventory, settled_one_offs=(), commit=COMMIT, tree_digest="t", around=around)
    assert [guard.code for guard in begin.guards] == ["GUARD001"]
    retired = [replace(item, retired_at=MIDNIGHT) for item in inventory[:5]]
    around = replace(around, now=MIDNIGHT + day)
    end = make_plan(
        declare(*kept), [*retired, *inventory[5:]], settled_one_offs=(), commit=COMMIT, tree_digest="t", around=around
    )
    assert (end.count(Action.DELETE), end.guards) == (5, ())


def test_a_change_of_the_job_under_a_rename_is_shown_with_it():
    made = plan(declare(replace(CHANGED, id="new", previous_id="a")), [apply_job(A)])
    assert [field.json_path for field in made.changes[0].fields] == ["id", "previousId", "priority"]
