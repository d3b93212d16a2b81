"""Conditions in files: problems at their place, with what was meant."""

import pytest
from support.definitions import JOB, job_lines, lines_of, load

PARAMETERS = "parameters: [{name: days, type: number, default: 7}]\n"
COMPONENT = "id: clean\nvariables: [{name: days, type: number, defaultValue: 7}]\nscript: echo\n"
MADE = "id: a\nschedule: {intervalMinutes: 30}\ncomponent: clean\n"


@pytest.mark.parametrize(
    "condition",
    [
        "device.os == 'linux'",
        "{expression: parameters.days > 3}",
        "has(event.data.disk) && event.data.disk == 'C'",
        "job.lastStatus != 'failed'",
    ],
)
def test_a_condition_that_can_be_evaluated_is_no_problem(condition):
    assert job_lines(JOB + PARAMETERS + f"condition: {condition}\n") == []


@pytest.mark.parametrize(
    ("condition", "line"),
    [
        pytest.param(
            "device.hostnme == 'a'",
            "7:12 JOB006 condition: unknown name `device.hostnme` in the condition at column 1;"
            " did you mean `device.hostname`?",
            id="name",
        ),
        pytest.param(
            "parameters.dayz > 3",
            "7:12 JOB006 condition: unknown name `parameters.dayz` in the condition at column 1;"
            " did you mean `parameters.days`?",
            id="parameter",
        ),
        pytest.param(
            "device.os = 'linux'",
            "7:12 JOB005 condition: the condition at column 11: cannot read `= 'linux'`",
            id="syntax",
        ),
        pytest.param(
            "|\n  device.os == 'linux' &&\n  devise == 1",
            "7:1 JOB006 condition: unknown name `devise` in the condition at line 2, column 1;"
            " did you mean `device.os`?",
            id="second-line",
        ),
        pytest.param(
            "device.os", "7:12 JOB005 condition: the condition: it gives text, not true or false", id="not-boolean"
        ),
        pytest.param(
            "{expression: device.os}",
            "7:12 JOB005 condition: the condition: it gives text, not true or false",
            id="as-an-object",
        ),
        pytest.param(
            "device.os.matches('(.?){1000}x')",
            "7:12 JOB007 condition: the condition: it may take too long: it costs up to 330,330, and 200,000 is the"
            " limit",
            id="costly",
        ),
    ],
)
def test_a_condition_that_cannot_be_evaluated_is_a_problem_with_its_place(condition, line):
    assert job_lines(JOB + PARAMETERS + f"condition: {condition}\n") == [line]


def test_a_condition_reads_the_variables_of_the_jobs_component():
    good = load({"components/clean.yaml": COMPONENT, "jobs/a.yaml": MADE + "condition: parameters.days > 3\n"})
    bad = load({"components/clean.yaml": COMPONENT, "jobs/a.yaml": MADE + "condition: parameters.dayz > 3\n"})
    assert lines_of(good) == []
    assert [line.partition(";")[0] for line in lines_of(bad)] == [
        "jobs/a.yaml:4:12 JOB006 condition: unknown name `parameters.dayz` in the condition at column 1"
    ]


def test_a_damaged_parameter_is_told_once_and_not_again_by_the_condition():
    text = JOB + "parameters: [{name: 7days}]\ncondition: parameters.days == 7\n"
    assert [line.split()[1] for line in job_lines(text)] == ["VAL003"]


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        pytest.param("event.data.free < 5 && event.device != ''", [], id="readable"),
        pytest.param(
            "event.dat.free < 5",
            ["JOB006 events[1].where: unknown name `event.dat.free` in the where at column 1"],
            id="name",
        ),
        pytest.param(
            "device.os == 'linux'",
            ["JOB006 events[1].where: unknown name `device.os` in the where at column 1"],
            id="not-of-the-event",
        ),
        pytest.param("event.type", ["JOB005 events[1].where: the where: it gives text"], id="not-boolean"),
    ],
)
def test_what_an_event_must_hold_is_read_at_validation(where, expected):
    text = JOB + f'events: [Startup, {{eventType: full, where: "{where}"}}]\n'
    found = [line.partition(" ")[2] for line in job_lines(text) if "JOB00" in line]
    assert [line.partition(";")[0].partition(",")[0] for line in found] == expected
