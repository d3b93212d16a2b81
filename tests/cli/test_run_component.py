"""A component by itself, as seed 002 has it: found by name or UID, its variables checked before anything starts."""

import json

import pytest

BACKUP = {
    "id": "backup-script",
    "name": "Backup Script",
    "uid": "c1d2e3f4-a5b6-7890-cdef-123456789abc",
    "variables": [
        {"name": "BACKUP_PATH", "required": True, "description": "Destination path for backups"},
        {"name": "RETENTION_DAYS", "type": "number", "required": True, "description": "Number of days to retain"},
        {"name": "COMPRESSION", "type": "boolean", "defaultValue": True, "description": "Enable compression"},
    ],
    "script": 'echo "$BACKUP_PATH|$RETENTION_DAYS|$COMPRESSION"',
}
GIVEN = ("--variables", r"BACKUP_PATH=D:\Backup\, all,RETENTION_DAYS=30")


@pytest.fixture
def with_component(project):
    for component in (BACKUP, {"id": "clear", "name": "Clear Temp Files", "script": "echo clear"}):
        project.repo.write(f"definitions/components/{component['id']}.json", json.dumps(component))
    project.commit_job()
    assert project.call("apply").code == 0
    return project


def run_component(project, wanted, *options):
    return project.call("run", "--component", wanted, *options)


@pytest.mark.parametrize("wanted", ["Backup Script", "backup script", "backup-script", BACKUP["uid"]])
def test_a_component_is_run_by_its_name_its_id_or_its_uid(with_component, wanted):
    answer = run_component(with_component, wanted, *GIVEN, "--wait")
    assert answer.code == 0
    assert answer.out.startswith("Job Completed Successfully\n")
    assert "Component:    Backup Script\n" in answer.out
    assert "D:\\Backup, all|30|true\n" in answer.out


def test_its_run_is_reported_and_listed_like_any_other(with_component):
    (run,) = run_component(with_component, "clear", "--wait", "--format", "json").json
    assert run["jobId"] == "clear"
    report = with_component.call("runs", "show", run["uid"], "--format", "json").json
    assert (report["source"]["path"], report["run"]["trigger"]["kind"]) == (
        "definitions/components/clear.json",
        "manual",
    )
    again = with_component.call("runs", "retry", run["uid"], "--wait")
    assert again.code == 0


def test_a_missing_required_variable_is_told_with_the_usage_and_nothing_starts(with_component):
    answer = run_component(with_component, "Backup Script", "--variables", "COMPRESSION=false")
    assert answer.code == 64
    lines = [line.strip() for line in answer.err.splitlines()]
    for line in (
        "reconciler: Missing required variable",
        "Component:  Backup Script",
        "Missing:    BACKUP_PATH, RETENTION_DAYS",
        "Required variables for this component:",
        "- BACKUP_PATH (required): Destination path for backups",
        "- RETENTION_DAYS (required): Number of days to retain",
        "- COMPRESSION (optional, default: true): Enable compression",
        "Usage: reconciler run --component 'Backup Script' --variables \"BACKUP_PATH=VALUE,RETENTION_DAYS=VALUE\"",
    ):
        assert line in lines
    assert with_component.call("runs", "list", "--format", "json").json == []


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        pytest.param("BACKUP_PATH=x,RETENTION_DAYS=soon", "`RETENTION_DAYS`: expected a number", id="type"),
        pytest.param("BACKUP_PATH=x,RETENTION_DAYS=1,NOPE=2", "unknown parameter `NOPE`", id="unknown"),
    ],
)
def test_a_wrong_value_is_refused_before_anything_starts(with_component, variables, words):
    answer = run_component(with_component, "Backup Script", "--variables", variables)
    assert answer.code == 64
    assert words in answer.err
    assert "Usage: reconciler run --component" in answer.err
    assert with_component.call("runs", "list", "--format", "json").json == []


def test_a_component_that_is_not_there_is_met_with_those_that_may_be_meant(with_component):
    answer = run_component(with_component, "Clear Temp Filess")
    assert answer.code == 64
    assert 'Component not found: "Clear Temp Filess"' in answer.err
    assert "Did you mean one of these?" in answer.err
    assert "- Clear Temp Files (UID: clear)" in answer.err
    assert "Use the exact component name or UID." in answer.err


def test_a_device_is_named_by_its_hostname_or_uid(with_component):
    assert run_component(with_component, "clear", "--device", "local", "--wait").code == 0
    assert with_component.call("run", "hello", "--device", "local", "--wait").code == 0
    for nobody in (
        run_component(with_component, "clear", "--device", "UNKNOWN-PC"),
        with_component.call("run", "hello", "--device", "UNKNOWN-PC"),
    ):
        assert nobody.code == 64
        assert 'Device not found: "UNKNOWN-PC"' in nobody.err
        assert 'No device matching "UNKNOWN-PC" was found.' in nobody.err


@pytest.mark.parametrize("arguments", [["run"], ["run", "hello", "--component", "clear"]], ids=str)
def test_one_names_a_job_or_a_component(with_component, arguments):
    answer = with_component.call(*arguments)
    assert (answer.code, "name a job, or a component" in answer.err) == (64, True)


def test_a_component_that_is_gone_from_git_is_not_run_any_more(with_component):
    (with_component.repo.path / "definitions/components/clear.json").unlink()
    with_component.repo.commit("Remove clear")
    plan = with_component.call("plan").out
    assert "-   component clear" in plan
    with_component.call("apply", "--yes")
    assert run_component(with_component, "clear").code == 64


def test_one_for_another_system_is_refused(with_component):
    with_component.repo.write(
        "definitions/components/win.json", json.dumps({"id": "win", "osType": "Windows", "script": "dir"})
    )
    with_component.repo.commit()
    with_component.call("apply")
    answer = run_component(with_component, "win")
    assert answer.code == 1
    assert "component win is for Windows (osType decides), and " in answer.err
