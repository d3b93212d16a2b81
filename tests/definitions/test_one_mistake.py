"""One mistake is one problem: what follows from it in the same file or in others is not told beside it."""

import re

import pytest
from support.definitions import JOB, PROVIDERS, job_lines, job_with, lines_of, load

from reconciler.targets.registry import provider_rules

PARAMETER = JOB + "parameters:\n  - {name: days, TYPE, default: 3, choices: [3, 4]}\n"
COMPONENT = "id: clean\nvariables: [VARIABLES]\nscript: echo\n"
USER = "id: a\nevents: [Startup]\ncomponent: clean\nvariables: {days: 3}\n"
REQUEST = job_with(tasks="- {id: t, http: {url: 'https://api.example.com/'}}")
LOCAL = "id: local\nprovider: local\n"
ACME = "id: acme\nprovider: datto\nsettings: {platform: merlot}\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(
            job_with(tasks="- {id: t, command: x, arguments: [{days}]}"),
            ["5:37 TYPE001 tasks[0].arguments[0]: expected text, found key/value pairs"],
            id="token-without-quotes",
        ),
        pytest.param(
            job_with(tasks="- {id: t, command: &x }"),
            ["5:22 SYN008 tasks[0].command: anchors (`&`) and aliases (`*`) are not allowed"],
            id="text-that-begins-with-an-ampersand",
        ),
        pytest.param(
            job_with(tasks="- {id: t, command: x, env: {A: {b}}}"),
            ["5:35 SYN018 tasks[0].env.A.b: b is empty; fill it or remove the line"],
            id="token-without-quotes-in-the-environment",
        ),
        pytest.param(JOB + "1: x\n", ["6:1 SYN017 : `1` is not text; quote the field name"], id="name-that-is-no-text"),
        pytest.param(
            PARAMETER.replace("TYPE", "type: numbr"),
            [
                "7:24 VAL001 parameters[0].type: `numbr` is not one of string, number, boolean; did you mean `number`?",
            ],
            id="type-of-a-parameter",
        ),
        pytest.param(
            PARAMETER.replace("TYPE, ", ""),
            ["7:27 PARAM003 parameters[0].default: default of `days` is a number, type says string"],
            id="parameter-without-a-type",
        ),
        pytest.param(
            JOB + "parameters: [{name: days, choices: [1], default: x}]\n",
            ["6:37 PARAM003 parameters[0].choices[0]: choice of `days` is a number, type says string"],
            id="choice-of-another-type",
        ),
        pytest.param(
            job_with(tasks="- {id: t, scriptType: bash}"),
            [
                (
                    "5:5 TASK002 tasks[0]: task `t` does nothing: give one of command, executablePath, script, "
                    "scriptFile, http"
                )
            ],
            id="task-without-its-script",
        ),
        pytest.param(
            "id: a\nevents: [Startup]\nvariables: {days: 3}\n",
            ["1:1 KEY006 : every job needs one of tasks, component"],
            id="neither-tasks-nor-component",
        ),
        pytest.param(
            JOB + "eventTopic: x\nmqttTopics: {allowedPublication: [x]}\n",
            [
                (
                    "7:14 KEY003 mqttTopics.allowedPublication: unknown field `allowedPublication`; did you mean"
                    " `allowedPublications`?"
                )
            ],
            id="topics",
        ),
    ],
)
def test_what_follows_in_the_same_file_is_not_told(text, expected):
    assert job_lines(text) == expected


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        pytest.param(
            {"components/clean.yaml": COMPONENT.replace("VARIABLES", "{nam: days}"), "jobs/a.yaml": USER},
            ["components/clean.yaml:2:14 KEY003 variables[0].nam: unknown field `nam`; did you mean `name`?"],
            id="component-whose-variables-are-wrong",
        ),
        pytest.param(
            {
                "components/clean.yaml": COMPONENT.replace("VARIABLES", ""),
                "targets/acme.yaml": ACME,
                "jobs/a.yaml": (
                    "id: a\nevents: [Startup]\ntargets: [acme]\ndevices: {all: true}\ncomponnt: clean\n"
                    "variables: {x: 1}\n"
                ),
            },
            ["jobs/a.yaml:5:1 KEY003 componnt: unknown field `componnt`; did you mean `component`?"],
            id="component-misspelt",
        ),
        pytest.param(
            {"targets/local.yaml": "id: local\nprovider: lokal\n", "jobs/a.yaml": JOB},
            [
                (
                    "targets/local.yaml:2:11 REF005 provider: the target `local` is this machine, its provider cannot"
                    " be `lokal`"
                )
            ],
            id="provider",
        ),
        pytest.param(
            {"targets/local.yaml": LOCAL + "settings: {http: {alow: [api.example.com]}}\n", "jobs/a.yaml": REQUEST},
            ["targets/local.yaml:3:19 KEY003 settings.http.alow: unknown field `alow`; did you mean `allow`?"],
            id="settings-that-would-allow-it",
        ),
        pytest.param(
            {"targets/local.yaml": LOCAL + "settings: {http: {allow: ['*']}}\n", "jobs/a.yaml": REQUEST},
            [
                "targets/local.yaml:3:27 VAL003 settings.http.allow[0]: the text names no host; write api.example.com",
            ],
            id="list-with-what-names-no-host",
        ),
        pytest.param(
            {"targets/acme.yaml": ACME.replace("}", ", apiSecretKey: hunter2}")},
            [
                (
                    "targets/acme.yaml:3:44 SEC001 settings.apiSecretKey: settings.apiSecretKey looks like a secret;"
                    " use a secret reference (value not shown)"
                )
            ],
            id="secret-in-settings",
        ),
    ],
)
def test_what_follows_in_other_files_is_not_told(files, expected):
    loaded = load(files, providers=PROVIDERS | provider_rules())
    assert lines_of(loaded) == expected
    assert not loaded.desired.complete


def hints_of(text):
    return [problem.hint for problem in load({"jobs/a.yaml": text}, providers=PROVIDERS | provider_rules()).problems]


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        pytest.param(job_with(tasks="- {id: t, command: x, arguments: [{days}]}"), '"{name}"', id="token"),
        pytest.param(job_with(tasks="- {id: t, command: {tool}}"), '"{tool}"', id="token-that-is-no-secret"),
        pytest.param(job_with(tasks="- {id: t, command: &x }"), '"&x"', id="ampersand"),
        pytest.param(JOB + "timeoutSeconds: ten\n", "timeoutSeconds: [0-9]+", id="number"),
        pytest.param(JOB + "targets: local\n", r"targets: \[", id="list"),
        pytest.param(job_with(schedule="runAt: 5"), 'runAt: "20', id="instant"),
        pytest.param(JOB + "events: 5\n", "events: ", id="events"),
        pytest.param(job_with(schedule="cron: 0 0 * * *"), "", id="cron"),
        pytest.param("id: a\ntimezone: UTC\n" + JOB[6:], "below schedule: timezone: ", id="beside-where-it-belongs"),
        pytest.param(
            job_with(tasks="- {id: t, command: x, arguments: [--password, hunter2]}"), r"env: \{", id="secret-argument"
        ),
        pytest.param(
            job_with(tasks="- {id: t, command: x, arguments: [{secret: X}]}"), r"env: \{", id="reference-as-argument"
        ),
        pytest.param(job_with(tasks="- {id: t, scriptFile: ./scripts/x.sh}"), "Write scripts/x.sh", id="path"),
        pytest.param(
            JOB + "parameters: [{name: n, type: number, default: '5'}]\n", "Remove the quotes", id="number-in-quotes"
        ),
        pytest.param("id:a\n" + JOB[6:], "Write: id: ...", id="no-space-after-the-colon"),
        pytest.param("id: a\ntasks:\n  -id: t\n    command: x\n", "Write: - id: ...", id="no-space-after-the-dash"),
    ],
)
def test_the_way_out_works(text, hint):
    (found,) = hints_of(text)
    assert re.search(hint, found)
    assert "hunter2" not in found
