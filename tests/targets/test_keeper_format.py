"""Keeper's job files: what is written, what is read, and that both spellings of everything mean the same."""

import json
from datetime import UTC, datetime

import pytest
from support.values import make_job

from reconciler.model.forms import Target
from reconciler.model.job import (
    CalendarEntry,
    Concurrency,
    Devices,
    EventTrigger,
    ExecutionType,
    HttpRequest,
    Misfire,
    MisfirePolicy,
    OsFilter,
    Overlap,
    Parameter,
    Retention,
    Retry,
    Schedule,
    ScriptType,
    Task,
)
from reconciler.model.secret import SecretRef
from reconciler.targets.keeper.arguments import CannotQuote, join_arguments
from reconciler.targets.keeper.reading import NotOurs, parse_file, read_job
from reconciler.targets.keeper.rules import check_job
from reconciler.targets.keeper.writing import file_text, keep_unmanaged, write_job

AGENTS = Target(id="agents", provider="keeper", settings={"channel": "directory", "path": "/srv/Jobs"})
PARIS = Target(id="agents", provider="keeper", settings=AGENTS.settings | {"timezone": "Europe/Paris"})
FULL = make_job(
    "nightly-scan",
    name="Nightly scan",
    description="Scans for secrets.",
    priority=8,
    schedule=Schedule(cron_expression="0 2 * * 1-5"),
    events=(EventTrigger(event_type="Startup"),),
    event_topic="Jobs/nightly-scan/events",
    os_filter=OsFilter(windows=True),
    mqtt_topics={"allowedPublications": ("KeeperLogger", "Jobs/nightly-scan/events")},
    parameters=(Parameter(name="Scope", default="basic"),),
    condition={"policyType": "FileAccess"},
    tasks=(
        Task(
            id="scan",
            name="Scan",
            command="scan",
            executable_path="C:\\Tools\\scan\\scan.exe",
            arguments=("--scope={Scope}", "--log", "C:\\Program Files\\log.txt"),
            execution_type=ExecutionType.USER_ELEVATED,
            timeout_seconds=600,
            continue_on_failure=True,
            keeper={"MergeStdoutJsonIntoContext": True},
        ),
        Task(id="report", executable_path="/opt/report/report.sh"),
    ),
)
PLAIN_FILE = {"id": "a", "name": "A", "enabled": True, "tasks": [{"id": "t", "command": "x"}]}


def read(raw, **fields):
    return read_job(raw, timezone="UTC", **fields)


def normal(job):
    return read(write_job(job)).job


def test_a_job_is_written_in_the_published_spelling_and_order():
    raw = write_job(FULL)
    assert list(raw) == [
        "id", "name", "description", "enabled", "priority", "schedule", "events", "eventTopic", "osFilter",
        "mqttTopics", "parameters", "tasks", "condition",
    ]  # fmt: skip
    assert raw["events"] == [{"eventType": "Startup"}]
    assert raw["osFilter"] == {"windows": True, "linux": False, "macOS": False}
    assert raw["mqttTopics"]["allowedSubscriptions"] == []
    assert raw["tasks"][0] == {
        "id": "scan",
        "name": "Scan",
        "ExecutionType": "UserElevated",
        "command": "scan",
        "executablePath": "C:\\Tools\\scan\\scan.exe",
        "arguments": '--scope={Scope} --log "C:\\Program Files\\log.txt"',
        "timeoutSeconds": 600,
        "continueOnFailure": True,
        "scriptType": "Auto",
        "MergeStdoutJsonIntoContext": True,
    }
    assert (raw["tasks"][1]["command"], raw["tasks"][1]["name"]) == ("report", "report")
    assert file_text(raw).endswith(b"}\n")


def test_what_was_written_reads_back_as_itself():
    held = normal(FULL)
    assert normal(held) == held
    assert (held.schedule, held.parameters, held.condition) == (FULL.schedule, FULL.parameters, FULL.condition)
    assert (held.targets, held.tasks[0].arguments) == ((), '--scope={Scope} --log "C:\\Program Files\\log.txt"')


@pytest.mark.parametrize(
    ("schedule", "written"),
    [
        (Schedule(interval_minutes=30), {"intervalMinutes": 30}),
        (Schedule(run_at=datetime(2030, 1, 15, 10, tzinfo=UTC)), {"runAt": "2030-01-15T10:00:00Z"}),
        (
            Schedule(calendar=(CalendarEntry(days_of_week=(1, 5), time="09:00"),)),
            {"calendar": [{"daysOfWeek": [1, 5], "time": "09:00"}]},
        ),
    ],
    ids=["interval", "one-time", "calendar"],
)
def test_each_mode_of_a_schedule(schedule, written):
    job = make_job(schedule=schedule)
    assert write_job(job)["schedule"] == written
    assert normal(job).schedule == schedule


@pytest.mark.parametrize(
    "spelling",
    [
        pytest.param({"Name": "A", "NAME": None}, id="never-both"),
    ],
)
def test_a_field_that_is_there_twice_is_refused(spelling):
    with pytest.raises(NotOurs, match="given twice"):
        parse_file(json.dumps(PLAIN_FILE | spelling).encode())


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"description": None, "schedule": None, "events": []}, id="nulls-and-empty-lists"),
        pytest.param({"Enabled": True, "enabled": None}, id="casing-of-a-null"),
        pytest.param({"priority": 5}, id="priority-of-the-middle"),
        pytest.param({"osFilter": {"windows": True, "linux": True, "macos": True}}, id="a-filter-that-admits-all"),
        pytest.param({"mqttTopics": {"allowedPublications": []}}, id="no-topics"),
        pytest.param({"name": "a"}, id="a-name-that-repeats-the-id"),
        pytest.param({"tasks": [{"id": "t", "name": "t", "command": "x", "executionType": "service"}]}, id="defaults"),
        pytest.param({"tasks": [{"Id": "t", "Command": "x", "arguments": "", "scriptType": "Auto"}]}, id="casing"),
    ],
)
def test_what_only_says_a_default_or_spells_it_another_way_is_no_difference(change):
    plain = PLAIN_FILE | {"name": "a"}
    raw = {name: value for name, value in (plain | change).items() if not (name == "enabled" and value is None)}
    assert read(raw).job == read(plain).job


def test_events_are_read_as_names_and_as_objects():
    assert read(PLAIN_FILE | {"events": ["Startup"]}) == read(PLAIN_FILE | {"events": [{"eventType": "Startup"}]})


def test_arguments_are_read_as_a_text_and_as_a_list():
    as_text = PLAIN_FILE | {"tasks": [{"id": "t", "command": "x", "arguments": '--a "b c"'}]}
    as_list = PLAIN_FILE | {"tasks": [{"id": "t", "command": "x", "arguments": ["--a", "b c"]}]}
    assert read(as_text) == read(as_list)


def test_what_definitions_have_no_field_for_is_noted_by_its_path():
    raw = PLAIN_FILE | {"category": "x", "tasks": [{"id": "t", "command": "x", "window": "hidden"}]}
    assert read(raw).unmanaged == {"category": "x", "tasks[0].window": "hidden"}
    assert read(raw, ours=["category"]).job.keeper == {"category": "x"}


def test_what_somebody_added_stays_when_the_file_is_written_anew():
    found = PLAIN_FILE | {"category": "x", "old": 1, "tasks": [{"id": "t", "command": "x", "window": "hidden"}]}
    job = make_job("a", tasks=(Task(id="new", command="n"), Task(id="t", command="y")), keeper={"kind": 2})
    raw = keep_unmanaged(write_job(job), found, ours=["old"])
    assert (raw["category"], raw["kind"], "old" in raw) == ("x", 2, False)
    assert ["window" in task for task in raw["tasks"]] == [False, True]
    assert raw["tasks"][1]["command"] == "y"


@pytest.mark.parametrize(
    ("data", "why"),
    [
        pytest.param(b"{", "it is not JSON", id="cut-off"),
        pytest.param(b"", "it is not JSON", id="empty"),
        pytest.param(b'{"id": "a",}', "it is not JSON", id="comma"),
        pytest.param(b"[]", "no JSON object", id="list"),
        pytest.param("{}".encode("utf-16"), "not UTF-8", id="utf-16"),
        pytest.param(b'{"a": NaN}', "no number", id="nan"),
        pytest.param(b'{"a": "\\ud800"}', "no valid Unicode", id="half-a-character"),
        pytest.param(b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "too deep", id="deep"),
        pytest.param(b'{"a": ' + b"9" * 5000 + b"}", "number that cannot be read", id="long-number"),
    ],
)
def test_a_file_that_cannot_be_read_says_why(data, why):
    with pytest.raises(NotOurs, match=why):
        parse_file(data)


def test_a_byte_order_mark_and_windows_line_ends_are_read():
    text = json.dumps(PLAIN_FILE, indent=2).replace("\n", "\r\n")
    assert parse_file(b"\xef\xbb\xbf" + text.encode()) == PLAIN_FILE


@pytest.mark.parametrize(
    ("change", "why"),
    [
        pytest.param({"schedule": {"intervalMinutes": 0.5}}, "Minutes: expected a whole number, found", id="half"),
        pytest.param({"schedule": {}}, "schedule: expected one of", id="no-mode"),
        pytest.param({"schedule": "daily"}, "schedule: expected an object", id="text"),
        pytest.param({"schedule": {"runAt": "soon"}}, "runAt is not a date", id="instant"),
        pytest.param({"tasks": []}, "it has no tasks", id="no-tasks"),
        pytest.param({"tasks": [{"id": "t", "ExecutionType": "Kernel"}]}, "`kernel` is a word", id="execution-type"),
        pytest.param({"tasks": "x"}, "tasks: expected a list", id="tasks"),
        pytest.param({"tasks": ["x"]}, r"tasks\[0\]: expected an object", id="task"),
        pytest.param({"tasks": [{"id": "t", "ExecutionType": 1}]}, "another form", id="number-for-a-word"),
        pytest.param({"condition": "x"}, "language", id="condition"),
        pytest.param({"enabled": "yes"}, "enabled: expected true or false, found text", id="enabled"),
        pytest.param({"id": None}, "missing required field `id`", id="no-id"),
    ],
)
def test_what_definitions_cannot_say_is_told(change, why):
    with pytest.raises(NotOurs, match=why):
        read(PLAIN_FILE | change)


@pytest.mark.parametrize("argument", ['say "hi"', "ends with\\ \\", "two\nlines"])
def test_an_argument_for_which_no_quoting_is_known_is_refused(argument):
    with pytest.raises(CannotQuote):
        join_arguments([argument])


def said(job, target=AGENTS):
    return [f"{finding.code} {finding.json_path}" for finding in check_job(job, target)]


TASK = {"id": "t", "command": "x"}


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        pytest.param({}, [], id="plain"),
        pytest.param({"devices": Devices(all=True)}, [], id="all-devices"),
        pytest.param({"devices": Devices(tags=("db",))}, ["TGT001 devices"], id="devices"),
        pytest.param({"retry": Retry(attempts=3)}, ["TGT001 retry"], id="retry"),
        pytest.param({"overlap": Overlap.QUEUE}, ["TGT001 overlap"], id="overlap"),
        pytest.param({"concurrency": Concurrency(key="db")}, ["TGT001 concurrency"], id="concurrency"),
        pytest.param({"condition": "device.os == 'linux'"}, ["TGT001 condition"], id="condition"),
        pytest.param({"timeout_seconds": 60}, ["TGT001 timeoutSeconds"], id="timeout"),
        pytest.param({"events": (EventTrigger(event_type="a", where="true"),)}, ["TGT001 events[0].where"], id="where"),
        pytest.param({"retention": Retention(max_runs=5)}, ["TGT002 retention"], id="retention"),
        pytest.param({"keeper": {"Tasks": []}}, ["TGT001 keeper"], id="said-twice"),
        pytest.param(
            {"parameters": (Parameter(name="p", default=SecretRef("KEY"), choices=("a",), description="d"),)},
            ["TGT001 parameters[0].default", "TGT001 parameters[0].choices", "TGT002 parameters[0].description"],
            id="parameter",
        ),
        pytest.param({"component": "c"}, ["KEEPER005 component"], id="component"),
        pytest.param({"tasks": (Task(id="t", script="x"),)}, ["KEEPER005 tasks[0].script"], id="script"),
        pytest.param(
            {"tasks": (Task(id="t", http=HttpRequest(url="https://a.example")),)},
            ["KEEPER005 tasks[0].http"],
            id="http",
        ),
        pytest.param(
            {
                "tasks": (
                    Task(id="t", command="/bin/x", env={"A": "b"}, working_directory="/", success_exit_codes=(0, 1)),
                )
            },
            [
                "KEEPER005 tasks[0].command",
                "KEEPER005 tasks[0].env",
                "KEEPER005 tasks[0].workingDirectory",
                "KEEPER005 tasks[0].successExitCodes",
            ],
            id="task",
        ),
        pytest.param(
            {"tasks": (Task(**TASK, script_type=ScriptType.BASH, run_as="me"),)},
            ["KEEPER005 tasks[0].scriptType", "KEEPER005 tasks[0].runAs"],
            id="more-of-a-task",
        ),
        pytest.param({"tasks": (Task(**TASK, arguments="{commit}"),)}, ["KEEPER006 tasks[0].arguments"], id="token"),
        pytest.param(
            {"tasks": (Task(**TASK, arguments="{print $1}"),)}, ["KEEPER006 tasks[0].arguments"] * 2, id="braces"
        ),
        pytest.param(
            {"tasks": (Task(**TASK, arguments=('a "b"', "{commit}")),)},
            ["KEEPER005 tasks[0].arguments", "KEEPER006 tasks[0].arguments"],
            id="quotes",
        ),
        pytest.param(
            {"tasks": (Task(**TASK, arguments="{KeeperApiBaseUrl} {p}"),), "parameters": (Parameter(name="p"),)},
            [],
            id="known-tokens",
        ),
    ],
)
def test_what_a_job_file_cannot_say_is_a_problem(fields, expected):
    assert said(make_job(**fields)) == expected


@pytest.mark.parametrize("job_id", ["a_b", "a.b", "con", "LPT1", "Locale-Cache-Cleanup", "a-"])
def test_an_id_that_the_folder_cannot_have_is_a_problem(job_id):
    assert said(make_job(job_id)) == ["KEEPER003 id"]


@pytest.mark.parametrize(
    ("schedule", "field"),
    [
        (Schedule(interval_minutes=5, misfire=Misfire(policy=MisfirePolicy.SKIP)), "misfire"),
        (Schedule(interval_minutes=5, jitter_seconds=5), "jitterSeconds"),
        (Schedule(interval_minutes=5, start_at=datetime(2030, 1, 1, tzinfo=UTC)), "startAt"),
        (Schedule(interval_minutes=5, end_at=datetime(2030, 1, 1, tzinfo=UTC)), "endAt"),
        (Schedule(run_at=datetime(2030, 1, 1, 0, 0, 0, 500, tzinfo=UTC)), "runAt"),
        (Schedule(cron_expression="0 2 * * *", timezone="Europe/Paris"), "timezone"),
        (Schedule(cron_expression="0 2 * * mon"), "cronExpression"),
        (Schedule(cron_expression="@daily"), "cronExpression"),
        (Schedule(cron_expression="0 2 1 * 1"), "cronExpression"),
        (Schedule(cron_expression="0 2 * * 5-7"), "cronExpression"),
        (Schedule(calendar=(CalendarEntry(days_of_week=(0, 1), time="09:00"),)), "calendar[0].daysOfWeek"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_a_schedule_cannot_say_is_a_problem(schedule, field):
    assert said(make_job(schedule=schedule)) == [f"KEEPER004 schedule.{field}"]


def test_a_zone_is_said_where_it_is_that_of_the_agents():
    job = make_job(schedule=Schedule(cron_expression="0 2 * * *", timezone="Europe/Paris"))
    assert said(job, PARIS) == []
    assert read_job(write_job(job), timezone="Europe/Paris").job.schedule == job.schedule
