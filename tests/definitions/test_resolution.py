"""From files to forms as they are applied: references followed, components unfolded, what cannot be read waits."""

import pytest
from support.definitions import JOB, TASK, job_with, lines_of, load

from reconciler.model.forms import Kind, OneOff, digest_form
from reconciler.model.job import ExecutionType, Parameter, ScriptType, Task, ValueType
from reconciler.model.secret import SecretRef
from reconciler.model.settings import LimitSettings, Settings

ACME = "id: acme\nprovider: datto\nsettings: {platform: merlot}\n"
CLEAN = """\
id: clean
name: Clear Temp Files
variables:
  - {name: days, type: Number, required: true}
  - {name: mode, choices: [fast, full], defaultValue: fast}
  - {name: limit, type: number, defaultValue: "7"}
scriptType: Bash
scriptFile: scripts/clean.sh
timeoutSeconds: 60
"""


def job_of(text, **others):
    files = {"jobs/a.yaml": text} | {f"{name.replace('__', '/')}": data for name, data in others.items()}
    loaded = load(files)
    assert lines_of(loaded) == []
    return loaded.desired.jobs["a"].form


def test_a_job_that_leaves_out_the_system_of_its_component_runs_nowhere():
    component = CLEAN.replace("name: Clear", "osType: windows\nname: Clear").replace(
        "scriptFile: scripts/clean.sh", "script: echo"
    )
    files = {"components/clean.yaml": component, "targets/acme.yaml": ACME}
    job = "id: a\nevents: [Startup]\ntargets: [acme]\ncomponent: clean\nvariables: {days: 1}\n"
    for path, fields in {
        "osFilter": "osFilter: {linux: true}\ndevices: {all: true}\n",
        "devices.os": "devices: {os: [macOS]}\n",
        None: "osFilter: {windows: true}\ndevices: {os: [Windows, linux]}\n",
    }.items():
        problems = load({**files, "jobs/a.yaml": job + fields}).problems
        assert [(one.code, one.json_path) for one in problems if one.code == "JOB001"] == [("JOB001", path)] * bool(
            path
        )


def test_targets_are_those_of_the_settings_unless_given():
    settings = Settings(default_targets=("acme",))
    loaded = load({"jobs/a.yaml": JOB + "devices: {all: true}\n", "targets/acme.yaml": ACME}, settings=settings)
    assert loaded.desired.jobs["a"].form.targets == ("acme",)


def test_an_unknown_default_target_is_told_at_the_settings_and_its_jobs_wait():
    loaded = load({"jobs/a.yaml": JOB}, settings=Settings(default_targets=("acme",)))
    [problem] = loaded.problems
    assert (problem.path, problem.code, problem.json_path) == ("reconciler.toml", "REF003", "defaultTargets[0]")
    assert (Kind.JOB, "a") in loaded.desired.unreadable


def test_a_component_becomes_a_task_and_its_variables_parameters():
    loaded = load(
        {
            "components/clean.yaml": CLEAN,
            "scripts/clean.sh": "echo clean\n",
            "jobs/a.yaml": "id: a\nevents: [Startup]\ncomponent: clean\nvariables: {days: '30'}\n",
        }
    )
    assert lines_of(loaded) == []
    job = loaded.desired.jobs["a"].form
    assert job.component == "clean"
    assert job.variables == {"days": 30}
    assert job.parameters == (
        Parameter(name="days", type=ValueType.NUMBER, required=True),
        Parameter(name="mode", choices=("fast", "full"), default="fast"),
        Parameter(name="limit", type=ValueType.NUMBER, default=7),
    )
    assert job.tasks == (
        Task(
            id="clean",
            name="Clear Temp Files",
            script="echo clean\n",
            script_file="scripts/clean.sh",
            script_type=ScriptType.BASH,
            timeout_seconds=60,
        ),
    )


def test_a_component_that_a_target_already_has_needs_no_script():
    files = {
        "components/clear.yaml": "id: clear\nuid: c1d2e3f4\n",
        "targets/acme.yaml": ACME,
        "jobs/a.yaml": "id: a\nevents: [x]\ncomponent: clear\ntargets: [acme]\ndevices: {sites: [Acme]}\n",
    }
    loaded = load(files)
    assert lines_of(loaded) == []
    assert loaded.desired.jobs["a"].form.tasks == ()


def test_a_script_file_is_read_into_the_task_and_so_into_the_digest():
    text = job_with(tasks="- {id: t, scriptFile: scripts/clean.sh}")
    before, after = (
        load({"jobs/a.yaml": text, "scripts/clean.sh": script}).desired.jobs["a"] for script in ("echo 1", "echo 2")
    )
    assert before.form.tasks[0].script == "echo 1"
    assert before.form.tasks[0].script_file == "scripts/clean.sh"
    assert before.digest != after.digest
    assert before.blob == after.blob
    assert after.digest == digest_form(after.form)


def test_a_secret_stays_a_reference():
    job = job_of(job_with(tasks="- {id: t, command: x, env: {PGPASSWORD: {secret: orders-db}}}"))
    assert job.tasks[0].env == {"PGPASSWORD": SecretRef("orders-db")}


def test_a_condition_with_one_expression_is_that_text():
    assert job_of(JOB + "condition: {expression: device.os == 'linux'}\n").condition == "device.os == 'linux'"


AGENTS = "id: agents\nprovider: keeper\n"


def test_for_agents_alone_a_condition_with_one_expression_is_keepers_own():
    condition = "condition: {expression: device.os == 'linux'}\ndevices: {all: true}\n"
    files = {f"jobs/{name}.yaml": JOB.replace("id: a", f"id: {name}") + condition for name in "ab"}
    files["jobs/a.yaml"] += "targets: [agents]\n"
    files["jobs/b.yaml"] += "targets: [agents, local]\n"
    loaded = load(files | {"targets/agents.yaml": AGENTS})
    assert lines_of(loaded) == []
    assert [item.form.condition for item in loaded.desired.jobs.values()] == [
        {"expression": "device.os == 'linux'"},
        "device.os == 'linux'",
    ]


def test_a_declared_form_knows_where_it_stands():
    declared = load({"jobs/x/a.yaml": "# first\n\n" + JOB}).desired.jobs["a"]
    assert (declared.path, declared.line) == ("definitions/jobs/x/a.yaml", 3)


def test_a_one_off_is_loaded_with_its_instants():
    text = "id: r\njob: a\nnotAfter: 2026-02-01T01:00:00+01:00\nreason: ticket 1\n"
    one_off = load({"jobs/a.yaml": JOB, "runs/r.yaml": text}).desired.one_offs["r"].form
    assert isinstance(one_off, OneOff)
    assert str(one_off.not_after) == "2026-02-01 00:00:00+00:00"


def test_settings_of_a_target_may_hold_secret_references():
    text = "id: acme\nprovider: datto\nsettings: {platform: merlot, apiSecret: {secret: DATTO}}\n"
    loaded = load({"targets/acme.yaml": text})
    assert lines_of(loaded) == []
    assert loaded.desired.targets["acme"].form.settings["apiSecret"] == {"secret": "DATTO"}


# A partly invalid set: what has errors keeps its applied form, and whatever refers to it waits.


def waiting(files, **options):
    return {f"{kind.value}/{id_}" for kind, id_ in load(files, **options).desired.unreadable}


BAD = JOB.replace("id: a", "id: bad") + "priority: 99\n"


def test_valid_siblings_are_declared():
    loaded = load({"jobs/a.yaml": JOB, "jobs/bad.yaml": BAD})
    assert list(loaded.desired.jobs) == ["a"]
    assert loaded.desired.unreadable == {(Kind.JOB, "bad")}
    assert not loaded.desired.complete
    assert loaded.files == 2


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        pytest.param(
            {"targets/acme.yaml": ACME + "x: 1\n", "jobs/a.yaml": JOB + "targets: [acme]\ndevices: {all: true}\n"},
            {"target/acme", "job/a"},
            id="target",
        ),
        pytest.param(
            {
                "components/clean.yaml": "id: clean\nscriptFile: scripts/clean.sh\n",
                "scripts/clean.sh": b"\xff",
                "jobs/a.yaml": "id: a\nevents: [x]\ncomponent: clean\n",
                "runs/r.yaml": "id: r\njob: a\n",
            },
            {"component/clean", "job/a", "run/r"},
            id="script-of-a-component",
        ),
        pytest.param(
            {"jobs/bad.yaml": BAD, "jobs/a.yaml": JOB + "condition: 'true'\nalternateJobId: bad\n"},
            {"job/bad", "job/a"},
            id="alternate",
        ),
        pytest.param({"jobs/bad.yaml": BAD, "runs/r.yaml": "id: r\njob: bad\n"}, {"job/bad", "run/r"}, id="one-off"),
        pytest.param(
            {"jobs/a.yaml": JOB, "targets/t.yaml": "id: t", "runs/r.yaml": "id: r\njob: a\ntargets: [t]\n"},
            {"target/t", "run/r"},
            id="target-of-a-one-off",
        ),
    ],
)
def test_what_refers_to_something_unreadable_waits(files, expected):
    assert waiting(files) == expected


def test_what_waits_for_something_else_has_no_problem_of_its_own():
    files = {"targets/acme.yaml": ACME + "x: 1\n", "jobs/a.yaml": JOB + "targets: [acme]\ndevices: {all: true}\n"}
    assert {problem.path for problem in load(files).problems} == {"definitions/targets/acme.yaml"}


def test_a_file_that_is_no_yaml_at_all_keeps_its_id_from_being_deleted():
    assert waiting({"jobs/a.yaml": "{"}) == {"job/a"}


def test_too_many_files_are_not_read_and_nothing_is_deleted():
    settings = Settings(limits=LimitSettings(files=1))
    loaded = load({"jobs/a.yaml": JOB, "jobs/b.yaml": JOB.replace("id: a", "id: b")}, settings=settings)
    assert lines_of(loaded) == ["definitions:0:0 FILE014 : 2 definition files, limit 1"]
    assert loaded.desired.unreadable == {(Kind.JOB, "a"), (Kind.JOB, "b")}


def test_errors_in_a_file_and_across_files_are_told_in_one_go():
    text = JOB + "priority: 99\ntargets: [acme, local]\nname: 5\n"
    assert [problem.code for problem in load({"jobs/a.yaml": text}).problems] == ["VAL002", "REF003", "TYPE001"]


def test_problems_are_sorted_by_file_and_place():
    loaded = load({"jobs/b.yaml": "- x", "jobs/a.yaml": JOB + "x: 1\nenabled: no\n", "components/c.yaml": ""})
    keys = [problem.sort_key for problem in loaded.problems]
    assert keys == sorted(keys)
    assert len(keys) == 4


# Keeper's own files


def test_a_job_file_as_keeper_has_it_is_valid_as_it_is():
    text = """{
      "id": "my-tool", "name": "My Tool", "description": null, "enabled": true, "priority": 5,
      "schedule": {"intervalMinutes": 60},
      "events": [{"eventType": "Startup"}, "PolicyEvaluationPending"],
      "parameters": [{"name": "Scope", "type": "string", "default": "basic", "required": false}],
      "condition": null, "alternateJobId": null,
      "eventTopic": "Jobs/my-tool/events",
      "osFilter": {"windows": true, "linux": false, "macOS": false},
      "mqttTopics": {"allowedPublications": ["KeeperLogger", "Jobs/my-tool/events"], "allowedSubscriptions": []},
      "tasks": [{
        "id": "run-tool", "name": "Run tool", "ExecutionType": "userdesktop", "command": "MyTool",
        "executablePath": "C:\\\\Program Files\\\\MyTool.exe",
        "arguments": "--scope={Scope} --keeper-api-base={KeeperApiBaseUrl}",
        "timeoutSeconds": 3600, "continueOnFailure": false, "scriptType": "Auto",
        "MergeStdoutJsonIntoContext": true
      }]
    }"""
    files = {
        "jobs/my-tool.json": text,
        "targets/agents.yaml": "id: agents\nprovider: keeper\n",
    }
    loaded = load(files, settings=Settings(default_targets=("agents",)))
    assert [problem.code for problem in loaded.problems] == ["DEV003"]
    loaded = load(files)
    [problem] = loaded.problems
    assert (problem.code, problem.line, problem.severity.value) == ("KEEPER002", 15, "information")
    job = loaded.desired.jobs["my-tool"].form
    assert [event.event_type for event in job.events] == ["Startup", "PolicyEvaluationPending"]
    task = job.tasks[0]
    assert task.execution_type is ExecutionType.USER_DESKTOP
    assert task.script_type is ScriptType.AUTO
    assert task.arguments == "--scope={Scope} --keeper-api-base={KeeperApiBaseUrl}"
    assert task.keeper == {"MergeStdoutJsonIntoContext": True}


def test_a_calendar_and_a_one_time_schedule_as_keeper_has_them():
    text = '{"id": "a", "schedule": {"calendar": [{"daysOfWeek": [1], "time": "09:00"}]}, "tasks": [%s]}'
    loaded = load({"jobs/a.json": text % '{"id": "t", "command": "x", "arguments": ""}'})
    assert lines_of(loaded) == []
    assert loaded.desired.jobs["a"].form.schedule.calendar[0].days_of_week == (1,)


# What is no definition


def test_files_elsewhere_are_not_read_and_that_is_said():
    files = {"job/a.yaml": "x", "a.yaml": "x", "other/a.json": "x", "scripts/x.yaml": "x", "jobs/README.md": "x"}
    loaded = load(files)
    assert [(problem.path, problem.severity.value) for problem in loaded.problems] == [
        ("definitions/a.yaml", "warning"),
        ("definitions/job/a.yaml", "warning"),
        ("definitions/other/a.json", "information"),
    ]
    assert loaded.files == 0
    assert loaded.desired.complete


def test_a_folder_in_another_case_is_told_with_the_one_that_was_meant():
    [line] = lines_of(load({"Jobs/a.yaml": TASK}))
    assert line.endswith("did you mean `jobs/`?")


def test_the_same_problem_of_two_targets_is_told_once():
    files = {
        "targets/t.yaml": "id: t\nprovider: local\n",
        "jobs/a.yaml": JOB + "targets: [local, t]\ncondition: {type: x}\n",
    }
    codes = [problem.code for problem in load(files).problems]
    assert codes == ["JOB003", "JOB003"]
