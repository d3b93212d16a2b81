import pytest

from reconciler.cli.exits import ExitCode, code_of_error, code_of_status, first_of
from reconciler.model.errors import (
    CouldNot,
    DefinitionsInvalid,
    GuardRefused,
    InternalError,
    StalePlan,
    TargetRefused,
    UsageError,
)
from reconciler.model.run import RunStatus


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (CouldNot("x"), 1),
        (TargetRefused("x"), 1),
        (DefinitionsInvalid("x"), 3),
        (GuardRefused("x"), 4),
        (StalePlan("x"), 5),
        (UsageError("x"), 64),
        (InternalError("x"), 70),
    ],
)
def test_the_class_of_an_error_decides_the_exit_code(error, code):
    assert code_of_error(error) == code


@pytest.mark.parametrize(
    ("status", "code"),
    [("completed", 0), ("skipped", 0), ("failed", 6), ("cancelled", 6), ("lost", 6), ("expired", 6), ("timeout", 7)],
)
def test_how_a_run_ended_shows_in_the_exit_code(status, code):
    assert code_of_status(RunStatus(status)) == code


def test_of_several_the_first_in_the_order_of_the_design_counts():
    order = [70, 130, 64, 3, 4, 5, 1, 7, 6, 2, 0]
    for index in range(len(order)):
        assert first_of(ExitCode(code) for code in order[index:]) == order[index]
