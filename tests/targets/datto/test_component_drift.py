"""Components that somebody edited in the portal: `plan` and `drift` tell it, with what a person has to do."""

import zipfile
from xml.etree import ElementTree as ET

import jsonschema
import pytest
from fakes.datto.things import Variable, variable
from support.datto import COMPONENT

from reconciler.definitions.schemas import schema_of

SCRIPTED = COMPONENT + "script: |\n  Write-Output 'hello'\n"


@pytest.fixture
def applied(project):
    assert project.call("apply").code == 0
    return project


def test_r9_a_component_that_differs_is_told_by_plan_and_drift_and_written_by_neither(applied, world):
    world.components[0].variables[0]["defaultVal"] = "99"
    world.components[0].name = "Clear temp files"
    plan = applied.call("plan")
    assert "acme: component clear-temp: differs; run by clean\n" in plan.out
    assert "variables.days.defaultValue: 7 declared, 99 there\n" in plan.out
    assert "name: Clear Temp Files declared, Clear temp files there\n" in plan.out
    drift = applied.call("drift", "--target", "acme")
    assert "  ~ component clear-temp  changed  definitions/components/clear-temp.yaml" in drift.out
    assert "variables.days.defaultValue: 7 -> 99  (theirs)\n" in drift.out
    assert applied.call("apply").code == 0
    assert world.components[0].variables[0]["defaultVal"] == "99"
    assert {(request.method, request.path) for request in world.requests if request.method != "GET"} == {
        ("POST", "/auth/oauth/token")
    }


def test_what_only_a_person_can_do_makes_no_plan_stale_and_says_so(applied, world):
    digest = applied.call("plan", "--format", "json").json["digest"]
    world.components[0].variables[0]["defaultVal"] = "99"
    answer = applied.call("plan", "--exit-code", "--format", "json")
    jsonschema.validate(answer.json, schema_of("plan"))
    assert (answer.code, answer.json["digest"], answer.json["changes"]) == (0, digest, [])
    assert answer.json["byHand"][0]["steps"][0]["state"] == "differs"
    assert "does not count for --exit-code; `reconciler drift --exit-code` counts it" in answer.err
    assert applied.call("drift", "--exit-code").code == 2


def test_a_script_that_was_not_imported_is_a_manual_step_with_its_file(applied, world):
    applied.repo.write("definitions/components/clear-temp.yaml", SCRIPTED)
    applied.repo.commit("Give it a script")
    out = applied.call("plan").out
    assert "one without our mark there\n" in out
    assert (
        "manual step: import clear-temp.cpt, which is made by reconciler targets bundle acme --component clear-temp"
    ) in out


def test_once_it_is_imported_nothing_is_left_to_a_person(applied, world):
    applied.repo.write("definitions/components/clear-temp.yaml", SCRIPTED)
    applied.repo.commit("Give it a script")
    assert applied.call("apply").code == 0
    assert applied.call("targets", "bundle", "acme").code == 0
    with zipfile.ZipFile(applied.repo.path / "dist" / "clear-temp.cpt") as package:
        resource = ET.fromstring(package.read("resource.xml"))
    world.components[0].description = resource.findtext("general/description")
    assert applied.call("drift", "--exit-code").code == 0
    assert "By hand" not in applied.call("plan").out


def test_a_component_that_is_gone_or_there_twice_is_told(applied, world):
    first = world.components[0]
    world.components.clear()
    assert "component clear-temp  missing" in applied.call("drift").out
    world.components.append(first)
    world.add_component("CLEAR TEMP FILES")
    assert "several have its name" in applied.call("plan").out


def test_defaults_that_are_secrets_are_not_shown(applied, world):
    secretive = COMPONENT + "- {name: DB_PASSWORD, type: string}\n"
    applied.repo.write("definitions/components/clear-temp.yaml", secretive)
    applied.repo.commit("Take a password")
    world.components[0].variables.append(variable("DB_PASSWORD", default="hunter2"))
    out = applied.call("plan").out
    assert "variables.DB_PASSWORD.defaultValue: nothing declared, *** there" in out
    assert "hunter2" not in out


def test_without_credentials_the_plan_says_that_nobody_looked(applied, monkeypatch):
    monkeypatch.delenv("A_KEY")
    plan = applied.call("plan")
    assert plan.code == 0
    assert "acme: its components were not compared: acme: cannot log in" in plan.out
    drift = applied.call("drift")
    assert drift.code == 1
    assert "could not be read: acme: cannot log in" in drift.out


def test_status_asks_no_service_for_components(applied, world):
    before = len(world.requests)
    applied.call("status")
    assert len(world.requests) == before


def test_a_variable_that_hides_one_of_the_account_is_told_where_something_else_is(applied, world):
    world.account_variables.append(Variable(1, "days", "1"))
    world.components[0].variables[0]["type"] = "boolean"
    out = applied.call("plan").out
    assert "variables.days.type: string declared, boolean there\n" in out
    assert "variable days hides the account's or a site's of that name" in out
