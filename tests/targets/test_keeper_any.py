"""Any job that the rules accept is written and read back as itself; any file at all is read or told, never a crash."""

import json
import string
from datetime import UTC, datetime

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from support.values import make_job

from reconciler.model.forms import Target
from reconciler.model.job import (
    CalendarEntry,
    EventTrigger,
    ExecutionType,
    OsFilter,
    Parameter,
    Schedule,
    Task,
    ValueType,
)
from reconciler.targets.keeper.reading import NotOurs, parse_file, read_job
from reconciler.targets.keeper.rules import check_job
from reconciler.targets.keeper.writing import file_text, keep_unmanaged, write_job

QUICKLY = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
TARGET = Target(id="agents", provider="keeper", settings={"channel": "directory", "path": "/srv/Jobs"})

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
NAME = st.text(string.ascii_letters + string.digits, min_size=1, max_size=8)
PLAIN = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="{}"), max_size=20)
SCHEDULES = st.one_of(
    st.builds(Schedule, interval_minutes=st.integers(1, 9999)),
    st.sampled_from([Schedule(cron_expression=text) for text in ("0 2 * * *", "*/5 0-6,8 * 1 1-5", "0  4 1 * *")]),
    st.builds(
        Schedule,
        run_at=st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1)).map(  # noqa: DTZ001 - aware in the next line
            lambda at: at.replace(microsecond=0, tzinfo=UTC)
        ),
    ),
    st.builds(
        Schedule,
        calendar=st.lists(
            st.builds(
                CalendarEntry,
                days_of_week=st.sets(st.integers(1, 6), min_size=1).map(lambda days: tuple(sorted(days))),
                time=st.just("09:30"),
            ),
            min_size=1,
            max_size=3,
        ).map(tuple),
    ),
)
PARAMETERS = st.lists(
    st.builds(
        Parameter,
        name=NAME,
        type=st.sampled_from(ValueType),
        default=st.none() | TEXT | st.booleans() | st.integers(),
        required=st.booleans(),
    ),
    max_size=3,
).map(tuple)
TASKS = st.lists(
    st.builds(
        Task,
        id=NAME,
        name=TEXT,
        command=NAME,
        executable_path=st.none() | st.just("/opt/x/x.sh") | st.just("C:\\x y\\x.exe"),
        arguments=PLAIN | st.lists(PLAIN, max_size=4).map(tuple),
        execution_type=st.sampled_from([item for item in ExecutionType if item is not ExecutionType.HTTP]),
        timeout_seconds=st.none() | st.integers(1, 9999),
        continue_on_failure=st.booleans(),
        keeper=st.sampled_from([{}, {"MergeStdoutJsonIntoContext": True}]),
    ),
    min_size=1,
    max_size=3,
).map(tuple)
TOPICS = st.fixed_dictionaries({"allowedPublications": st.lists(TEXT, max_size=2).map(tuple)})
JOBS = st.builds(
    make_job,
    NAME,
    name=TEXT,
    description=TEXT,
    enabled=st.booleans(),
    priority=st.integers(1, 10),
    labels=st.just({"team": "x"}),
    schedule=st.none() | SCHEDULES,
    events=st.lists(st.builds(EventTrigger, event_type=TEXT), max_size=2).map(tuple),
    parameters=PARAMETERS,
    tasks=TASKS,
    condition=st.none() | st.dictionaries(NAME, TEXT, max_size=2),
    os_filter=st.none() | st.builds(OsFilter, windows=st.booleans(), linux=st.booleans(), mac_os=st.booleans()),
    mqtt_topics=st.none() | TOPICS,
    keeper=st.sampled_from([{}, {"category": [1, {"a": None}]}]),
)


def said_by_file(job, *, found=None):
    """Return what the file of ``job`` says, where ``found`` is there already."""
    raw = write_job(job)
    if found is not None:
        raw = keep_unmanaged(raw, found, ours=())
    return read_job(parse_file(file_text(raw)), timezone="UTC", ours=job.keeper.keys())


@QUICKLY
@given(JOBS)
def test_what_is_written_is_read_back_as_itself(job):
    if list(check_job(job, TARGET)):
        return
    reading = said_by_file(job)
    assert reading.unmanaged == {}
    assert said_by_file(reading.job).job == reading.job
    kept = ("id", "description", "enabled", "priority", "events", "parameters", "condition", "keeper")
    assert [getattr(reading.job, name) for name in kept] == [getattr(job, name) for name in kept]
    assert (reading.job.schedule is None) == (job.schedule is None)
    assert len(reading.job.tasks) == len(job.tasks)


@QUICKLY
@given(JOBS, JOBS)
def test_two_jobs_have_the_same_file_only_if_they_mean_the_same(one, other):
    if list(check_job(one, TARGET)) or list(check_job(other, TARGET)):
        return
    other = replace(other, id=one.id)
    assert (said_by_file(one) == said_by_file(other)) == (
        file_text(write_job(said_by_file(one).job)) == file_text(write_job(said_by_file(other).job))
    )


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT | st.sampled_from(["id", "tasks"]), inner),
    max_leaves=8,
)
FIELDS = st.sampled_from(
    ["id", "NAME", "enabled", "schedule", "events", "parameters", "tasks", "condition", "osFilter", "mqttTopics", "x"]
)
NEARLY = st.dictionaries(FIELDS, JSON | st.lists(st.dictionaries(st.sampled_from(["id", "command", "default"]), JSON)))


@QUICKLY
@given(st.binary(max_size=200) | (JSON | NEARLY).map(lambda value: json.dumps(value).encode()))
def test_any_file_is_read_or_told(data):
    try:
        reading = read_job(parse_file(data), timezone="UTC")
    except NotOurs:
        return
    assert reading.job.tasks


@QUICKLY
@given(JOBS, NEARLY)
def test_a_file_written_over_any_other_says_what_the_job_says(job, found):
    if list(check_job(job, TARGET)):
        return
    assert said_by_file(job, found=found).job == said_by_file(job).job
