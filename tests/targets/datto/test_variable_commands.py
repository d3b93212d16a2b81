"""Variables of an account through the commands: every look shows them, no look writes, deleting is asked for."""

import json

import jsonschema
import pytest
from support.datto import TARGET

from reconciler.definitions.schemas import schema_of

VARIABLES = """
variables:
  region: eu
  days: "30"
  hidden: {secret: HIDDEN}
"""
CANARY = "c4n4ry-value"


@pytest.fixture
def declared(project, address, monkeypatch, tmp_path):
    secrets = tmp_path / "secrets.toml"
    secrets.write_text(secrets.read_text() + '[HIDDEN]\nenv = "HIDDEN"\n')
    monkeypatch.setenv("HIDDEN", CANARY)
    write(project, address, VARIABLES)
    return project


def write(project, address, variables):
    project.repo.write("definitions/targets/acme.yaml", TARGET % address + variables)
    project.repo.commit("Change variables")


def variable_writes(world):
    return [request for request in world.requests if request.method != "GET" and "/variable" in request.path]


def test_validate_names_the_place_of_a_mistake_and_asks_nobody(project, address, world):
    write(project, address, "variables: {two words: x, region: eu}\n")
    answer = project.call("validate")
    assert answer.code == 3
    assert "KEY008 variables['two words']: variable `two words`: a name may use" in answer.out
    assert world.requests == []


def test_every_mistake_is_told_at_once(project, address):
    listed = """
  variables:
    - {name: two words, value: 1}
    - {name: CS_X, value: 1}
    - nonsense
    - {name: x, value: [1]}
    - {name: region, value: eu, site: Acme}
    - {name: REGION, value: eu, site: ACME}
"""
    text = f"id: acme\nprovider: datto\nsettings:\n  apiUrl: {address}{listed}"
    project.repo.write("definitions/targets/acme.yaml", text)
    project.repo.commit("Make mistakes")
    told = [line.split()[1:3] for line in project.call("validate").out.splitlines() if "settings.variables" in line]
    assert told == [
        ["VAL003", "settings.variables[0].name:"],
        ["KEY008", "settings.variables[1].name:"],
        ["TYPE001", "settings.variables[2]:"],
        ["TYPE001", "settings.variables[3].value:"],
        ["VAL007", "settings.variables[5]:"],
    ]


def test_an_input_that_hides_a_variable_is_warned_of(declared):
    answer = declared.call("validate")
    assert answer.code == 0
    assert "TGT006 component: warning: target acme: input `days` hides variable `days` of the account" in answer.out


@pytest.mark.parametrize("format_", ["text", "markdown", "html", "json", "jsonl"])
def test_each_rendering_shows_variables_and_no_secret(declared, world, format_):
    world.add_variable("region", "us")
    world.add_variable("hidden", CANARY)
    answer = declared.call("plan", "--format", format_)
    assert answer.code == 0
    assert "account/region" in answer.out
    assert "us" in answer.out
    assert "HIDDEN" in answer.out
    assert CANARY not in answer.out + answer.err
    assert variable_writes(world) == []


def test_the_document_of_the_plan_keeps_its_schema(declared, world):
    world.add_variable("region", "us")
    document = json.loads(declared.call("plan", "--format", "json").out)
    jsonschema.validate(document, schema_of("plan"))
    kinds = [(change["kind"], change["id"], change["action"]) for change in document["changes"]]
    assert kinds == [
        ("variable", "account/days", "create"),
        ("variable", "account/hidden", "create"),
        ("variable", "account/region", "adopt"),
        ("component", "clear-temp", "create"),
        ("job", "clean", "create"),
    ]


def test_a_pull_request_shows_them_without_an_account(declared, world):
    answer = declared.call("plan", "--base", "HEAD~1")
    assert answer.code == 0
    assert "variable account/hidden" in answer.out
    assert CANARY not in answer.out
    assert world.requests == []


def test_deleting_is_asked_for(declared, address, world):
    assert declared.call("apply").code == 0
    write(declared, address, "variables: {region: eu}\n")
    refused = declared.call("apply")
    assert refused.code == 4
    assert "variable account/days, variable account/hidden would be deleted" in refused.err
    assert declared.call("apply", "--yes").code == 0
    assert [one.name for one in world.account_variables] == ["region"]
    assert declared.call("plan", "--exit-code").code == 0


def test_drift_and_status_tell_of_them(declared, world):
    declared.call("apply")
    assert declared.call("drift", "--exit-code").code == 0
    next(one for one in world.account_variables if one.name == "region").value = "us"
    drift = declared.call("drift", "--exit-code")
    assert (drift.code, "value: eu -> us  (theirs)" in drift.out) == (2, True)
    status = json.loads(declared.call("status", "--format", "json").out)
    acme = status["targets"]["acme"]
    assert acme["drift"] == [{"kind": "variable", "id": "account/region", "state": "changed"}]
    assert acme["inSync"] is False


def test_import_prints_what_the_file_lacks(declared, world):
    world.add_variable("window", "22:00")
    world.add_variable("key", CANARY, masked=True, site="site-0001")
    answer = declared.call("import", "--target", "acme")
    assert answer.code == 0
    assert answer.out == (
        "# to be added to definitions/targets/acme.yaml\n"
        "settings:\n"
        "  variables:\n"
        '    - {name: "window", value: "22:00"}\n'
        '    - {name: "key", site: "Acme Corporation", value: {secret: ACME_ACME_CORPORATION_KEY}}\n'
    )
    assert "secret ACME_ACME_CORPORATION_KEY needs the value of variable site/Acme Corporation/key" in answer.err
    assert variable_writes(world) == []
    document = json.loads(declared.call("import", "--target", "acme", "--format", "json").out)
    assert [one["id"] for one in document["variables"]] == ["account/window", "site/Acme Corporation/key"]


def test_what_is_declared_counts_as_taken_where_components_are_compared(declared):
    assert "variable days hides the account's" in declared.call("targets", "check", "acme").out
