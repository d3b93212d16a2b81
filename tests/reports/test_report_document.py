import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from referencing import Registry

from reconciler.model.run import RunStatus, TaskResult
from reconciler.model.secret import SecretRef
from reconciler.reports.build import decode_report, encode_report
from reconciler.reports.exit_codes import explain_exit_code

SCHEMA = json.loads((Path(__file__).parents[2] / "schemas" / "report.schema.json").read_text())


@pytest.fixture(scope="module")
def schema():
    Draft202012Validator.check_schema(SCHEMA)
    return Draft202012Validator(SCHEMA, registry=Registry())


def test_a_report_is_as_its_schema_says(make_report, schema):
    assert list(schema.iter_errors(json.loads(encode_report(make_report(parameters={"days": 30}))))) == []


def test_a_run_that_never_started_is_as_the_schema_says(make_report, schema):
    task = TaskResult(id="clean", status=RunStatus.SKIPPED)
    report = make_report(task, status=RunStatus.EXPIRED, started_at=None, queued_at=None, reason="offline")
    assert list(schema.iter_errors(json.loads(encode_report(report)))) == []


def test_the_schema_names_every_field_and_every_status(make_report):
    def fields(schema, value):
        assert set(schema["properties"]) == set(value), schema
        for name, part in value.items():
            if isinstance(part, dict) and "properties" in schema["properties"][name]:
                fields(schema["properties"][name], part)

    report = json.loads(encode_report(make_report()))
    fields(SCHEMA, report)
    fields(SCHEMA["properties"]["tasks"]["items"], report["tasks"][0])
    assert set(SCHEMA["properties"]["run"]["properties"]["status"]["enum"]) == {status.value for status in RunStatus}


def test_a_report_survives_writing_and_reading(make_report):
    report = make_report()
    assert decode_report(encode_report(report)) == report


def test_a_secret_parameter_is_masked(make_report):
    data = encode_report(make_report(parameters={"token": SecretRef("API"), "days": 3}))
    assert json.loads(data)["parameters"] == {"token": "***", "days": 3}


def test_instants_have_milliseconds_and_utc(make_report):
    assert make_report().run.ended_at == "2026-03-01T02:00:02.400Z"


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (0, "Success"),
        (1, "General error"),
        (2, "Misuse of command"),
        (126, "Permission denied, or not a program"),
        (127, "Command not found"),
        (130, "Script terminated (Ctrl+C, SIGINT)"),
        (137, "Killed (SIGKILL), perhaps out of memory"),
        (143, "Terminated (SIGTERM)"),
        (-9, "Killed by SIGKILL (perhaps out of memory)"),
        (-11, "Killed by SIGSEGV (memory that is not its own)"),
        (139, "Ended by SIGSEGV (memory that is not its own), as a shell tells it"),
        (-40, "Killed by signal 40"),
        (3, "Error of the program's own"),
        (200, "Error of the program's own"),
        (3221225477, "Error of Windows 0xC0000005"),
        (-1073741819, "Error of Windows 0xC0000005"),
        (None, "No exit code"),
    ],
)
def test_exit_codes_are_explained(code, words):
    assert explain_exit_code(code) == words
