import pytest
from support.values import make_job

from reconciler.model.errors import UsageError
from reconciler.model.job import Parameter, ValueType
from reconciler.model.secret import SecretRef
from reconciler.runs.parameters import parse_assignment, parse_assignments, resolve_parameters

JOB = make_job(
    "backup",
    parameters=(
        Parameter(name="path", required=True, description="Where to"),
        Parameter(name="days", type=ValueType.NUMBER, default=7),
        Parameter(name="full", type=ValueType.BOOLEAN),
        Parameter(name="mode", choices=("fast", "slow"), default="fast"),
    ),
)


def test_given_values_win_over_the_jobs_own_and_those_over_defaults():
    job = make_job(parameters=JOB.parameters, variables={"path": "/own", "days": 3})
    assert resolve_parameters(job, {"path": "/given"}) == {"path": "/given", "days": 3, "mode": "fast"}


def test_text_is_read_in_the_parameters_type():
    given = {"path": "1", "days": "2.5", "full": "TRUE"}
    assert resolve_parameters(JOB, given) == {"path": "1", "days": 2.5, "full": True, "mode": "fast"}


def test_a_secret_reference_stays_one():
    assert resolve_parameters(JOB, {"path": SecretRef("P")})["path"] == SecretRef("P")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "parameter `path` is required but has no value"),
        ({"path": "x", "dyas": "1"}, "unknown parameter `dyas`; did you mean `days`?"),
        ({"path": "x", "days": "ten"}, "parameter `days`: expected a number"),
        ({"path": "x", "days": "nan"}, "parameter `days`: expected a number"),
        ({"path": "x", "full": "yes"}, "parameter `full`: expected true or false"),
        ({"path": "x", "mode": "warp"}, "parameter `mode`: it must be one of fast, slow"),
    ],
)
def test_wrong_values_are_refused_with_the_usage(given, message):
    with pytest.raises(UsageError) as refusal:
        resolve_parameters(JOB, given)
    assert message in str(refusal.value)
    assert "- path (required): Where to" in refusal.value.hint
    assert "Usage: reconciler run backup --var path=VALUE" in refusal.value.hint


def test_all_that_is_wrong_is_said_at_once():
    with pytest.raises(UsageError, match="unknown parameter `x`; parameter `path` is required"):
        resolve_parameters(JOB, {"x": "1"})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("days=30", {"days": "30"}),
        (r"path=C:\Temp,days=7", {"path": r"C:\Temp", "days": "7"}),
        (r"list=a\,b,c=d", {"list": "a,b", "c": "d"}),
        (r"path=D:\\Backup", {"path": r"D:\Backup"}),
        ("query=a=b", {"query": "a=b"}),
        ("empty=", {"empty": ""}),
        ("", {}),
    ],
)
def test_variables_in_one_text_are_read_as_seed_002_writes_them(text, expected):
    assert parse_assignments(text) == expected


@pytest.mark.parametrize("text", ["days", "=30", " =1"])
def test_an_assignment_without_a_name_or_sign_is_refused(text):
    with pytest.raises(UsageError, match="cannot read"):
        parse_assignment(text)
