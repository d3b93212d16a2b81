"""What the local target says of a job at validation."""

import pytest
from support.values import make_job

from reconciler.model.forms import Target
from reconciler.model.job import ExecutionType, OsFilter, Rollout, ScriptType, Task
from reconciler.targets.local.rules import check_job

LOCAL = Target(id="local", provider="local", settings={"accounts": ["backup"]})
DESKTOP = (Task(id="a", command="x", execution_type=ExecutionType.USER_DESKTOP),)
BATCH = (Task(id="a", script="x", script_type=ScriptType.BATCH),)


def said(**fields):
    return [f"{finding.code} {finding.json_path}" for finding in check_job(make_job(**fields), LOCAL)]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        pytest.param({}, [], id="plain"),
        pytest.param({"tasks": DESKTOP}, ["TGT001 tasks[0].executionType"], id="needs-a-desktop"),
        pytest.param(
            {"tasks": (Task(id="a", script="x", script_type=ScriptType.BATCH),)},
            ["TGT001 tasks[0].scriptType"],
            id="batch",
        ),
        pytest.param({"run_as": "postgres"}, ["TGT001 runAs"], id="another-account"),
        pytest.param({"run_as": "backup"}, [], id="a-listed-account"),
        pytest.param({"run_as": "backup", "tasks": DESKTOP}, [], id="a-listed-account-with-a-desktop"),
        pytest.param({"rollout": Rollout()}, ["TGT001 rollout"], id="rollout"),
        pytest.param({"event_topic": "a/b"}, ["TGT002 eventTopic"], id="keepers-topic"),
        pytest.param(
            {"tasks": DESKTOP, "os_filter": OsFilter(windows=True)}, ["TGT004 osFilter"], id="never-runs-here"
        ),
    ],
)
def test_what_it_cannot_express_is_said_with_its_place(fields, expected):
    assert said(**fields) == expected
