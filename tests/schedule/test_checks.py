"""What validation says of a schedule."""

from typing import Any

import pytest
from support.schedule import cron, utc

from reconciler.model.job import CalendarEntry, Overlap, Schedule
from reconciler.model.problem import Severity
from reconciler.schedule.checks import CODES, check_schedule, check_schedule_now

ERROR, WARNING, INFORMATION = Severity.ERROR, Severity.WARNING, Severity.INFORMATION
NOW = utc(2026, 1, 10, 12)


def calendar(**fields: Any) -> Schedule:
    return Schedule(calendar=(CalendarEntry(**{"days_of_week": (1,), "time": "09:00"} | fields),))


@pytest.mark.parametrize(
    ("schedule", "severity", "line"),
    [
        (cron("0 25 * * *"), ERROR, "CRON004 schedule.cronExpression: hour 25 is outside 0-23"),
        (cron("0 0 30 2 *"), ERROR, "CRON009 schedule.cronExpression: never occurs: no February has 30 days"),
        (cron("0 0 31 4 *"), ERROR, "CRON009 schedule.cronExpression: never occurs: no April has 31 days"),
        (
            cron("0 0 31 2,4,11 *"),
            ERROR,
            "CRON009 schedule.cronExpression: never occurs: no February, April or November has 31 days",
        ),
        (
            cron("0 0 13 * 5"),
            WARNING,
            "CRON011 schedule.cronExpression: runs when either matches: on the 13th or on Friday",
        ),
        (
            cron("0 0 * * *", "Berlin"),
            ERROR,
            "TIME001 schedule.timezone: unknown time zone `Berlin`; did you mean Europe/Berlin?",
        ),
        (
            Schedule(interval_minutes=5, timezone="Europe/Paris"),
            WARNING,
            "TIME002 schedule.timezone: timezone has no effect on intervals",
        ),
        (
            Schedule(run_at=NOW, timezone="Europe/Paris"),
            WARNING,
            "TIME002 schedule.timezone: timezone has no effect on runAt, which names its offset",
        ),
        (
            Schedule(interval_minutes=0),
            ERROR,
            "TIME003 schedule.intervalMinutes: intervalMinutes must be a whole number 1-525600, found 0",
        ),
        (
            Schedule(interval_minutes=525_601),
            ERROR,
            "TIME003 schedule.intervalMinutes: intervalMinutes must be a whole number 1-525600, found 525601",
        ),
        (
            cron("0 0 * * *", interval_minutes=5),
            ERROR,
            "TIME004 schedule: both intervalMinutes and cronExpression; keep one",
        ),
        (
            cron("0 0 * * *", interval_minutes=5, run_at=NOW),
            ERROR,
            "TIME004 schedule: intervalMinutes, cronExpression and runAt; keep one",
        ),
        (Schedule(), ERROR, "TIME004 schedule: schedule has no mode"),
        (
            calendar(days_of_week=(8,)),
            ERROR,
            "TIME008 schedule.calendar[0].daysOfWeek: daysOfWeek takes 0-7 or mon..sun, found `8`",
        ),
        (calendar(time="25:00"), ERROR, "TIME008 schedule.calendar[0].time: hour 25 is outside 0-23"),
        (
            cron("0 0 * * *", start_at=NOW, end_at=utc(2026, 1, 1)),
            ERROR,
            "TIME009 schedule.endAt: endAt is before startAt",
        ),
    ],
)
def test_a_schedule_with_one_thing_wrong(schedule: Schedule, severity: Severity, line: str) -> None:
    (finding,) = check_schedule(schedule)
    assert f"{finding.code} {finding.json_path}: {finding.message}" == line
    assert finding.severity is severity


@pytest.mark.parametrize(
    "schedule",
    [
        cron("0 0 31 * *"),
        cron("0 0 31 4 5"),
        cron("0 0 1-31 * 5"),
        cron("*/5 * * * *", "Europe/Paris"),
        cron("0 0 29 2 *"),
        Schedule(interval_minutes=525_600),
        Schedule(run_at=NOW),
        calendar(),
    ],
)
def test_a_schedule_with_nothing_wrong(schedule: Schedule) -> None:
    assert [finding for finding in check_schedule(schedule) if finding.severity is ERROR] == []


@pytest.mark.parametrize(
    ("schedule", "timeout_seconds", "runs"),
    [
        (cron("* * * * *"), 3600, 60),
        (Schedule(interval_minutes=1), 3600, 60),
        (Schedule(interval_minutes=1, start_at=NOW, end_at=NOW), 3600, 60),
        (cron("*/5 9 * * *"), 7200, 12),
        (cron("* * * * *"), 600, None),
        (cron("* * * * *"), None, None),
        (Schedule(run_at=NOW), 3600, None),
    ],
)
def test_runs_that_may_pile_up_are_counted(schedule: Schedule, timeout_seconds: int | None, runs: int | None) -> None:
    findings = check_schedule(schedule, overlap=Overlap.ALLOW, timeout_seconds=timeout_seconds)
    assert [finding.message for finding in findings] == ([f"up to {runs} runs of this job at once"] if runs else [])
    assert check_schedule(schedule, overlap=Overlap.SKIP, timeout_seconds=timeout_seconds) == []


@pytest.mark.parametrize(
    ("schedule", "severity", "line"),
    [
        (cron("0 0 29 2 *"), WARNING, "CRON010 schedule.cronExpression: only in leap years; next 29 Feb 2028"),
        (
            cron("0 0 29 2 */7"),
            WARNING,
            "CRON010 schedule.cronExpression: only in leap years; next 29 Feb 2032",
        ),
        (
            cron("0 0 1 1 */7"),
            WARNING,
            "CRON012 schedule.cronExpression: does not occur for five years; next 1 January 2034",
        ),
        (cron("0 0 31 12 */6"), None, ""),
        (
            cron("30 2 * * *", "Europe/Berlin"),
            INFORMATION,
            "TIME005 schedule.cronExpression: 29 March 2026 02:30 does not exist in Europe/Berlin; runs at 03:00",
        ),
        (
            Schedule(calendar=(CalendarEntry(days_of_week=(0,), time="02:30"),), timezone="Europe/Berlin"),
            INFORMATION,
            "TIME005 schedule.calendar: 29 March 2026 02:30 does not exist in Europe/Berlin; runs at 03:00",
        ),
        (
            Schedule(run_at=utc(2026, 1, 7, 11)),
            WARNING,
            "TIME006 schedule.runAt: runAt was 3 days before this commit; it will not run",
        ),
        (
            Schedule(run_at=utc(2026, 1, 10, 11)),
            WARNING,
            "TIME006 schedule.runAt: runAt was 1 hour before this commit; it will not run",
        ),
        (
            cron("0 0 * * *", end_at=utc(2026, 1, 10, 11, 58)),
            WARNING,
            "TIME006 schedule.endAt: endAt was 2 minutes before this commit; it will not run",
        ),
        (
            Schedule(run_at=utc(2026, 1, 10, 11, 59, 30)),
            WARNING,
            "TIME006 schedule.runAt: runAt was less than a minute before this commit; it will not run",
        ),
        (Schedule(run_at=utc(2026, 2, 1)), None, ""),
        (Schedule(interval_minutes=5), None, ""),
        (cron("0 0 1 1 *"), None, ""),
        (cron("0 0 1 1 *", start_at=utc(2036, 1, 1)), None, ""),
        (cron("0 0 1 1 *", end_at=utc(2026, 2, 1)), None, ""),
    ],
)
def test_what_the_clock_has_to_say(schedule: Schedule, severity: Severity | None, line: str) -> None:
    findings = check_schedule_now(schedule, now=NOW)
    told = [f"{finding.code} {finding.json_path}: {finding.message}" for finding in findings]
    assert told == ([line] if severity else [])
    assert [finding.severity for finding in findings] == ([severity] if severity else [])


def test_a_time_that_fires_twice_is_told_too() -> None:
    findings = check_schedule_now(cron("*/30 2 * * *", "Europe/Berlin"), now=NOW)
    assert [finding.message for finding in findings] == [
        "29 March 2026 02:00 to 02:30 (2 times) does not exist in Europe/Berlin; does not run then",
        "25 October 2026 02:00 to 02:30 (2 times) comes twice in Europe/Berlin; runs both times",
    ]


def test_the_path_of_the_schedule_is_kept() -> None:
    (finding,) = check_schedule(cron("nonsense"), json_path="jobs[3].schedule")
    assert finding.json_path == "jobs[3].schedule.cronExpression"


def test_every_code_is_explained() -> None:
    assert all(meaning.endswith(".") for meaning in CODES.values())
