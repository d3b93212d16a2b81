"""`reconciler import`, on a folder of job files made by hand."""

import json

import pytest
from support.keeper import add_agents

BY_HAND = {"id": "scan", "name": "Scan", "enabled": True, "tasks": [{"id": "t", "command": "x"}]}


@pytest.fixture
def agents(project, tmp_path):
    """A folder that agents read, with a job made by hand in it."""
    jobs = add_agents(project, tmp_path / "Jobs")
    put(jobs, schedule={"intervalMinutes": 30}, category="x")
    project.commit_job("here")
    return jobs


def put(jobs, job_id="scan", **fields):
    (jobs / f"{job_id}.json").write_text(json.dumps(BY_HAND | {"id": job_id} | fields))


WRITTEN = """\
id: scan
name: Scan
targets:
  - agents
schedule:
  intervalMinutes: 30
tasks:
  - id: t
    command: x
keeper:
  category: x
"""


def test_it_writes_a_definition_and_the_next_plan_changes_nothing(project, agents):
    was = (agents / "scan.json").read_bytes()
    answer = project.call("import", "--target", "agents")
    assert (answer.code, answer.out) == (
        0,
        """\
agents:
  + job scan  definitions/jobs/scan.yaml
      what only this vendor knows stands in keeper: category
1 imported, 0 not.
""",
    )
    assert (project.repo.path / "definitions/jobs/scan.yaml").read_text() == WRITTEN
    assert (agents / "scan.json").read_bytes() == was
    project.repo.commit("Import")
    project.call("apply")
    assert project.call("plan", "--exit-code").code == 0
    assert project.call("drift", "--exit-code").code == 0


def test_a_dry_run_shows_it_and_writes_nothing(project, agents):
    answer = project.call("import", "--target", "agents", "--dry-run")
    assert answer.code == 0
    assert "      | schedule:\n      |   intervalMinutes: 30\n" in answer.out
    assert answer.out.endswith("1 to import, 0 not.\n")
    assert project.call("import", "--target", "agents", "--dry-run", "--format", "json").json["dryRun"] is True
    assert not (project.repo.path / "definitions/jobs/scan.yaml").exists()
    assert sorted(path.name for path in agents.iterdir()) == ["scan.json"]


def test_again_there_is_nothing_to_do(project, agents):
    project.call("import", "--target", "agents")
    answer = project.call("import", "--target", "agents")
    assert (answer.code, answer.out) == (0, "agents:\n    job scan: it is declared already\n0 imported, 0 not.\n")


def test_what_cannot_be_declared_is_said_per_job_and_the_rest_is_imported(project, agents):
    put(agents, "my_tool")
    put(agents, "leaks", tasks=[{"id": "t", "command": "x", "arguments": "--password=hunter2"}])
    (agents / "broken.json").write_text("{")
    answer = project.call("import", "--target", "agents", "--format", "json")
    assert answer.code == 1
    assert [item["id"] for item in answer.json["imported"]] == ["scan"]
    reasons = {item["liveId"]: item["reason"] for item in answer.json["refused"]}
    assert reasons["my_tool"].startswith("its id cannot be declared here; --rename gives it the id my-tool")
    assert reasons["leaks"].startswith("SEC001 tasks[0].arguments:")
    assert "hunter2" not in answer.out
    assert answer.json["foreign"][0]["liveId"] == "broken"


def test_a_job_is_renamed_at_the_target_when_that_is_asked_for(project, agents):
    put(agents, "my_tool")
    assert project.call("import", "--target", "agents", "--rename").code == 0
    assert sorted(path.name for path in agents.glob("*.json")) == ["my-tool.json", "scan.json"]
    assert json.loads((agents / "my-tool.json").read_text())["id"] == "my-tool"


def test_into_names_a_folder_below_the_jobs(project, agents):
    into = str(project.repo.path / "definitions/jobs/agents")
    assert project.call("import", "--target", "agents", "--into", into).code == 0
    assert (project.repo.path / "definitions/jobs/agents/scan.yaml").read_text() == WRITTEN


@pytest.mark.parametrize("into", ["..", "/tmp", "definitions/targets", "link"])
def test_into_another_folder_is_wrong_usage(project, agents, tmp_path, into):
    (project.repo.path / "link").symlink_to(tmp_path)
    answer = project.call("import", "--target", "agents", "--into", into)
    assert answer.code == 64
    assert "is not in definitions/jobs" in answer.err


@pytest.mark.parametrize(
    ("target", "why"),
    [("agnets", "no file declares target agnets"), ("local", "target local holds no jobs of its own")],
)
def test_a_target_that_holds_nothing_is_wrong_usage(project, agents, target, why):
    answer = project.call("import", "--target", target)
    assert answer.code == 64
    assert why in answer.err


def test_nothing_is_imported_beside_invalid_definitions(project, agents):
    project.repo.write("definitions/jobs/bad.yaml", "id: bad\n")
    answer = project.call("import", "--target", "agents")
    assert answer.code == 3
    assert "nothing was imported" in answer.err


def test_a_folder_that_is_gone_says_so(project, agents):
    (agents / "scan.json").unlink()
    agents.rmdir()
    answer = project.call("import", "--target", "agents")
    assert answer.code == 1
    assert "there is no folder" in answer.err


def test_a_listing_that_is_cut_off_says_so(project, agents, monkeypatch):
    put(agents, "second")
    monkeypatch.setattr("reconciler.targets.keeper.target.MAX_FILES", 1)
    answer = project.call("import", "--target", "agents", "--dry-run")
    assert "    the listing is incomplete: there may be more\n" in answer.out
