"""Bad files, by the numbers of RELIABILITY section 3, group K: names of fields, types of values, limits."""

import pytest
from support.definitions import JOB, TASK, job_lines, job_with, lines_of, load

BAD_KEYS_AND_TYPES = [
    pytest.param(
        "id: a\nschedule:\n  intervalMinutes: 5\n  tasks:\n  - {id: t, command: x}\n",
        ["4:3 KEY003 schedule.tasks: `tasks` stands under `schedule`; did you mean the same level as `id`?"],
        id="Y4-a-level-too-deep",
    ),
    pytest.param(
        "id: a\nschedule:{intervalMinutes: 5}\n" + TASK,
        ["2:1 KEY003 ['schedule:{intervalMinutes']: unknown field `schedule:{intervalMinutes`"],
        id="K24-no-space-after-the-colon",
    ),
    pytest.param(
        "id: a\nevents: [Startup]\ntasks: [x]\n",
        ["3:9 TYPE001 tasks[0]: expected key/value pairs, found `x`"],
        id="K41-text-for-a-task",
    ),
    pytest.param(
        JOB + "osFilter: {Linux: true, macos: true}\n",
        [
            "6:12 KEY003 osFilter.Linux: unknown field `Linux`; did you mean `linux`?",
            "6:25 KEY003 osFilter.macos: unknown field `macos`; did you mean `macOS`?",
        ],
        id="K25-casing",
    ),
    pytest.param(
        JOB + "timeoutSeconds: 5\nname: x\ntimeoutSeconds: 6\n",
        ["8:1 KEY001 timeoutSeconds: `timeoutSeconds` is given twice (lines 6 and 8)"],
        id="K21-twice",
    ),
    pytest.param(
        JOB + "labels: {a: x, b: y, a: z}\n",
        ["6:22 KEY001 labels.a: `a` is given twice on line 6"],
        id="K21-twice-below",
    ),
    pytest.param(
        {
            "jobs/a.json": (
                '{"id": "a",\n"priority": 1,\n"events": ["Startup"],'
                ' "tasks": [{"id": "t", "command": "x"}],\n"priority": 2}'
            )
        },
        ["jobs/a.json:4:1 KEY001 priority: `priority` is given twice (lines 2 and 4)"],
        id="K22-twice-in-json",
    ),
    pytest.param(
        {
            "jobs/a.json": (
                '{"id": "a", "events": ["Startup"], "tasks": [{"id": "t", "command": "x",\n'
                '"executionType": "Service",\n"ExecutionType": "Service"}]}'
            )
        },
        [
            (
                "jobs/a.json:3:1 KEY002 tasks[0].ExecutionType: given twice: `executionType` (line 2) and "
                "`ExecutionType` (line 3)"
            )
        ],
        id="K23-both-casings",
    ),
    pytest.param(
        JOB + "Enabled: true\nenabled: false\n",
        ["7:1 KEY002 enabled: given twice: `Enabled` (line 6) and `enabled` (line 7)"],
        id="K23-another-casing",
    ),
    pytest.param(
        "id: a\nschedle: {intervalMinutes: 30}\n" + TASK,
        ["2:1 KEY003 schedle: unknown field `schedle`; did you mean `schedule`?"],
        id="K24-unknown",
    ),
    pytest.param(
        JOB + "Name: x\n",
        ["6:1 KEY003 Name: unknown field `Name`; did you mean `name`?"],
        id="K24-wrong-case",
    ),
    pytest.param(
        JOB + "zzz: x\n",
        ["6:1 KEY003 zzz: unknown field `zzz`"],
        id="K24-unlike-anything",
    ),
    pytest.param(
        JOB + "  - id: u\n    command: y\n    timeoutSecond: 3\n",
        ["8:5 KEY003 tasks[1].timeoutSecond: unknown field `timeoutSecond`; did you mean `timeoutSeconds`?"],
        id="K25-unknown-below",
    ),
    pytest.param(
        JOB + "osFilter: {linux: true, solaris: true}\n",
        ["6:25 KEY003 osFilter.solaris: unknown field `solaris`"],
        id="K25-few-known",
    ),
    pytest.param(
        job_with(tasks="- {id: t, executionType: Http, url: 'https://example.com'}"),
        ["5:34 KEY003 tasks[0].url: unknown field `url`; did you mean `url` of `http`?"],
        id="K25-request-fields-in-a-task",
    ),
    pytest.param(
        JOB + "[a]: b\n",
        ["6:1 SYN017 : a list cannot be a field name"],
        id="K27-list-as-name",
    ),
    pytest.param(
        JOB + "? {a: b}\n: c\n",
        ["6:3 SYN017 : a mapping cannot be a field name"],
        id="K27-mapping-as-name",
    ),
    pytest.param(
        JOB + "labels: {2024: x}\n",
        ["6:10 SYN017 labels: `2024` is not text; quote the field name"],
        id="K-number-as-name",
    ),
    pytest.param(
        JOB + "labels: {true: x}\n",
        ["6:10 SYN017 labels: `true` is not text; quote the field name"],
        id="K-true-as-name",
    ),
    pytest.param(
        JOB + "enabled: yes\n",
        ["6:10 TYPE002 enabled: use true or false, found `yes`"],
        id="K29-yes",
    ),
    pytest.param(
        JOB + 'enabled: "false"\n',
        ['6:10 TYPE002 enabled: expected true or false, found text "false"; remove the quotes'],
        id="K30-quoted-false",
    ),
    pytest.param(
        JOB + "enabled: 1\n",
        ["6:10 TYPE001 enabled: expected true or false, found 1"],
        id="K30-number",
    ),
    pytest.param(
        job_with(schedule="calendar: [{daysOfWeek: [1], time: 10:00}]"),
        ['3:38 SYN014 schedule.calendar[0].time: quote times: "10:00"'],
        id="K31-base-60",
    ),
    pytest.param(
        JOB + "labels: {mode: 0755}\n",
        ["6:16 SYN012 labels.mode: `0755` is a number with a leading zero; quote it"],
        id="K32-leading-zero",
    ),
    pytest.param(
        JOB + "timeoutSeconds: 1_000\n",
        ["6:17 SYN013 timeoutSeconds: `1_000` has digits with `_`; write 1000"],
        id="K33-underscore",
    ),
    pytest.param(
        JOB + "labels: {sha: 1234567}\n",
        ["6:15 TYPE001 labels.sha: expected text, found the number 1234567; quote it"],
        id="K34-number-for-text",
    ),
    pytest.param(
        JOB.replace("id: a", "id: 12"),
        ["1:5 TYPE001 id: expected text, found the number 12; quote it"],
        id="K34-number-for-an-id",
    ),
    pytest.param(
        JOB + "owner: true\n",
        ["6:8 TYPE001 owner: expected text, found true; quote it"],
        id="K34-true-for-text",
    ),
    pytest.param(
        JOB + "timeoutSeconds: .inf\npriority: -.Inf\nlabels: {x: .nan}\n",
        [
            "6:17 SYN015 timeoutSeconds: `.inf` is not a finite number",
            "7:11 SYN015 priority: `-.Inf` is not a finite number",
            "8:13 SYN015 labels.x: `.nan` is not a finite number",
        ],
        id="K36-not-finite",
    ),
    pytest.param(
        JOB + "timeoutSeconds: 1e999\n",
        ["6:17 SYN015 timeoutSeconds: `1e999` is not a finite number"],
        id="K36-too-large-to-be-finite",
    ),
    pytest.param(
        JOB + "priority: " + "9" * 30 + "\n",
        ["6:11 SYN016 priority: the number 99999999999999999999... is too large"],
        id="K36-too-many-digits",
    ),
    pytest.param(
        JOB + "priority: 5.5\n",
        ["6:11 TYPE001 priority: expected a whole number 1-10, found 5.5"],
        id="K38-half",
    ),
    pytest.param(
        JOB + "priority: 5.0\n",
        ["6:11 TYPE001 priority: expected a whole number 1-10, found 5.0"],
        id="K38-whole-but-written-as-a-fraction",
    ),
    pytest.param(
        JOB + 'priority: "5"\n',
        ["6:11 TYPE001 priority: expected a whole number 1-10, found text `5`; remove the quotes"],
        id="K38-quoted",
    ),
    pytest.param(
        JOB + "priority: 0\n",
        ["6:11 VAL002 priority: priority 0 is outside 1-10"],
        id="K39-zero",
    ),
    pytest.param(
        JOB + "priority: 11\n",
        ["6:11 VAL002 priority: priority 11 is outside 1-10"],
        id="K39-eleven",
    ),
    pytest.param(
        JOB + "priority: -1\n",
        ["6:11 VAL002 priority: priority -1 is outside 1-10"],
        id="K39-negative",
    ),
    pytest.param(
        "id: a\nschedule:\n" + TASK,
        ["2:1 SYN018 schedule: schedule is empty; fill it or remove the line"],
        id="K40-empty",
    ),
    pytest.param(
        "id: a\nschedule: null\n" + TASK,
        ["2:11 SYN018 schedule: schedule is empty; fill it or remove the line"],
        id="K40-null",
    ),
    pytest.param(
        JOB + "targets:\n  -\n",
        ["7:4 SYN018 targets[0]: item is empty; fill it or remove the line"],
        id="K40-empty-item",
    ),
    pytest.param(
        JOB + "alternateJobId:\n",
        ["6:1 SYN018 alternateJobId: alternateJobId is empty; fill it or remove the line"],
        id="K40-empty-alternate",
    ),
    pytest.param(
        {"jobs/a.json": '{"id": "a", "events": ["Startup"], "tasks": null, "targets": null}'},
        [
            "jobs/a.json:1:45 SYN018 tasks: tasks is empty; fill it or remove the line",
            "jobs/a.json:1:62 SYN018 targets: targets is empty; fill it or remove the line",
        ],
        id="K40-null-in-json",
    ),
    pytest.param(
        "id: a\nschedule: {intervalMinutes: 30}\ntasks:\n  id: t\n  command: x\n",
        ["3:1 TYPE001 tasks: expected a list (lines starting with `-`), found key/value pairs"],
        id="K41-mapping-for-list",
    ),
    pytest.param(
        JOB + "labels: [a]\n",
        ["6:9 TYPE001 labels: expected key/value pairs, found a list"],
        id="K41-list-for-mapping",
    ),
    pytest.param(
        JOB + "targets: local\n",
        ["6:10 TYPE001 targets: expected a list (lines starting with `-`), found `local`"],
        id="K41-text-for-list",
    ),
    pytest.param(
        "id: a\nschedule: daily\n" + TASK,
        ["2:11 TYPE001 schedule: expected key/value pairs, found `daily`"],
        id="K41-text-for-mapping",
    ),
    pytest.param(
        job_with(tasks="[]"),
        ["5:3 VAL004 tasks: a job needs at least one task"],
        id="K42-no-tasks",
    ),
    pytest.param(
        "id: a\nschedule: {intervalMinutes: 30}\n",
        ["1:1 KEY006 : every job needs one of tasks, component"],
        id="K42-neither-tasks-nor-component",
    ),
    pytest.param(
        JOB + "component: c\n",
        ["6:1 KEY007 component: both tasks and component; keep one"],
        id="K42-tasks-and-component",
    ),
    pytest.param(
        JOB + "owner: !!python/object/apply:os.system [x]\n",
        ["6:8 SYN009 owner: tags (`!...`) are not allowed"],
        id="K43-python-tag",
    ),
    pytest.param(
        JOB + "owner: !!binary aGk=\n",
        ["6:8 SYN009 owner: tags (`!...`) are not allowed"],
        id="K44-binary",
    ),
    pytest.param(
        JOB + "labels: !!set {a}\n",
        ["6:9 SYN009 labels: tags (`!...`) are not allowed"],
        id="K44-set",
    ),
    pytest.param(
        JOB + "owner: !secret x\n",
        ["6:8 SYN009 owner: tags (`!...`) are not allowed"],
        id="K44-own-tag",
    ),
    pytest.param(
        JOB + "<<: {name: b}\n",
        ["6:1 SYN010 ['<<']: anchors and merge keys are not allowed"],
        id="K45-merge-key",
    ),
    pytest.param(
        job_with(tasks="- &t {id: t, command: x}\n- {<<: *t, id: u}"),
        [
            "5:5 SYN008 tasks[0]: anchors (`&`) and aliases (`*`) are not allowed",
            "6:6 SYN010 tasks[1]['<<']: anchors and merge keys are not allowed",
        ],
        id="K45-merge-of-an-anchor",
    ),
    pytest.param(
        JOB + "owner: &x y\nname: *x\n",
        ["6:8 SYN008 owner: anchors (`&`) and aliases (`*`) are not allowed"],
        id="K46-anchor-and-alias",
    ),
    pytest.param(
        JOB + "name: *urgent\n",
        ["6:7 SYN008 name: anchors (`&`) and aliases (`*`) are not allowed"],
        id="K46-star-that-is-text",
    ),
    pytest.param(
        "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b]\n",
        [
            "1:1 KEY003 a: unknown field `a`",
            "1:1 KEY004 id: every job needs `id`",
            "1:1 KEY006 : every job needs one of tasks, component",
            "1:4 SYN008 a: anchors (`&`) and aliases (`*`) are not allowed",
            "2:1 KEY003 b: unknown field `b`",
            "2:4 SYN008 b: anchors (`&`) and aliases (`*`) are not allowed",
            "3:1 KEY003 c: unknown field `c`",
            "3:4 SYN008 c: anchors (`&`) and aliases (`*`) are not allowed",
        ],
        id="K48-alias-bomb",
    ),
    pytest.param(
        JOB + "*name : x\n",
        ["6:1 SYN008 : anchors (`&`) and aliases (`*`) are not allowed"],
        id="K46-alias-as-a-name",
    ),
    pytest.param(
        JOB + "keeper: &a {x: *a}\n",
        ["6:9 SYN008 keeper: anchors (`&`) and aliases (`*`) are not allowed"],
        id="K48-alias-of-itself",
    ),
    pytest.param(
        JOB + "keeper: {x: " + "[" * 31 + "]" * 31 + "}\n",
        ["6:43 FILE003 : nested deeper than 32 levels"],
        id="K50-depth-33",
    ),
    pytest.param(
        "[" * 50_000,
        ["1:33 FILE003 : nested deeper than 32 levels"],
        id="K50-depth-50000",
    ),
    pytest.param(
        {"jobs/a.json": '{"a":' * 50_000},
        ["jobs/a.json:1:161 FILE003 : nested deeper than 32 levels"],
        id="K50-depth-in-json",
    ),
    pytest.param(
        JOB + "# " + "x" * 1_300_000,
        ["0:0 FILE002 : file has 1.2 MB, limit 256 KiB"],
        id="K51-large",
    ),
    pytest.param(
        JOB + "#" * (256 * 1024 - len(JOB) + 1),
        ["0:0 FILE002 : file has 262,145 bytes, limit 256 KiB"],
        id="K51-just-too-large",
    ),
    pytest.param(
        JOB + "keeper: {x: [" + "1," * 20_001 + "]}\n",
        ["6:39978 FILE004 : more than 20,000 names and values in one file"],
        id="K52-many-values",
    ),
    pytest.param(
        {"jobs/a.json": '{"id": "a", "x": [1' + ",1" * 20_001 + "]}"},
        ["jobs/a.json:1:40009 FILE004 : more than 20,000 names and values in one file"],
        id="K52-many-values-in-json",
    ),
    pytest.param(
        JOB + "priority: 12\nenabled: maybe\n",
        [
            "6:11 VAL002 priority: priority 12 is outside 1-10",
            "7:10 TYPE002 enabled: expected true or false, found `maybe`",
        ],
        id="K-two-mistakes",
    ),
    pytest.param(
        JOB + "name: " + "x" * 201 + "\n",
        ["6:7 VAL005 name: name has 201 characters, limit 200"],
        id="K-text-too-long",
    ),
    pytest.param(
        JOB + "targets: [local, local]\n",
        ["6:18 VAL007 targets[1]: `local` is listed twice"],
        id="K-listed-twice",
    ),
    pytest.param(
        job_with(tasks="- {id: t, command: x, env: {A-B: c}}"),
        ["5:31 KEY008 tasks[0].env.A-B: `A-B` is not the name of an environment variable"],
        id="K-not-the-name-of-a-variable",
    ),
    pytest.param(
        job_with(tasks="- {id: t, command: x, arguments: [-n, 5]}"),
        ["5:41 TYPE001 tasks[0].arguments[1]: expected text, found a number; quote it"],
        id="K-argument-that-is-a-number",
    ),
    pytest.param(
        JOB + "events: [{type: Startup}, 5]\n",
        [
            "6:11 KEY003 events[0].type: unknown field `type`; did you mean `eventType`?",
            "6:27 TYPE001 events[1]: expected key/value pairs or text, found the number 5; quote it",
        ],
        id="K-event-of-a-wrong-form",
    ),
]


@pytest.mark.parametrize(("given", "expected"), BAD_KEYS_AND_TYPES)
def test_each_mistake_is_told_once_at_its_place(given, expected):
    several = isinstance(given, dict)
    loaded = load(given if several else {"jobs/a.yaml": given})
    assert lines_of(loaded, with_path=several) == expected
    assert not loaded.desired.jobs


@pytest.mark.parametrize(
    "more",
    [
        pytest.param("labels: {country: NO, answer: yes}\n", id="K28-text-that-yaml-1.1-reads-as-false"),
        pytest.param("labels: {version: 1.2.3, time: 09:30, at: 2026-01-10}\n", id="text-that-begins-like-a-number"),
        pytest.param('labels: {mode: "0755", n: "1_000", t: "10:00"}\n', id="quoted-numbers"),
        pytest.param("priority: 0x0A\n", id="hexadecimal"),
        pytest.param("alternateJobId: null\n", id="an-alternate-of-null-as-keeper-writes-it"),
        pytest.param("overlap: ALLOW\nonOffline: Skip\n", id="enum-words-in-another-case"),
        pytest.param(
            "keeper: {x: " + "[" * 30 + "]" * 30 + "}\ntargets: [k]\ndevices: {all: true}\n", id="K50-depth-32"
        ),
    ],
)
def test_what_is_plainly_meant_is_read(more):
    loaded = load({"jobs/a.yaml": JOB + more, "targets/k.yaml": "id: k\nprovider: keeper\n"})
    assert lines_of(loaded) == []


def test_a_value_that_may_be_a_secret_is_not_shown():
    lines = job_lines(job_with(tasks="- {id: t, command: x, env: {A: [hunter2]}, arguments: [hunter3: 4]}"))
    assert lines == [
        "5:34 TYPE001 tasks[0].env.A: expected text or key/value pairs, found a list",
        "5:58 TYPE001 tasks[0].arguments[0]: expected text, found key/value pairs",
    ]


def test_what_looks_like_an_event_of_ours_gets_a_warning():
    loaded = load({"jobs/a.yaml": "id: a\nevents: [Statup, theirs]\n" + TASK})
    assert lines_of(loaded, with_path=False) == [
        "2:10 W JOB008 events[0]: nobody may ever send the event `Statup`; did you mean `Startup`?"
    ]
