import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.values import make_job

from reconciler.model.change import FieldCause, FieldChange
from reconciler.model.job import CalendarEntry, EventTrigger, Parameter, Schedule, Task
from reconciler.planning.alignment import align
from reconciler.planning.diff import diff_both, diff_forms, diff_live

ONE, TWO, THREE = (Task(id=name, command="true") for name in ("one", "two", "three"))
TWO_FAILS = Task(id="two", command="false")


def job(*tasks, **fields):
    return make_job("a", tasks=tasks, **fields)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        pytest.param([ONE, TWO], [ONE, TWO_FAILS], [("tasks[1].command", "true", "false")], id="changed"),
        pytest.param(
            [TWO, THREE], [ONE, TWO, THREE], [("tasks[0]", None, {"id": "one", "command": "true"})], id="first"
        ),
        pytest.param(
            [ONE, TWO, THREE], [TWO, THREE], [("tasks[0]", {"id": "one", "command": "true"}, None)], id="gone"
        ),
        pytest.param(
            [TWO, THREE],
            [ONE, TWO_FAILS, THREE],
            [("tasks[0]", None, {"id": "one", "command": "true"}), ("tasks[1].command", "true", "false")],
            id="added-and-changed",
        ),
        pytest.param([ONE, TWO], [TWO, ONE], [("tasks[*].id", ["one", "two"], ["two", "one"])], id="another-order"),
        pytest.param([ONE], [TWO], [("tasks[0].id", "one", "two")], id="another-id-in-its-place"),
        pytest.param(
            [ONE],
            [TWO, THREE],
            [
                ("tasks[0]", {"id": "one", "command": "true"}, None),
                ("tasks[0]", None, {"id": "two", "command": "true"}),
                ("tasks[1]", None, {"id": "three", "command": "true"}),
            ],
            id="one-for-two",
        ),
    ],
)
def test_a_task_is_compared_with_the_one_of_its_id(before, after, expected):
    found = diff_forms(job(*before), job(*after))
    assert [(field.json_path, field.before, field.after) for field in found] == expected


def test_parameters_go_by_name_and_events_by_type():
    before = job(ONE, parameters=(Parameter(name="b", type="string"),), events=(EventTrigger(event_type="B"),))
    after = job(
        ONE,
        parameters=(Parameter(name="a", type="string"), Parameter(name="b", type="string")),
        events=(EventTrigger(event_type="A"), EventTrigger(event_type="B")),
    )
    assert [field.json_path for field in diff_forms(before, after)] == ["events[0]", "parameters[0]"]


def test_entries_of_a_calendar_go_by_their_content():
    entries = [CalendarEntry(days_of_week=(day,), time="08:00") for day in (1, 2, 3)]
    before, after = (job(ONE, schedule=Schedule(calendar=tuple(chosen))) for chosen in (entries[1:], entries))
    assert [field.json_path for field in diff_forms(before, after)] == ["schedule.calendar[0]"]


def test_both_sides_are_told_of_the_same_task_wherever_it_stands_by_now():
    applied, declared, live = job(TWO, THREE), job(ONE, TWO, THREE), job(TWO_FAILS, THREE)
    assert diff_both(applied, declared, applied, live) == (
        FieldChange("tasks[0]", None, {"id": "one", "command": "true"}),
        FieldChange("tasks[0].command", "true", "true", "false", FieldCause.THEIRS),
    )
    declared = job(ONE, Task(id="two", command="maybe"), THREE)
    assert diff_both(applied, declared, applied, live)[1:] == (
        FieldChange("tasks[1].command", "true", "maybe", "false", FieldCause.BOTH),
    )


def test_what_somebody_changed_is_told_by_where_it_was_applied():
    assert [field.json_path for field in diff_live(job(TWO), job(ONE, TWO_FAILS))] == ["tasks[0]", "tasks[0].command"]


_tasks = st.lists(
    st.builds(Task, id=st.sampled_from("abcdef"), command=st.sampled_from(["x", "y"])), min_size=1, max_size=6
)


@given(_tasks, _tasks)
def test_nothing_is_left_out_and_nothing_told_twice(before, after):
    old, new = ([{"id": task.id, "command": task.command} for task in tasks] for tasks in (before, after))
    pairs = align(old, new)
    assert sorted(was for was, _ in pairs if was is not None) == list(range(len(old)))
    assert sorted(will for _, will in pairs if will is not None) == list(range(len(new)))
    assert bool(diff_forms(job(*before), job(*after))) is (before != after)
