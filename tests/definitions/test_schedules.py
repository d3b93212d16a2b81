"""Bad files, by the numbers of RELIABILITY section 3, groups C and D: schedules, dates and zones."""

import pytest
from support.definitions import JOB, TASK, job_with, lines_of, load


def cron(expression, more=""):
    return job_with(schedule=f'cronExpression: "{expression}"\n{more}')


def run_at(text):
    return job_with(schedule=f"runAt: {text}")


def calendar(days, time='"09:00"'):
    return job_with(schedule=f"calendar:\n  - daysOfWeek: {days}\n    time: {time}")


BAD_SCHEDULES = [
    pytest.param(
        cron("* * * *"),
        ["3:19 CRON001 schedule.cronExpression: 5 fields expected, 4 found"],
        id="C70-four-fields",
    ),
    pytest.param(
        cron("0 0 * * * *"),
        ["3:19 CRON001 schedule.cronExpression: 5 fields expected, 6 found (seconds are not supported)"],
        id="C70-six-fields",
    ),
    pytest.param(
        cron("60 * * * *"),
        ["3:19 CRON004 schedule.cronExpression: minute 60 is outside 0-59"],
        id="C71-minute",
    ),
    pytest.param(
        cron("0 24 * * *"),
        ["3:19 CRON004 schedule.cronExpression: hour 24 is outside 0-23; midnight is 0"],
        id="C72-hour",
    ),
    pytest.param(
        cron("0 0 0 * *"),
        ["3:19 CRON004 schedule.cronExpression: day of month 0 is outside 1-31"],
        id="C73-day-0",
    ),
    pytest.param(
        cron("0 0 32 * *"),
        ["3:19 CRON004 schedule.cronExpression: day of month 32 is outside 1-31"],
        id="C73-day-32",
    ),
    pytest.param(
        cron("0 0 1 13 *"),
        ["3:19 CRON004 schedule.cronExpression: unknown month `13`; use 1-12 or jan-dec"],
        id="C74-month",
    ),
    pytest.param(
        cron("0 0 1 foo *"),
        ["3:19 CRON004 schedule.cronExpression: unknown month `foo`; use 1-12 or jan-dec"],
        id="C74-name",
    ),
    pytest.param(
        cron("0 0 * * 8"),
        ["3:19 CRON004 schedule.cronExpression: weekday 8 is outside 0-7 (0 and 7 are Sunday)"],
        id="C75-weekday",
    ),
    pytest.param(
        cron("*/0 * * * *"),
        ["3:19 CRON005 schedule.cronExpression: step 0 never advances"],
        id="C76-step-0",
    ),
    pytest.param(
        cron("*/61 * * * *"),
        ["3:19 CRON005 schedule.cronExpression: step 61 is larger than the minute field"],
        id="C77-step",
    ),
    pytest.param(
        cron("1,,2 * * * *"),
        ["3:19 CRON003 schedule.cronExpression: cannot read `1,,2` in the minute field"],
        id="C79-comma",
    ),
    pytest.param(
        cron("1- * * * *"),
        ["3:19 CRON003 schedule.cronExpression: cannot read `1-` in the minute field"],
        id="C79-open-range",
    ),
    pytest.param(
        cron("1.5 * * * *"),
        ["3:19 CRON003 schedule.cronExpression: cannot read `1.5` in the minute field"],
        id="C79-fraction",
    ),
    pytest.param(
        cron("0 0 L * *"),
        ["3:19 CRON002 schedule.cronExpression: `L` is not part of five-field cron"],
        id="C80-last-day",
    ),
    pytest.param(
        cron("0 0 ? * *"),
        ["3:19 CRON002 schedule.cronExpression: `?` is not part of five-field cron"],
        id="C80-question-mark",
    ),
    pytest.param(
        cron("@reboot"),
        ["3:19 CRON007 schedule.cronExpression: `@reboot` is not a time: use `events: [Startup]`"],
        id="C81-reboot",
    ),
    pytest.param(
        cron("@every 5m"),
        ["3:19 CRON007 schedule.cronExpression: `@every 5m` is not cron: use `intervalMinutes: 5`"],
        id="C81-every",
    ),
    pytest.param(
        cron("TZ=Europe/Berlin 0 0 * * *"),
        ["3:19 CRON008 schedule.cronExpression: cron has no `TZ=`: put the zone into `timezone:`"],
        id="C82-zone",
    ),
    pytest.param(
        cron("0 0 30 2 *"),
        ["3:19 CRON009 schedule.cronExpression: never occurs: no February has 30 days"],
        id="C85-30-february",
    ),
    pytest.param(
        cron("0 0 31 4 *"),
        ["3:19 CRON009 schedule.cronExpression: never occurs: no April has 31 days"],
        id="C85-31-april",
    ),
    pytest.param(
        job_with(schedule="intervalMinutes: 0"),
        ["3:20 VAL002 schedule.intervalMinutes: intervalMinutes 0 is outside 1-525600"],
        id="C91-zero",
    ),
    pytest.param(
        job_with(schedule="intervalMinutes: -5"),
        ["3:20 VAL002 schedule.intervalMinutes: intervalMinutes -5 is outside 1-525600"],
        id="C91-negative",
    ),
    pytest.param(
        job_with(schedule="intervalMinutes: 0.5"),
        ["3:20 TYPE001 schedule.intervalMinutes: expected a whole number 1-525600, found 0.5"],
        id="C91-half-a-minute",
    ),
    pytest.param(
        job_with(schedule="intervalMinutes: 525601"),
        ["3:20 VAL002 schedule.intervalMinutes: intervalMinutes 525601 is outside 1-525600"],
        id="C91-more-than-a-year",
    ),
    pytest.param(
        job_with(schedule='intervalMinutes: "5"'),
        [
            (
                "3:20 TYPE001 schedule.intervalMinutes: expected a whole number 1-525600, found text `5`; "
                "remove the quotes"
            )
        ],
        id="C91-text",
    ),
    pytest.param(
        cron("0 0 * * *", "intervalMinutes: 5"),
        ["4:3 KEY007 schedule.intervalMinutes: both intervalMinutes and cronExpression; keep one"],
        id="C92-two-modes",
    ),
    pytest.param(
        job_with(schedule="timezone: UTC"),
        ["2:1 KEY006 schedule: schedule needs one of intervalMinutes, cronExpression, runAt, calendar"],
        id="C92-no-mode",
    ),
    pytest.param(
        run_at("2025-02-30T10:00:00Z"),
        ["3:10 TIME010 schedule.runAt: 30 February does not exist"],
        id="D94-30-february",
    ),
    pytest.param(
        run_at("2025-01-01T25:00:00Z"),
        ["3:10 TIME010 schedule.runAt: hour 25 is outside 0-23"],
        id="D95-hour",
    ),
    pytest.param(
        run_at("2025-01-01T10:61:00Z"),
        ["3:10 TIME010 schedule.runAt: minute 61 is outside 0-59"],
        id="D95-minute",
    ),
    pytest.param(
        run_at("2025-01-01T10:00:00"),
        ["3:10 TIME010 schedule.runAt: runAt needs Z or an offset such as +02:00"],
        id="D96-no-offset",
    ),
    pytest.param(
        run_at("tomorrow"),
        ["3:10 TIME010 schedule.runAt: runAt is not a date and time: `tomorrow`"],
        id="D-word",
    ),
    pytest.param(
        run_at("2025-01-01"),
        ["3:10 TIME010 schedule.runAt: runAt is not a date and time: `2025-01-01`"],
        id="D-date-only",
    ),
    pytest.param(
        job_with(schedule="intervalMinutes: 5\nstartAt: 2026-02-01T00:00:00Z\nendAt: 2026-01-20T00:00:00Z"),
        ["5:10 TIME009 schedule.endAt: endAt is before startAt"],
        id="D-start-after-end",
    ),
    pytest.param(
        calendar("[8]"),
        ["4:20 VAL003 schedule.calendar[0].daysOfWeek[0]: daysOfWeek takes 0-7 or mon..sun, found 8"],
        id="D100-weekday-8",
    ),
    pytest.param(
        calendar("[Mo]"),
        ["4:20 VAL003 schedule.calendar[0].daysOfWeek[0]: daysOfWeek takes 0-7 or mon..sun, found `Mo`"],
        id="D100-Mo",
    ),
    pytest.param(
        calendar("[]"),
        ["4:19 VAL004 schedule.calendar[0].daysOfWeek: daysOfWeek is an empty list"],
        id="D100-none",
    ),
    pytest.param(
        calendar("mon"),
        [("4:19 TYPE001 schedule.calendar[0].daysOfWeek: expected a list (lines starting with `-`), found `mon`")],
        id="D100-not-a-list",
    ),
    pytest.param(
        calendar("[1]", '"9:00"'),
        ["5:13 VAL003 schedule.calendar[0].time: time must be a time of day, HH:MM, found `9:00`"],
        id="D100-time-without-zero",
    ),
    pytest.param(
        calendar("[1]", '"25:00"'),
        ["5:13 VAL003 schedule.calendar[0].time: time must be a time of day, HH:MM, found `25:00`"],
        id="D100-time-25",
    ),
    pytest.param(
        calendar("[1]", "900"),
        ["5:13 TYPE001 schedule.calendar[0].time: expected text, found the number 900"],
        id="D100-time-as-number",
    ),
    pytest.param(
        cron("0 0 * * *", "timezone: Berlin"),
        ["4:13 TIME001 schedule.timezone: unknown time zone `Berlin`; did you mean Europe/Berlin?"],
        id="D101-city",
    ),
    pytest.param(
        cron("0 0 * * *", "timezone: CET+1"),
        ["4:13 TIME001 schedule.timezone: unknown time zone `CET+1`; did you mean CET?"],
        id="D101-offset",
    ),
    pytest.param(
        cron("0 0 * * *", "timezone: ../../etc/passwd"),
        ["4:13 TIME001 schedule.timezone: unknown time zone `../../etc/passwd`"],
        id="D101-path",
    ),
    pytest.param(
        cron("0 0 * * *", "timezone: europe/berlin"),
        ["4:13 TIME001 schedule.timezone: unknown time zone `europe/berlin`; did you mean Europe/Berlin?"],
        id="D101-case",
    ),
    pytest.param(
        {
            "jobs/a.yaml": JOB,
            "runs/r.yaml": "id: r\njob: a\nnotBefore: 2026-02-02T00:00:00Z\nnotAfter: 2026-02-01T00:00:00Z\n",
        },
        ["runs/r.yaml:4:11 TIME011 notAfter: notAfter is not after notBefore"],
        id="D-one-off-that-ends-before-it-begins",
    ),
    pytest.param(
        {"jobs/a.yaml": JOB, "runs/r.yaml": "id: r\njob: a\nnotAfter: 2026-02-30T00:00:00Z\n"},
        ["runs/r.yaml:3:11 TIME010 notAfter: 30 February does not exist"],
        id="D-one-off-on-no-day",
    ),
]

ODD_SCHEDULES = [
    pytest.param(
        cron("0 0 29 2 *"),
        ["3:19 W CRON010 schedule.cronExpression: only in leap years; next 29 Feb 2028"],
        id="C86-leap-years",
    ),
    pytest.param(
        cron("0 0 13 * 5"),
        ["3:19 W CRON011 schedule.cronExpression: runs when either matches: on the 13th or on Friday"],
        id="C87-day-and-weekday",
    ),
    pytest.param(
        cron("30 2 * * *", "timezone: Europe/Berlin"),
        [
            (
                "3:19 I TIME005 schedule.cronExpression: 29 March 2026 02:30 does not exist in "
                "Europe/Berlin; runs at 03:00"
            )
        ],
        id="C89-clock-change",
    ),
    pytest.param(
        job_with(schedule='cronExpression: "* * * * *"', more="timeoutSeconds: 3600\noverlap: allow\n"),
        ["3:3 W TIME007 schedule: up to 60 runs of this job at once"],
        id="C90-pile-up",
    ),
    pytest.param(
        "id: a\n" + TASK,
        ["1:1 W JOB004 : nothing starts this job by itself"],
        id="C93-nothing-starts-it",
    ),
    pytest.param(
        run_at("2026-01-07T12:00:00Z"),
        ["3:10 W TIME006 schedule.runAt: runAt was 3 days before this commit; it will not run"],
        id="D97-past",
    ),
    pytest.param(
        job_with(schedule="intervalMinutes: 5\ntimezone: Europe/Paris"),
        ["4:13 W TIME002 schedule.timezone: timezone has no effect on intervals"],
        id="D103-zone-of-an-interval",
    ),
]


@pytest.mark.parametrize(("given", "expected"), BAD_SCHEDULES)
def test_a_schedule_that_cannot_be_kept_says_why(given, expected):
    several = isinstance(given, dict)
    loaded = load(given if several else {"jobs/a.yaml": given})
    assert lines_of(loaded, with_path=several) == expected
    assert not loaded.desired.complete


@pytest.mark.parametrize(("given", "expected"), ODD_SCHEDULES)
def test_an_odd_schedule_is_kept_and_remarked_on(given, expected):
    loaded = load({"jobs/a.yaml": given})
    assert lines_of(loaded, with_path=False) == expected
    assert list(loaded.desired.jobs) == ["a"]


def test_without_a_clock_nothing_is_said_of_the_past():
    assert not load({"jobs/a.yaml": run_at("2026-01-07T12:00:00Z")}, now=None).problems


def test_weekdays_are_read_by_number_and_by_name():
    loaded = load({"jobs/a.yaml": calendar("[FRI, 7, 1, mon]")})
    schedule = loaded.desired.jobs["a"].form.schedule
    assert schedule.calendar[0].days_of_week == (0, 1, 5)


def test_a_job_that_is_only_run_on_request_is_not_remarked_on():
    loaded = load({"jobs/a.yaml": "id: a\n" + TASK, "runs/r.yaml": "id: r\njob: a\n"})
    assert lines_of(loaded) == []


def test_a_disabled_job_is_not_remarked_on():
    assert not load({"jobs/a.yaml": "id: a\nenabled: false\n" + TASK}).problems


def test_quoted_nicknames_of_cron_are_read():
    assert not load({"jobs/a.yaml": cron("@daily")}).problems
