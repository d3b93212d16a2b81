"""From a commit to a report by way of the fake account on a socket of this machine."""

import zipfile
from xml.etree import ElementTree as ET

import jsonschema
import pytest
from fakes.datto.things import Variable
from support.datto import COMPONENT, JOB

from reconciler.definitions.schemas import schema_of


def test_a_one_off_runs_a_component_on_a_device_and_its_report_names_the_commit(project, world):
    commit = project.commit_run("once", "clean")
    answer = project.call("reconcile", "--wait-seconds", "60", "--fail-on-runs", "--format", "json")
    assert answer.code == 0, answer.err
    [run] = answer.json["runs"]
    assert (run["status"], run["device"]["hostname"]) == ("completed", "ACME-DC01")
    [job] = world.jobs
    assert job.name == f"clean@{commit[:7]} run:{run['uid']}"
    assert job.variables == {"days": "30"}
    report = project.call("report", "--run", run["uid"], "--format", "json").json
    assert report["source"]["commit"] == commit
    assert report["tasks"][0]["stdout"]["tail"] == "Deleted 156 files\n"


def test_a_run_by_hand_is_followed_to_its_end(project, world):
    assert project.call("apply").code == 0
    answer = project.call("run", "clean", "--device", "acme-dc01", "--var", "days=3", "--wait=60")
    assert answer.code == 0, answer.err
    assert "Job Completed Successfully" in answer.out
    assert "Deleted 156 files" in answer.out
    assert [job.variables for job in world.jobs] == [{"days": "3"}]


def test_without_waiting_it_is_queued_and_later_found_as_it_ended(project, world):
    project.call("apply")
    answer = project.call("run", "clean")
    assert answer.code == 0, answer.err
    assert "Job will run when the device checks in" in answer.out
    assert "queued" in project.call("status").out
    [run] = project.call("runs", "list", "--format", "json").json
    assert "Job Completed Successfully" in project.call("wait", run["uid"], "--timeout", "60").out


def test_planning_and_validating_need_neither_credentials_nor_network(project, world, monkeypatch):
    monkeypatch.delenv("A_KEY")
    assert project.call("validate").code == 0
    assert world.requests == []


def test_a_pass_does_not_wait_for_what_other_systems_run(project, world):
    world.behaviours["component-0001"].run_seconds = 3600
    project.commit_run("once", "clean")
    answer = project.call("reconcile")
    assert answer.code == 0
    assert "1 not ended yet" in answer.out
    assert len(world.jobs) == 1
    project.call("reconcile")
    assert len(world.jobs) == 1


def test_targets_are_listed_checked_and_their_devices_shown(project, world):
    assert "acme" in project.call("targets", "list").out
    answer = project.call("targets", "check", "acme")
    assert (answer.code, "can be talked to; 2 devices" in answer.out) == (0, True), answer.out + answer.err
    listed = project.call("devices", "--target", "acme", "--format", "json").json
    assert [device["hostname"] for device in listed["devices"]] == ["ACME-DC01", "ACME-DC02"]
    [chosen] = project.call("devices", "--target", "acme", "--job", "clean", "--format", "json").json["devices"]
    assert chosen["hostname"] == "ACME-DC01"
    assert "starts a minute" not in project.call("devices", "--target", "acme", "--job", "clean").err


def test_a_run_by_hand_on_many_devices_starts_all_that_the_limit_allows(project, world):
    for number in range(28):
        world.add_device(f"PC-{number}")
    project.repo.write("definitions/jobs/clean.yaml", JOB.replace("hostnames: [ACME-DC01]", "all: true"))
    project.repo.commit("Run it everywhere")
    project.call("apply")
    assert project.call("run", "clean").code == 0
    assert len(world.jobs) == 30


def test_how_long_a_fan_out_takes_is_said_before_it_begins(project, world):
    for number in range(250):
        world.add_device(f"PC-{number}")
    wide = JOB.replace("hostnames: [ACME-DC01]", "all: true").replace("id: clean", "id: wide")
    project.repo.write("definitions/jobs/wide.yaml", wide)
    project.repo.commit("Run it everywhere")
    said = "252 devices: about 2 min at 100 starts a minute"
    assert f"starting wide on {said}\n" in project.call("devices", "--target", "acme", "--job", "wide").err
    assert f"        fan-out: {said}\n" in project.call("plan").out
    document = project.call("plan", "--format", "json").json
    jsonschema.validate(document, schema_of("plan"))
    assert [change["facts"]["fanOut"]["seconds"] for change in document["changes"] if change["id"] == "wide"] == [120]
    assert said in project.call("plan", "--format", "markdown").out
    assert said in project.call("plan", "--format", "html").out


def test_r9_a_component_that_somebody_edited_in_the_portal_is_told_and_left_alone(project, world):
    world.components[0].variables[0]["defaultVal"] = "99"
    answer = project.call("targets", "check", "acme")
    assert answer.code == 2
    assert "component clear-temp: differs" in answer.out
    assert "variables.days.defaultValue: 7 declared, 99 there\n" in answer.out
    assert {request.method for request in world.requests} == {"GET", "POST"}


def test_a_variable_that_hides_one_of_the_account_is_told(project, world):
    world.account_variables.append(Variable(1, "days", "1"))
    assert "hides the account's" in project.call("targets", "check", "acme").out


def test_a_check_says_that_the_key_is_wrong(project, world):
    world.keys.clear()
    answer = project.call("targets", "check", "acme")
    assert answer.code == 1
    assert "cannot log in" in answer.out
    assert "s3cr3t" not in answer.out + answer.err


def test_a_component_with_a_script_is_packed_the_same_each_time(project):
    script = "Write-Output 'hello'\n"
    project.repo.write("definitions/components/clear-temp.yaml", f"{COMPONENT}script: |\n  {script}")
    project.repo.commit("Give it a script")
    for folder in ("one", "two"):
        assert project.call("targets", "bundle", "acme", "--out", folder).code == 0
    first, second = (project.repo.path / folder / "clear-temp.cpt" for folder in ("one", "two"))
    assert first.read_bytes() == second.read_bytes()
    with zipfile.ZipFile(first) as archive:
        assert archive.read("command.bat").decode() == script
        resource = ET.fromstring(archive.read("resource.xml"))
    assert resource.findtext("general/name") == "Clear Temp Files"
    assert "[reconciler:" in (resource.findtext("general/description") or "")
    assert [item.findtext("name") for item in resource.findall("variable")] == ["days"]


def component(project, *arguments):
    return project.call("run", "--target", "acme", *arguments)


def test_a_component_runs_by_itself_in_the_words_of_seed_002(project, world):
    project.call("apply")
    answer = component(
        project, "--component", "Clear Temp Files", "--device", "ACME-DC01", "--variables", "days=30", "--wait=60"
    )
    assert answer.code == 0, answer.err
    assert answer.out.startswith("Job Completed Successfully\n")
    assert "Component:    Clear Temp Files\n" in answer.out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        pytest.param(
            ("--component", "Clear Temp Filess", "--device", "ACME-DC01"),
            'Component not found: "Clear Temp Filess"\n  Did you mean one of these?\n  - Clear Temp Files (UID: ',
            id="component-not-found",
        ),
        pytest.param(
            ("--component", "clear-temp", "--device", "DC0"),
            'Multiple devices match "DC0"\n  # | Hostname  | Site             | Status\n'
            "  --+-----------+------------------+--------\n  1 | ACME-DC01 | Acme Corporation | Online\n",
            id="several-devices",
        ),
        pytest.param(
            ("--component", "clear-temp", "--device", "UNKNOWN-PC"),
            'Device not found: "UNKNOWN-PC"\n  No device matching "UNKNOWN-PC" was found.',
            id="device-not-found",
        ),
        pytest.param(
            ("--component", "clear-temp", "--device", "ACME-DC02"),
            "Cannot run job - Device is offline\n  \n  Device:     ACME-DC02\n  Status:     Offline\n",
            id="offline",
        ),
    ],
)
def test_what_cannot_run_is_told_in_the_words_of_seed_002(project, world, arguments, said):
    world.devices[1].online = False
    project.call("apply")
    answer = component(project, *arguments)
    assert answer.code in {1, 64}
    assert said in answer.err
    assert world.jobs == []


def test_permission_denied_is_told_in_the_words_of_seed_002(project, world):
    world.rights["api-key"] = {"read"}
    project.call("apply")
    answer = project.call("run", "clean", "--wait=60")
    assert answer.code == 6
    assert "Permission denied" in answer.out
    assert "- API key does not have job execution permissions" in answer.out


@pytest.mark.parametrize("arguments", [["clean"], ["--component", "clear-temp", "--target", "acme"]])
def test_a_key_that_may_only_run_jobs_runs_what_is_named_by_uid(project, world, arguments):
    uid = world.devices[0].uid = "d4e5f6a7-b8c9-0d1e-2f3a-4b5c6d7e8f9a"
    project.repo.write("definitions/components/clear-temp.yaml", f"{COMPONENT}uid: component-0001\n")
    project.repo.write("definitions/jobs/clean.yaml", JOB.replace("hostnames: [ACME-DC01]", "all: true"))
    project.repo.commit("Pin the component")
    assert project.call("apply").code == 0
    world.rights["api-key"] = {"run"}
    answer = project.call("run", *arguments, "--device", uid)
    assert answer.code == 0, answer.err
    assert [job.device.uid for job in world.jobs] == [uid]
