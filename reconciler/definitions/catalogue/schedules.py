"""Schedules: CRON and TIME. What the schedule room says of a code is its explanation."""

from reconciler.definitions.catalogue.entry import Code, Example, code, job
from reconciler.model.problem import Severity
from reconciler.schedule.checks import CODES as EXPLANATIONS

_SEVERAL = Severity.WARNING


def _cron(expression: str, more: str = "") -> Example:
    return job(schedule=f'cronExpression: "{expression}"' + (f"\n{more}" if more else ""))


def _cron_code(name: str, title: str, bad: str, good: str, *, severity: Severity = Severity.ERROR) -> Code:
    return code(name, title, EXPLANATIONS[name], bad=_cron(bad), good=_cron(good), severity=severity)


CODES: tuple[Code, ...] = (
    _cron_code("CRON001", "Not five fields", "0 0 2 * * *", "0 2 * * *"),
    _cron_code("CRON002", "A sign of another cron", "0 2 L * *", "0 2 28 * *"),
    _cron_code("CRON003", "A field that cannot be read", "1,,2 * * * *", "1,2 * * * *"),
    _cron_code("CRON004", "A value outside its field", "0 25 * * *", "0 23 * * *"),
    _cron_code("CRON005", "A step that is none", "*/61 * * * *", "*/30 * * * *"),
    _cron_code("CRON006", "A range that runs backwards", "0 2 * * 5-1", "0 2 * * 5-7,1"),
    _cron_code("CRON007", "A nickname that is no time", "@reboot", "@daily"),
    _cron_code("CRON008", "A time zone inside cron", "TZ=Europe/Berlin 0 2 * * *", "0 2 * * *"),
    _cron_code("CRON009", "A day that never comes", "0 2 30 2 *", "0 2 28 2 *"),
    _cron_code("CRON010", "29 February only", "0 2 29 2 *", "0 2 28 2 *", severity=_SEVERAL),
    _cron_code("CRON011", "Day of month or weekday", "0 2 13 * 5", "0 2 * * 5", severity=_SEVERAL),
    code(
        "CRON012",
        "Years without a start",
        EXPLANATIONS["CRON012"],
        bad=_cron("0 2 29 2 *", "startAt: 2096-03-01T00:00:00Z"),
        good=_cron("0 2 28 2 *"),
        severity=_SEVERAL,
        told_as="CRON010",
    ),
    code(
        "TIME001",
        "Unknown time zone",
        EXPLANATIONS["TIME001"],
        bad=_cron("0 2 * * *", "timezone: Berlin"),
        good=_cron("0 2 * * *", "timezone: Europe/Berlin"),
    ),
    code(
        "TIME002",
        "A time zone without effect",
        EXPLANATIONS["TIME002"],
        bad=job(schedule="intervalMinutes: 30\ntimezone: Europe/Berlin"),
        good=job(schedule="intervalMinutes: 30"),
        severity=_SEVERAL,
    ),
    code(
        "TIME003",
        "An interval out of range",
        EXPLANATIONS["TIME003"],
        bad=job(schedule="intervalMinutes: 0"),
        good=job(schedule="intervalMinutes: 30"),
        told_as="VAL002",
    ),
    code(
        "TIME004",
        "Not one mode",
        EXPLANATIONS["TIME004"],
        bad=_cron("0 2 * * *", "intervalMinutes: 30"),
        good=_cron("0 2 * * *"),
        told_as="KEY007",
    ),
    code(
        "TIME005",
        "A clock change touches this time",
        EXPLANATIONS["TIME005"],
        bad=_cron("30 2 * * *", "timezone: Europe/Berlin"),
        good=_cron("30 4 * * *", "timezone: Europe/Berlin"),
        severity=Severity.INFORMATION,
    ),
    code(
        "TIME006",
        "In the past",
        EXPLANATIONS["TIME006"],
        bad=job(schedule="runAt: 2020-01-15T10:00:00Z"),
        good=job(schedule="runAt: 2099-01-15T10:00:00Z"),
        severity=_SEVERAL,
    ),
    code(
        "TIME007",
        "Runs that pile up",
        EXPLANATIONS["TIME007"],
        bad=job("overlap: allow\ntimeoutSeconds: 3600", schedule="intervalMinutes: 1"),
        good=job("overlap: skip\ntimeoutSeconds: 3600", schedule="intervalMinutes: 1"),
        severity=_SEVERAL,
    ),
    code(
        "TIME008",
        "A calendar entry without day or time",
        EXPLANATIONS["TIME008"],
        bad=job(schedule='calendar:\n  - daysOfWeek: []\n    time: "09:00"'),
        good=job(schedule='calendar:\n  - daysOfWeek: [1]\n    time: "09:00"'),
        told_as="VAL004",
    ),
    code(
        "TIME009",
        "An end before the start",
        EXPLANATIONS["TIME009"],
        bad=job(schedule="intervalMinutes: 30\nstartAt: 2098-02-01T00:00:00Z\nendAt: 2098-01-01T00:00:00Z"),
        good=job(schedule="intervalMinutes: 30\nstartAt: 2098-01-01T00:00:00Z\nendAt: 2098-02-01T00:00:00Z"),
    ),
    code(
        "TIME010",
        "An instant that does not exist",
        "Instants are written as RFC 3339 has them, with Z or an offset: 2026-03-29T01:30:00Z.",
        bad=job(schedule="runAt: 2098-02-30T10:00:00Z"),
        good=job(schedule="runAt: 2098-02-28T10:00:00Z"),
    ),
    code(
        "TIME011",
        "A one-off that ends before it begins",
        "notAfter must lie after notBefore, else there is no moment at which the one-off may start.",
        bad=job(runs__once="id: once\njob: backup\nnotBefore: 2098-02-01T00:00:00Z\nnotAfter: 2098-01-01T00:00:00Z\n"),
        good=job(runs__once="id: once\njob: backup\nnotBefore: 2098-01-01T00:00:00Z\nnotAfter: 2098-02-01T00:00:00Z\n"),
    ),
)
