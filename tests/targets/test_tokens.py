"""Tokens on their way into a run: what is ours is filled in once, every other brace arrives as it was written."""

import pytest
from support.targets import order
from support.values import make_job

from reconciler.model.instant import utc_now
from reconciler.model.job import Parameter, Task
from reconciler.model.settings import EngineSettings
from reconciler.model.tokens import find_doubtful, takes_programs
from reconciler.targets.fake import FakeTarget
from reconciler.targets.local.order import make_order


def arguments(*given):
    job = make_job(tasks=(Task(id="t", command="awk", arguments=given),), parameters=(Parameter(name="days"),))
    made = order(FakeTarget("fake", clock=utc_now), job)
    made = type(made)(run=made.run, job=job, values={"days": "{run.uid} {{x}}"})
    (task,) = make_order(made, settings=EngineSettings(), environment={}).tasks
    return task.argv[1:]


def test_other_braces_arrive_as_they_are():
    given = ("{print}", "/x/{next}{print $1}", "${HOME}", '{"a": {"b": 1}}', "{}", "{0.__class__}", "{{7*7}}", "{a,b}")
    assert arguments(*given) == given


def test_what_a_token_stands_for_is_not_read_again():
    assert arguments("{days}", "{{days}}", "-{days}{print}") == (
        "{run.uid} {{x}}",
        "{days}",
        "-{run.uid} {{x}}{print}",
    )


@pytest.mark.parametrize("program", ["awk", "/usr/bin/gawk", "python3.12", "PWSH.EXE", "C:\\tools\\jq.exe", "sh"])
def test_some_programs_take_programs(program):
    assert takes_programs(program)


@pytest.mark.parametrize("program", ["pg_dump", "", "/opt/awk/run", "shutdown"])
def test_others_do_not(program):
    assert not takes_programs(program)


def test_what_stands_before_a_brace_may_make_it_of_another_language():
    assert list(find_doubtful("{a} ${b} %{c} x{d}")) == [("a", False), ("b", True), ("c", True), ("d", False)]
