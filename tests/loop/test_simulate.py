"""The simulation: the same scheduler, and each instant exactly once."""

import json
import random
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.schedule import clock_changes_of, minutes_that_fire, random_expression
from support.values import make_job

from reconciler.loop.simulate import Downtime, simulate
from reconciler.model.desired import Declared
from reconciler.model.job import Misfire, MisfirePolicy, Schedule
from reconciler.schedule.times import fire_times

START = datetime(2026, 3, 28, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def declare(**schedules):
    return {
        job_id: Declared(form=make_job(job_id, schedule=schedule), path="", blob="", digest="")
        for job_id, schedule in schedules.items()
    }


def told(jobs, *, hours=24, downtimes=()):
    occurrences = simulate(jobs, start=START, until=START + timedelta(hours=hours), downtimes=downtimes)
    return [f"{shown(item.scheduled_for)} {item.disposition.value} {shown(item.started_at)}" for item in occurrences]


def shown(at):
    return f"{at:%d %H:%M}" if at else "-"


def test_the_span_holds_its_start_and_not_its_end():
    assert told(declare(a=Schedule(cron_expression="0 0 * * *"))) == ["28 00:00 run 28 00:00"]


def test_an_interval_counts_from_the_start():
    assert told(declare(a=Schedule(interval_minutes=600))) == ["28 10:00 run 28 10:00", "28 20:00 run 28 20:00"]


def test_a_skipped_hour_runs_once_right_after_it():
    jobs = declare(a=Schedule(cron_expression="30 2 * * *", timezone="Europe/Paris"))
    assert told(jobs, hours=48) == ["28 01:30 run 28 01:30", "29 01:00 run 29 01:00"]


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ("run-once", ["28 01:00 expired -", "28 02:00 coalesced -", "28 03:00 run 28 03:30"]),
        ("run-all", ["28 01:00 expired -", "28 02:00 run 28 03:30", "28 03:00 run 28 03:30"]),
        ("skip", ["28 01:00 missed -", "28 02:00 missed -", "28 03:00 missed -"]),
    ],
)
def test_a_downtime_is_judged_by_the_misfire_policy(policy, expected):
    schedule = Schedule(cron_expression="0 1-3 * * *", misfire=Misfire(policy=MisfirePolicy(policy), grace_minutes=100))
    downtime = Downtime(START + 30 * MINUTE, START + 210 * MINUTE)
    assert told(declare(a=schedule), downtimes=[downtime]) == expected


def test_a_downtime_past_the_end_leaves_no_instant_without_a_fate():
    downtime = Downtime(START + 30 * MINUTE, START + timedelta(days=9))
    jobs = declare(a=Schedule(cron_expression="0 1-3 * * *"))
    assert [line.split()[2] for line in told(jobs, downtimes=[downtime])] == ["expired"] * 3


CRONS = st.sampled_from(["* * * * *", "*/7 * * * *", "30 2 * * *", "0 */3 * * *", "15 1-4 * * 0,6", "0 0 1 * *"])
ZONES = st.sampled_from(["UTC", "Europe/Paris", "America/New_York", "Australia/Lord_Howe", "Africa/Cairo"])
MISFIRES = st.builds(Misfire, policy=st.sampled_from(MisfirePolicy), grace_minutes=st.sampled_from([0, 5, 60, 600]))
SCHEDULES = st.one_of(
    st.builds(Schedule, cron_expression=CRONS, timezone=ZONES, misfire=MISFIRES),
    st.builds(Schedule, interval_minutes=st.integers(1, 2000), misfire=MISFIRES),
    st.builds(Schedule, run_at=st.integers(0, 7000).map(lambda minutes: START + minutes * MINUTE)),
)
DOWNTIMES = st.lists(
    st.tuples(st.integers(-100, 6000), st.integers(1, 3000)).map(
        lambda span: Downtime(START + span[0] * MINUTE, START + (span[0] + span[1]) * MINUTE)
    ),
    max_size=4,
)


@settings(max_examples=60, deadline=None)
@given(schedules=st.lists(SCHEDULES, min_size=1, max_size=3), downtimes=DOWNTIMES)
def test_each_instant_is_accounted_for_exactly_once_and_nothing_starts_while_down(schedules, downtimes):
    """RELIABILITY G2, G3."""
    until = START + timedelta(days=4)
    jobs = declare(**{f"job-{number}": schedule for number, schedule in enumerate(schedules)})
    occurrences = simulate(jobs, start=START, until=until, downtimes=downtimes)
    for job_id, declared in jobs.items():
        schedule = declared.form.schedule
        just_before = timedelta(microseconds=1)
        owed = list(fire_times(schedule, after=START - just_before, until=until - just_before, anchor=START))
        assert [item.scheduled_for for item in occurrences if item.job_id == job_id] == owed
    for item in occurrences:
        assert (item.started_at is not None) == (item.disposition.value == "run")
        if item.started_at is not None:
            assert item.started_at >= item.scheduled_for
            assert not any(downtime.start <= item.started_at < min(downtime.end, until) for downtime in downtimes)


def test_simulate_as_a_command(project, tmp_path):
    project.commit_job(schedule={"cronExpression": "0 1-3 * * *"})
    downtime = tmp_path / "downtime.json"
    downtime.write_text(json.dumps([{"from": "2026-03-28T00:30:00Z", "to": "2026-03-28T02:30:00Z"}]))
    span = ["--from", "2026-03-28", "--to", "2026-03-29T00:00:00Z"]
    answer = project.call("simulate", *span, "--downtime", str(downtime), "--format", "json")
    assert answer.code == 0
    assert [item["id"] for item in answer.json["jobs"]] == ["hello"]
    assert answer.json["occurrences"][0] == {
        "jobId": "hello",
        "scheduledFor": "2026-03-28T01:00:00.000Z",
        "disposition": "expired",
        "reason": "past_grace",
        "startedAt": None,
    }
    assert [item["startedAt"] for item in answer.json["occurrences"][1:]] == [
        "2026-03-28T02:30:00.000Z",
        "2026-03-28T03:00:00.000Z",
    ]
    assert not (project.repo.path / ".git/reconciler/state.db").exists()


def test_simulate_reads_a_folder_without_a_repository(tmp_path, capfd):
    from reconciler.cli.main import run_cli

    jobs = tmp_path / "defs" / "jobs"
    jobs.mkdir(parents=True)
    (jobs / "a.yaml").write_text("id: a\nschedule: {intervalMinutes: 60}\ntasks: [{id: x, command: 'true'}]\n")
    arguments = ["simulate", "--definitions", str(tmp_path / "defs"), "--from", "2026-01-01", "--to", "2026-01-02"]
    assert run_cli([*arguments, "--format", "json"]) == 0
    assert len(json.loads(capfd.readouterr().out)["occurrences"]) == 23


@pytest.mark.parametrize(
    "arguments",
    [
        ["--from", "2026-01-02", "--to", "2026-01-01"],
        ["--from", "yesterday", "--to", "2026-01-01"],
        ["--from", "2026-01-01T00:00:00", "--to", "2026-01-02"],
        ["--from", "2026-01-01", "--to", "2026-01-02", "--job", "nobody"],
    ],
)
def test_a_span_that_cannot_be_simulated_is_wrong_usage(project, arguments):
    project.commit_job()
    answer = project.call("simulate", *arguments)
    assert answer.code == 64
    assert "Traceback" not in answer.err


@pytest.mark.parametrize("zone", ["Europe/Paris", "America/New_York", "Australia/Lord_Howe", "Antarctica/Troll"])
def test_the_ledger_is_what_an_enumeration_of_every_minute_says(zone):
    """An oracle written apart from the implementation names the instants; the scheduler starts each of them on time."""
    rng = random.Random(zone)
    for change in clock_changes_of(zone, START, START + timedelta(days=300)):
        start, until = change - timedelta(days=1), change + timedelta(days=1)
        expressions = {f"job-{number}": random_expression(rng) for number in range(10)}
        jobs = declare(
            **{job_id: Schedule(cron_expression=text, timezone=zone) for job_id, text in expressions.items()}
        )
        occurrences = simulate(jobs, start=start, until=until)
        for job_id, expression in expressions.items():
            owed = minutes_that_fire(expression, zone, start - MINUTE, until - MINUTE)
            told = [item for item in occurrences if item.job_id == job_id]
            assert [item.scheduled_for for item in told] == owed, expression
            assert [item.started_at for item in told] == owed, expression
