"""Variables as the file of a target declares them: which they are, and what is wrong with them."""

import pytest
from jsonschema import Draft202012Validator
from support.datto import datto_job

from reconciler.model.forms import Target, Variable
from reconciler.model.job import Parameter
from reconciler.model.secret import SecretRef
from reconciler.targets.datto.rules import SETTINGS_SCHEMA, check_job, check_target
from reconciler.targets.datto.variables import declared_variables
from reconciler.targets.registry import provider_rules

DB = {"secret": "DB_PASSWORD"}


def acme(*listed, variables=None, **settings) -> Target:
    return Target(
        id="acme", provider="datto", settings={"variables": list(listed), **settings}, variables=variables or {}
    )


def item(name="region", value="eu", **fields):
    return {"name": name, "value": value, **fields}


def test_both_places_declare_variables():
    target = acme(item(site="Acme Corporation", protect=True), item("db", DB), variables={"days": 30, "on": True})
    assert declared_variables(target) == (
        Variable(id="account/days", name="days", value="30"),
        Variable(id="account/on", name="on", value="true"),
        Variable(id="site/Acme Corporation/region", name="region", site="Acme Corporation", value="eu", protect=True),
        Variable(id="account/db", name="db", value=SecretRef("DB_PASSWORD"), masked=True),
    )


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        pytest.param(acme(item(), item("REGION", site="Acme")), [], id="the-same-name-in-two-places"),
        pytest.param(acme(item(), item()), ["VAL007 settings.variables[1]"], id="twice"),
        pytest.param(acme(item(), item("REGION")), ["VAL007 settings.variables[1]"], id="twice-but-for-case"),
        pytest.param(acme(item(), variables={"Region": "x"}), ["VAL007 settings.variables[0]"], id="in-both-places"),
        pytest.param(
            acme(item(site="Acme"), item(site="ACME")), ["VAL007 settings.variables[1]"], id="twice-in-a-site"
        ),
        pytest.param(acme(variables={"two words": "x"}), ["KEY008 variables['two words']"], id="name"),
        pytest.param(acme(variables={"n" * 101: "x"}), [f"VAL005 variables.{'n' * 101}"], id="long-name"),
        pytest.param(acme(variables={"v": "x" * 32_768}), ["VAL005 variables.v"], id="long-value"),
        pytest.param(acme(item("v", "a\0b")), ["VAL003 settings.variables[0].value"], id="nul"),
        pytest.param(acme(item("CS_PROFILE_NAME")), ["KEY008 settings.variables[0].name"], id="the-agents-own"),
        pytest.param(acme(item("Path", "x")), ["KEY008 settings.variables[0].name"], id="path"),
        pytest.param(acme(item("dbPassword", "x")), ["SEC001 settings.variables[0].value"], id="plain-secret"),
        pytest.param(acme(item("dbPassword", DB)), [], id="secret-by-reference"),
        pytest.param(acme(item(), dialect="seed"), ["TGT001 settings.variables"], id="seed"),
        pytest.param(acme({"name": 1}, "text", item(size=1), item("v", None)), [], id="the-schema-tells-these"),
    ],
)
def test_what_is_wrong_is_said_at_its_place(target, expected):
    assert [f"{finding.code} {finding.json_path}" for finding in check_target(target)] == expected


def test_a_plain_secret_is_not_shown():
    (finding,) = check_target(acme(item("dbPassword", "hunter2")))
    assert "hunter2" not in finding.message + finding.hint


@pytest.mark.parametrize(
    ("listed", "is_valid"),
    [
        (item(), True),
        (item(value=30), True),
        (item(value=DB, site="Acme", protect=True), True),
        (item(value=None), False),
        (item(value={"secret": "A", "more": 1}), False),
        (item("two words"), False),
        (item("n" * 101), False),
        (item(value="x" * 32_768), False),
        (item(site=""), False),
        ({"name": "region"}, False),
        (item(masked=True), False),
    ],
)
def test_the_schema_says_what_an_entry_is(listed, is_valid):
    assert Draft202012Validator(SETTINGS_SCHEMA).is_valid({"variables": [listed]}) == is_valid


def test_an_input_that_hides_a_variable_is_told():
    job = datto_job(parameters=(Parameter(name="Region"), Parameter(name="days")))
    target = acme(item(site="Acme"), variables={"region": "eu"})
    assert [(finding.code, finding.severity.value, finding.message) for finding in check_job(job, target)] == [
        (
            "TGT006",
            "warning",
            f"target acme: input `Region` hides variable `region` of {where}, even when it is empty",
        )
        for where in ("the account", "site `Acme`")
    ]


@pytest.mark.parametrize("provider", ["local", "keeper"])
def test_a_target_without_room_for_variables_says_so(provider):
    (finding,) = provider_rules()[provider].check_target(Target(id="t", provider=provider, variables={"a": "b"}))
    assert (finding.code, finding.json_path) == ("TGT001", "variables")
