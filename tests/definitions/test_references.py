"""Bad files, by the numbers of RELIABILITY section 3, group X: what files say of one another, and what jobs do."""

import pytest
from msgspec.structs import replace
from support.definitions import JOB, PROVIDERS, TASK, job_with, lines_of, load

from reconciler.model.provider import Finding
from reconciler.targets.registry import provider_rules


def conditional(job_id, alternate):
    return f"id: {job_id}\ncondition: device.os == 'linux'\nalternateJobId: {alternate}\n{SCHEDULED}"


SCHEDULED = "schedule: {intervalMinutes: 30}\n" + TASK
CLEAN = """\
id: clean
variables:
  - {name: days, type: number, required: true, description: How long}
  - {name: mode, choices: [fast, full], defaultValue: fast}
script: echo
"""


def made(variables, component="clean"):
    return f"id: a\nschedule: {{intervalMinutes: 30}}\ncomponent: {component}\nvariables: {variables}\n"


DATTO = "id: acme\nprovider: datto\nsettings: {platform: merlot}\n"


BAD_REFERENCES = [
    pytest.param(
        {
            "jobs/a.yaml": conditional("a", "b"),
            "jobs/b.yaml": conditional("b", "c"),
            "jobs/c.yaml": conditional("c", "a"),
        },
        ["jobs/a.yaml:3:17 REF002 alternateJobId: cycle: a -> b -> c -> a"],
        id="X104-cycle",
    ),
    pytest.param(
        {
            "jobs/a.yaml": conditional("a", "b"),
            "jobs/b.yaml": conditional("b", "c"),
            "jobs/c.yaml": conditional("c", "b"),
        },
        ["jobs/b.yaml:3:17 REF002 alternateJobId: cycle: b -> c -> b"],
        id="X104-cycle-with-a-tail",
    ),
    pytest.param(
        {"jobs/a.yaml": conditional("a", "a")},
        ["jobs/a.yaml:3:17 REF002 alternateJobId: cycle: a -> a"],
        id="X104-itself",
    ),
    pytest.param(
        {"jobs/a.yaml": conditional("a", "bakup"), "jobs/backup.yaml": JOB.replace("id: a", "id: backup")},
        [("jobs/a.yaml:3:17 REF001 alternateJobId: alternateJobId `bakup` is not defined; did you mean `backup`?")],
        id="X104-unknown",
    ),
    pytest.param(
        {
            "targets/acme.yaml": "id: acme\nprovider: local\n",
            "jobs/a.yaml": conditional("a", "b") + "targets: [local, acme]\n",
            "jobs/b.yaml": JOB.replace("id: a", "id: b") + "targets: [local]\n",
        },
        ["jobs/a.yaml:3:17 REF009 alternateJobId: alternateJobId `b` is not on target acme of this job"],
        id="alternate-elsewhere",
    ),
    pytest.param(
        {"jobs/a.yaml": JOB + "alternateJobId: b\n", "jobs/b.yaml": "id: b\n" + TASK},
        ["jobs/a.yaml:6:17 W JOB002 alternateJobId: alternateJobId is never used: there is no condition"],
        id="X105-no-condition",
    ),
    pytest.param(
        {"jobs/a.yaml": job_with(tasks="- {id: copy, command: x}\n- {id: b, command: x}\n- {id: copy, command: x}")},
        ["jobs/a.yaml:7:10 TASK001 tasks[2].id: task id `copy` is used twice (tasks[0], tasks[2])"],
        id="X107-task-twice",
    ),
    pytest.param(
        {
            "jobs/a.yaml": job_with(
                tasks='- {id: b, command: x, arguments: ["{tasks.c.outputs.n}"]}\n- {id: c, command: x}'
            )
        },
        [("jobs/a.yaml:5:37 TOKEN002 tasks[0].arguments[0]: task `b` uses the output of `c`, which runs after it")],
        id="X108-output-of-a-later-task",
    ),
    pytest.param(
        {"jobs/a.yaml": job_with(tasks='- {id: b, command: x, arguments: "-n {tasks.b.outputs.n}"}')},
        ["jobs/a.yaml:5:36 TOKEN002 tasks[0].arguments: task `b` uses its own output"],
        id="X108-own-output",
    ),
    pytest.param(
        {
            "jobs/a.yaml": job_with(
                tasks='- {id: scan, command: x}\n- {id: b, command: x, env: {N: "{tasks.scna.outputs.n}"}}'
            )
        },
        [
            (
                "jobs/a.yaml:6:34 TOKEN002 tasks[1].env.N: task `b` uses the output of `scna`, which is not "
                "a task of this job; did you mean `scan`?"
            )
        ],
        id="X108-output-of-no-task",
    ),
    pytest.param(
        {
            "jobs/a.yaml": job_with(
                tasks='- {id: scan, command: x}\n- {id: b, command: x, workingDirectory: "/x/{tasks.scan.n}"}'
            )
        },
        ["jobs/a.yaml:6:43 TOKEN002 tasks[1].workingDirectory: {tasks.scan.n} names no output"],
        id="X108-no-output",
    ),
    pytest.param(
        {"jobs/a.yaml": JOB + "parameters: [{name: path, required: true}]\n"},
        ["jobs/a.yaml:6:14 PARAM006 parameters[0]: parameter `path` is required but has no value"],
        id="X109-required-without-value",
    ),
    pytest.param(
        {
            "jobs/a.yaml": JOB
            + "parameters: [{name: days, type: number, default: seven}, {name: dry, type: boolean, default: 1},"
            " {name: x, default: 5}]\n"
        },
        [
            "jobs/a.yaml:6:50 PARAM003 parameters[0].default: default of `days` is text, type says number",
            "jobs/a.yaml:6:94 PARAM003 parameters[1].default: default of `dry` is a number, type says boolean",
            "jobs/a.yaml:6:117 PARAM003 parameters[2].default: default of `x` is a number, type says string",
        ],
        id="X109-default-of-another-type",
    ),
    pytest.param(
        {
            "jobs/a.yaml": job_with(
                tasks='- {id: t, command: x, arguments: ["{Foo}", "{days}", "{{Foo}}"]}',
                more="parameters: [{name: days}, {name: path}]\n",
            )
        },
        ["jobs/a.yaml:5:37 TOKEN001 tasks[0].arguments[0]: unknown token {Foo}; known: {days}, {path}"],
        id="X109-unknown-token",
    ),
    pytest.param(
        {
            "jobs/a.yaml": job_with(
                tasks='- {id: t, command: x, arguments: "{Days}"}', more="parameters: [{name: days}]\n"
            )
        },
        [("jobs/a.yaml:5:36 TOKEN001 tasks[0].arguments: unknown token {Days}; known: {days}; did you mean `days`?")],
        id="X109-token-misspelt",
    ),
    pytest.param(
        {
            "jobs/a.yaml": job_with(
                tasks="- {id: t, command: /usr/bin/gawk, arguments: ['{print}', '/{dayz}/{next}']}",
                more="parameters: [{name: days}]\n",
            )
        },
        [
            (
                "jobs/a.yaml:5:60 W TOKEN001 tasks[0].arguments[1]: {dayz} is no token, so it stays as it is; "
                "did you mean `days`?"
            )
        ],
        id="X109-braces-of-another-language",
    ),
    pytest.param(
        {
            "jobs/a.yaml": job_with(
                tasks="- {id: t, command: curl, arguments: ['-w', '%{http_code}', '${HOME}', '{}', '{1,2}', '{a b}']}"
            )
        },
        [],
        id="X109-braces-that-are-no-tokens",
    ),
    pytest.param(
        {"jobs/a.yaml": job_with(tasks='- {id: t, command: x, arguments: "{run.id}"}')},
        [
            (
                "jobs/a.yaml:5:36 TOKEN001 tasks[0].arguments: unknown token {run.id}; known: "
                "{KeeperApiBaseUrl}, {commit}, {device.hostname}, {device.site}, {device.uid}, {job.id}, "
                "{job.name}, {run.attempt}, {run.scheduledFor}, {run.trigger}, {run.uid}, {target}; did you "
                "mean `run.uid`?"
            )
        ],
        id="X109-token-without-parameters",
    ),
    pytest.param(
        {"jobs/a.yaml": JOB + "parameters: [{name: PATH}, {name: LD_PRELOAD}, {name: RECONCILER_URL}]\n"},
        [
            "jobs/a.yaml:6:21 PARAM002 parameters[0].name: `PATH` is a name with a meaning of its own",
            "jobs/a.yaml:6:35 PARAM002 parameters[1].name: `LD_PRELOAD` is a name with a meaning of its own",
            "jobs/a.yaml:6:55 PARAM002 parameters[2].name: `RECONCILER_URL` is a name with a meaning of its own",
        ],
        id="X109-name-with-a-meaning",
    ),
    pytest.param(
        {"jobs/a.yaml": JOB + "parameters: [{name: x}, {name: x}]\n"},
        ["jobs/a.yaml:6:32 PARAM001 parameters[1].name: `x` is declared twice (parameters[0], parameters[1])"],
        id="X109-declared-twice",
    ),
    pytest.param(
        {
            "jobs/a.yaml": JOB
            + "parameters: [{name: x, choices: [a, b], default: c}, {name: n, type: number, choices: [one]}]\n"
        },
        [
            "jobs/a.yaml:6:50 PARAM004 parameters[0].default: default of `x` is not one of its choices",
            "jobs/a.yaml:6:88 PARAM003 parameters[1].choices[0]: choice of `n` is text, type says number",
        ],
        id="X109-default-is-no-choice",
    ),
    pytest.param(
        {"jobs/a.yaml": JOB + "variables: {x: y}\n"},
        ["jobs/a.yaml:6:12 PARAM007 variables: variables are for a component, and this job has tasks"],
        id="X109-variables-without-component",
    ),
    pytest.param(
        {"jobs/a.yaml": job_with(tasks="- {id: x}")},
        [
            (
                "jobs/a.yaml:5:5 TASK002 tasks[0]: task `x` does nothing: give one of command, "
                "executablePath, script, scriptFile, http"
            )
        ],
        id="X110-nothing-to-do",
    ),
    pytest.param(
        {"jobs/a.yaml": job_with(tasks="- {id: x, command: y, script: echo}")},
        ["jobs/a.yaml:5:33 TASK003 tasks[0].script: task `x` has command and script; give only one of them"],
        id="X110-two-things-to-do",
    ),
    pytest.param(
        {"jobs/a.yaml": job_with(tasks="- {id: x, script: echo, scriptFile: scripts/x.sh}"), "scripts/x.sh": "echo"},
        [("jobs/a.yaml:5:39 TASK003 tasks[0].scriptFile: task `x` has script and scriptFile; give only one of them")],
        id="X110-script-and-file",
    ),
    pytest.param(
        {"jobs/a.yaml": job_with(tasks="- {id: x, executionType: Http}")},
        [
            (
                "jobs/a.yaml:5:28 TASK004 tasks[0].executionType: executionType Http needs http: {method, "
                "url, headers, body, expectStatus}"
            )
        ],
        id="X110-request-without-http",
    ),
    pytest.param(
        {"jobs/a.yaml": job_with(tasks="- {id: x, command: y, scriptType: bash}")},
        [("jobs/a.yaml:5:37 W TASK005 tasks[0].scriptType: scriptType bash has no effect: the task has no script")],
        id="X110-script-type-without-script",
    ),
    pytest.param(
        {"jobs/a.yaml": job_with(tasks="- {id: x, command: y, executionType: Servce}")},
        [
            (
                "jobs/a.yaml:5:40 VAL001 tasks[0].executionType: `Servce` is not one of Service, User, "
                "UserElevated, UserDesktop, Http; did you mean `Service`?"
            )
        ],
        id="X111-execution-type",
    ),
    pytest.param(
        {"jobs/a.yaml": job_with(tasks="- {id: x, command: y, ExecutionType: Root}")},
        [
            (
                "jobs/a.yaml:5:40 VAL001 tasks[0].ExecutionType: `Root` is not one of Service, User, "
                "UserElevated, UserDesktop, Http"
            )
        ],
        id="X111-execution-type-as-keeper-spells-it",
    ),
    pytest.param(
        {"jobs/a.yaml": job_with(tasks="- {id: x, script: y, scriptType: bsh}")},
        [
            (
                "jobs/a.yaml:5:36 VAL001 tasks[0].scriptType: `bsh` is not one of auto, bash, powershell, "
                "python, batch; did you mean `bash`?"
            )
        ],
        id="X111-script-type",
    ),
    pytest.param(
        {"jobs/a.yaml": JOB + "osFilter: {windows: false}\n"},
        ["jobs/a.yaml:6:11 JOB001 osFilter: the job runs on no platform"],
        id="X112-no-platform",
    ),
    pytest.param(
        {"jobs/a.yaml": JOB + "osFilter: {}\n"},
        ["jobs/a.yaml:6:11 JOB001 osFilter: the job runs on no platform"],
        id="X112-empty-filter",
    ),
    pytest.param(
        {"components/clean.yaml": CLEAN, "jobs/a.yaml": made("{}", "claen")},
        ["jobs/a.yaml:3:12 REF004 component: component `claen` is not defined; did you mean `clean`?"],
        id="X114-unknown-component",
    ),
    pytest.param(
        {"components/clean.yaml": CLEAN, "jobs/a.yaml": made("{}")},
        ["jobs/a.yaml:3:12 PARAM006 component: component variable `days` is required"],
        id="X114-variable-missing",
    ),
    pytest.param(
        {"components/clean.yaml": CLEAN, "jobs/a.yaml": made("{dayz: 3}")},
        ["jobs/a.yaml:4:19 PARAM005 variables.dayz: unknown component variable `dayz`; did you mean `days`?"],
        id="X114-variable-misspelt",
    ),
    pytest.param(
        {"components/clean.yaml": CLEAN, "jobs/a.yaml": made("{days: many, mode: slow}")},
        [
            "jobs/a.yaml:4:19 PARAM003 variables.days: component variable `days`: expected a number, found text",
            "jobs/a.yaml:4:31 PARAM004 variables.mode: component variable `mode` is not one of fast, full",
        ],
        id="X114-variable-of-another-type",
    ),
    pytest.param(
        {"components/x.yaml": "id: x\nname: Clear Temp Files\n", "jobs/a.yaml": made("{}", "x")},
        ["jobs/a.yaml:3:12 REF004 component: component `x` has no script, so target `local` cannot run it"],
        id="X114-no-script-for-this-machine",
    ),
    pytest.param(
        {"components/clean.yaml": CLEAN, "jobs/a.yaml": made("{days: 3}") + "parameters: [{name: days}]\n"},
        ["jobs/a.yaml:5:13 PARAM001 parameters: parameter `days` is also a variable of component `clean`"],
        id="X114-name-taken-twice",
    ),
    pytest.param(
        {"jobs/a.yaml": JOB + "timeoutSeconds: 0\n"},
        ["jobs/a.yaml:6:17 VAL002 timeoutSeconds: timeoutSeconds 0 is outside 1-86400"],
        id="X115-zero",
    ),
    pytest.param(
        {"jobs/a.yaml": job_with(tasks="- {id: t, command: x, timeoutSeconds: 1000000000}")},
        ["jobs/a.yaml:5:41 VAL002 tasks[0].timeoutSeconds: timeoutSeconds 1000000000 is outside 1-86400"],
        id="X115-of-a-task",
    ),
    pytest.param(
        {"jobs/a.yaml": JOB + "targets: [dato]\n", "targets/datto.yaml": DATTO.replace("acme", "datto")},
        ["jobs/a.yaml:6:11 REF003 targets[0]: unknown target `dato`"],
        id="X-unknown-target",
    ),
    pytest.param(
        {"jobs/a.yaml": JOB, "runs/r.yaml": "id: r\njob: a\ntargets: [x]\n"},
        ["runs/r.yaml:3:11 REF003 targets[0]: unknown target `x`"],
        id="X-unknown-target-of-a-one-off",
    ),
    pytest.param(
        {
            "jobs/a.yaml": JOB,
            "jobs/backup.yaml": JOB.replace("id: a", "id: backup"),
            "runs/r.yaml": "id: r\njob: bakcup\n",
        },
        ["runs/r.yaml:2:6 REF008 job: job `bakcup` is not defined; did you mean `backup`?"],
        id="X-unknown-job-of-a-one-off",
    ),
    pytest.param(
        {
            "jobs/a.yaml": "id: a\nparameters: [{name: days, type: number, required: true}]\n" + TASK,
            "runs/r.yaml": "id: r\njob: a\nvariables: {dayz: 3}\n",
            "runs/s.yaml": "id: s\njob: a\nvariables: {days: many}\n",
        },
        [
            "runs/r.yaml:3:19 PARAM005 variables.dayz: unknown parameter `dayz`; did you mean `days`?",
            "runs/s.yaml:3:19 PARAM003 variables.days: parameter `days`: expected a number, found text",
        ],
        id="X-variables-of-a-one-off",
    ),
    pytest.param(
        {"targets/t.yaml": "id: t\nprovider: dato\n"},
        ["targets/t.yaml:2:11 REF005 provider: unknown provider `dato`; did you mean `datto`?"],
        id="X-unknown-provider",
    ),
    pytest.param(
        {"targets/local.yaml": "id: local\nprovider: datto\nsettings: {platform: merlot}\n"},
        [
            (
                "targets/local.yaml:2:11 REF005 provider: the target `local` is this machine, its provider "
                "cannot be `datto`"
            )
        ],
        id="X-local-is-this-machine",
    ),
    pytest.param(
        {"targets/t.yaml": "id: t\nprovider: datto\nsettings: {platform: merlin, pagesize: 10, apiSecret: [x]}\n"},
        [
            (
                "targets/t.yaml:3:22 VAL001 settings.platform: the text is not one of merlot, pinotage; did "
                "you mean `merlot`?"
            ),
            "targets/t.yaml:3:30 KEY003 settings.pagesize: unknown field `pagesize`; did you mean `pageSize`?",
            "targets/t.yaml:3:55 TYPE001 settings.apiSecret: expected text or key/value pairs, found a list",
        ],
        id="X-settings",
    ),
    pytest.param(
        {"targets/t.yaml": "id: t\nprovider: datto\n"},
        ["targets/t.yaml:1:1 KEY004 settings.platform: settings needs `platform`"],
        id="X-settings-missing",
    ),
    pytest.param(
        {"targets/acme.yaml": DATTO, "jobs/a.yaml": JOB + "targets: [acme]\n"},
        ["jobs/a.yaml:1:1 DEV003 devices: devices is required: target `acme` has more than one"],
        id="X-devices-missing",
    ),
    pytest.param(
        {
            "targets/acme.yaml": DATTO,
            "jobs/a.yaml": JOB + "targets: [acme]\ndevices: {}\n",
            "jobs/b.yaml": JOB.replace("id: a", "id: b") + "targets: [acme]\ndevices: {max: 5}\n",
        },
        [
            "jobs/a.yaml:7:10 VAL004 devices: devices is empty",
            "jobs/b.yaml:7:10 DEV001 devices: devices selects nothing",
        ],
        id="X-devices-empty",
    ),
    pytest.param(
        {"targets/acme.yaml": DATTO, "jobs/a.yaml": JOB + "targets: [acme]\ndevices: {all: true, tags: [x]}\n"},
        ["jobs/a.yaml:7:16 DEV002 devices.all: all: true selects every device, the other keys some: keep one"],
        id="X-devices-all-and-some",
    ),
    pytest.param(
        {
            "targets/acme.yaml": DATTO,
            "jobs/a.yaml": JOB + "targets: [acme]\ndevices: {all: true}\ndatto: {x: 1}\npsu: {y: 2}\n",
        },
        ["jobs/a.yaml:9:6 REF007 psu: `psu` is for a psu target, and this job has none"],
        id="X-vendor-field-of-another",
    ),
    pytest.param(
        {"jobs/a.yaml": JOB + "condition: {type: PolicyType, value: x}\n"},
        [("jobs/a.yaml:6:12 JOB003 condition: a condition in Keeper's own form means nothing to target `local`")],
        id="X-condition-in-keepers-form",
    ),
    pytest.param(
        {"jobs/a.yaml": JOB + "eventTopic: Jobs/a/events\n"},
        [
            (
                "jobs/a.yaml:6:13 W KEEPER001 eventTopic: eventTopic `Jobs/a/events` is not in "
                "mqttTopics.allowedPublications; the agent drops it silently"
            )
        ],
        id="X-topic-not-allowed",
    ),
    pytest.param(
        {
            "jobs/a.yaml": job_with(
                tasks="- {id: t, scriptType: powershell, script: '$x = Read-Host Disk'}\n"
                "- {id: u, scriptFile: scripts/ask.sh}"
            ),
            "scripts/ask.sh": '# read -p is fine in a comment\nread -r -p "Disk? " disk\n',
        },
        [
            (
                "jobs/a.yaml:5:45 W LINT001 tasks[0].script: the script waits for input, and nobody is "
                "there to answer a scheduled run"
            ),
            (
                "jobs/a.yaml:6:25 W LINT001 tasks[1].scriptFile: the script waits for input, and nobody is "
                "there to answer a scheduled run"
            ),
        ],
        id="X-script-waits-for-input",
    ),
]


@pytest.mark.parametrize(("files", "expected"), BAD_REFERENCES)
def test_what_does_not_fit_together_is_told(files, expected):
    loaded = load(files)
    assert lines_of(loaded) == expected
    only_remarks = all(" W " in line for line in expected)
    assert loaded.desired.complete == only_remarks


def keeper(name, path):
    return f"id: {name}\nprovider: keeper\nsettings: {{channel: directory, path: {path}}}\n"


@pytest.mark.parametrize(
    ("path", "how"),
    [
        ("/srv/Jobs", "is"),
        ("/srv/x/../Jobs/", "is"),
        ("/srv/Jobs/deep", "lies in"),
        ("/srv", "holds"),
        ("/srv/Jobs2", None),
    ],
)
def test_two_targets_cannot_share_a_folder(path, how):
    files = {"targets/a.yaml": keeper("a", "/srv/Jobs"), "targets/b.yaml": keeper("b", path)}
    expected = [f"targets/b.yaml:3:38 TGT005 settings.path: `{path}` {how} the folder of target `a`"] if how else []
    assert lines_of(load(files, providers=provider_rules())) == expected


NOT_THERE = (
    "runs/once.yaml:3:11 TGT001 targets[0]: job `a` cannot run there: Datto RMM starts components, not scripts of ours"
)


@pytest.mark.parametrize(
    ("devices", "expected"),
    [
        pytest.param(
            "",
            [
                (
                    "runs/once.yaml:3:11 DEV003 targets[0]: job `a` cannot run there: devices is required: target"
                    " `acme` has more than one"
                ),
                NOT_THERE,
            ],
            id="nowhere",
        ),
        pytest.param("devices: {all: true}\n", [NOT_THERE], id="with-devices-of-its-own"),
    ],
)
def test_a_one_off_sends_a_job_only_where_it_can_run(devices, expected):
    def check(job, target):
        return [Finding(code="TGT001", json_path="tasks", message="Datto RMM starts components, not scripts of ours")]

    providers = PROVIDERS | {"datto": replace(PROVIDERS["datto"], check=check)}
    files = {
        "jobs/a.yaml": JOB,
        "targets/acme.yaml": "id: acme\nprovider: datto\nsettings: {platform: merlot}\n",
        "runs/once.yaml": f"id: once\njob: a\ntargets: [acme]\n{devices}",
    }
    assert lines_of(load(files, providers=providers)) == expected
