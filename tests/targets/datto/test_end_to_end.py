"""From a commit to a report by way of the fake account on a socket of this machine."""

import pytest
from fakes.datto.server import serving
from fakes.datto.things import Behaviour, variable
from fakes.datto.world import World
from support.cli import make_project, quiet_environment

from reconciler.model.instant import utc_now

TARGET = "id: acme\nprovider: datto\nsettings: {apiUrl: %s, apiKey: {secret: KEY}, apiSecret: {secret: SECRET}}\n"
COMPONENT = """id: clear-temp
name: Clear Temp Files
variables:
- {name: days, type: string, defaultValue: "7", description: Delete files older than X days}
"""
JOB = """id: clean
targets: [acme]
component: clear-temp
devices: {hostnames: [ACME-DC01]}
variables: {days: "30"}
"""


@pytest.fixture
def world():
    made = World(utc_now)
    made.add_device("ACME-DC01")
    made.add_device("ACME-DC02")
    quick = Behaviour(stdout="Deleted 156 files\n", pickup_seconds=0, run_seconds=0)
    made.add_component("Clear Temp Files", behaviour=quick, variables=[variable("days", default="7")])
    return made


@pytest.fixture
def address(world):
    with serving(world) as url:
        yield url


@pytest.fixture
def project(tmp_path, capfd, monkeypatch, address):
    quiet_environment(monkeypatch)
    monkeypatch.setattr("reconciler.targets.datto.following.FIRST_LOOK", utc_now() - utc_now())
    (tmp_path / "secrets.toml").write_text('[KEY]\nenv = "A_KEY"\n[SECRET]\nenv = "A_SECRET"\n')
    monkeypatch.setenv("A_KEY", "api-key")
    monkeypatch.setenv("A_SECRET", "s3cr3t-of-the-account")
    monkeypatch.setenv("RECONCILER_SECRETS", str(tmp_path / "secrets.toml"))
    made = make_project(tmp_path / "repo", capfd)
    made.repo.write("definitions/targets/acme.yaml", TARGET % address)
    made.repo.write("definitions/components/clear-temp.yaml", COMPONENT)
    made.repo.write("definitions/jobs/clean.yaml", JOB)
    made.repo.commit("Add a job for the fleet")
    yield made
    made.clean_up()


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
