"""Facts about clock changes, by hand: what fires around them, in UTC."""

from datetime import datetime, timedelta

import pytest
from support.schedule import cron, utc

from reconciler.model.job import CalendarEntry, Schedule
from reconciler.schedule.times import fire_times

AROUND = timedelta(hours=3)

NEW_YORK_SPRING = ("America/New_York", utc(2025, 3, 9, 7))  # 02:00 -> 03:00
NEW_YORK_AUTUMN = ("America/New_York", utc(2025, 11, 2, 6))  # 02:00 -> 01:00
PARIS_SPRING = ("Europe/Paris", utc(2026, 3, 29, 1))  # 02:00 -> 03:00
PARIS_AUTUMN = ("Europe/Paris", utc(2026, 10, 25, 1))  # 03:00 -> 02:00
LORD_HOWE_SPRING = ("Australia/Lord_Howe", utc(2025, 10, 4, 15, 30))  # 02:00 -> 02:30
LORD_HOWE_AUTUMN = ("Australia/Lord_Howe", utc(2026, 4, 4, 15))  # 02:00 -> 01:30
TROLL_SPRING = ("Antarctica/Troll", utc(2026, 3, 29, 1))  # 01:00 -> 03:00
TROLL_AUTUMN = ("Antarctica/Troll", utc(2026, 10, 25, 1))  # 03:00 -> 01:00
CAIRO_SPRING = ("Africa/Cairo", utc(2026, 4, 23, 22))  # Friday 00:00 -> 01:00
CAIRO_AUTUMN = ("Africa/Cairo", utc(2026, 10, 29, 21))  # Thursday 24:00 -> 23:00
SAO_PAULO_SPRING = ("America/Sao_Paulo", utc(2018, 11, 4, 3))  # 00:00 -> 01:00
SAO_PAULO_AUTUMN = ("America/Sao_Paulo", utc(2018, 2, 18, 2))  # 24:00 -> 23:00
APIA_SKIPPED_DAY = ("Pacific/Apia", utc(2011, 12, 30, 10))  # Thursday 29 December 24:00 -> Saturday 31st 00:00
DUBLIN_SPRING = ("Europe/Dublin", utc(2026, 3, 29, 1))  # 01:00 -> 02:00, out of a winter time that is the exception
CASABLANCA_RAMADAN = ("Africa/Casablanca", utc(2026, 2, 15, 2))  # 03:00 -> 02:00
MONROVIA = ("Africa/Monrovia", utc(1972, 1, 7, 0, 44, 30))  # 00:00 -> 00:44:30

FACTS = [
    pytest.param(NEW_YORK_SPRING, "30 2 * * *", "07:00", id="skipped, so once right after"),
    pytest.param(NEW_YORK_SPRING, "0,15,30 2 * * *", "07:00", id="several skipped, so once"),
    pytest.param(NEW_YORK_SPRING, "0,30 2,3 * * *", "07:00 07:30", id="skipped and named, so once"),
    pytest.param(NEW_YORK_SPRING, "0 1-3 * * *", "06:00 07:00", id="skipped and named by a range, so once"),
    pytest.param(NEW_YORK_SPRING, "*/30 2 * * *", "", id="not a fixed time, so not made up for"),
    pytest.param(NEW_YORK_SPRING, "30 */2 * * *", "05:30 08:30", id="every other hour, one of them skipped"),
    pytest.param(NEW_YORK_SPRING, "30 * * * *", "04:30 05:30 06:30 07:30 08:30 09:30", id="hourly goes on"),
    pytest.param(NEW_YORK_AUTUMN, "30 1 * * *", "05:30", id="repeated, so the first time"),
    pytest.param(NEW_YORK_AUTUMN, "0 2 * * *", "07:00", id="after the repeated hour"),
    pytest.param(NEW_YORK_AUTUMN, "0 1 * * *", "05:00", id="at the start of the repeated hour"),
    pytest.param(NEW_YORK_AUTUMN, "*/30 1 * * *", "05:00 05:30 06:00 06:30", id="wildcard, so both times"),
    pytest.param(NEW_YORK_AUTUMN, "0 * * * *", "04:00 05:00 06:00 07:00 08:00 09:00", id="hourly goes on"),
    pytest.param(PARIS_SPRING, "30 2 * * *", "01:00", id="skipped"),
    pytest.param(PARIS_AUTUMN, "30 2 * * *", "00:30", id="repeated"),
    pytest.param(LORD_HOWE_SPRING, "15 2 * * *", "15:30", id="skipped half hour"),
    pytest.param(LORD_HOWE_SPRING, "45 2 * * *", "15:45", id="after the skipped half hour"),
    pytest.param(LORD_HOWE_AUTUMN, "45 1 * * *", "14:45", id="repeated half hour"),
    pytest.param(LORD_HOWE_AUTUMN, "15 1 * * *", "14:15", id="before the repeated half hour"),
    pytest.param(LORD_HOWE_AUTUMN, "*/15 1 * * *", "14:00 14:15 14:30 14:45 15:00 15:15", id="wildcard half hour"),
    pytest.param(TROLL_SPRING, "30 1,2 * * *", "01:00", id="two hours skipped, so once"),
    pytest.param(TROLL_AUTUMN, "30 1,2 * * *", "23:30 00:30", id="two hours repeated"),
    pytest.param(CAIRO_SPRING, "0 0 * * *", "22:00", id="midnight skipped"),
    pytest.param(CAIRO_SPRING, "30 0 * * 5", "22:00", id="midnight of its weekday skipped"),
    pytest.param(CAIRO_SPRING, "30 0 * * 4", "", id="not the day before"),
    pytest.param(CAIRO_AUTUMN, "30 23 * * *", "20:30", id="hour before midnight repeated"),
    pytest.param(SAO_PAULO_SPRING, "0 0 * * *", "03:00", id="midnight skipped"),
    pytest.param(SAO_PAULO_SPRING, "0 0,1 * * *", "03:00", id="midnight skipped and 01:00 named"),
    pytest.param(SAO_PAULO_AUTUMN, "30 23 * * *", "01:30", id="hour before midnight repeated"),
    pytest.param(SAO_PAULO_AUTUMN, "0 0 * * *", "03:00", id="midnight comes an hour later"),
    pytest.param(APIA_SKIPPED_DAY, "0 12 * * 5", "10:00", id="Friday skipped"),
    pytest.param(APIA_SKIPPED_DAY, "0 1-23 30 12 *", "10:00", id="many times on the skipped day, so once"),
    pytest.param(APIA_SKIPPED_DAY, "*/5 12 30 12 *", "", id="wildcard on the skipped day"),
    pytest.param(DUBLIN_SPRING, "30 1 * * *", "01:00", id="skipped"),
    pytest.param(CASABLANCA_RAMADAN, "30 2 * * *", "01:30", id="repeated for Ramadan"),
    pytest.param(MONROVIA, "10 0 * * *", "00:45", id="first full minute after a gap that ends within one"),
    pytest.param(MONROVIA, "59 23 * * *", "00:43:30", id="offset with seconds"),
    pytest.param(("UTC", PARIS_SPRING[1]), "30 2 * * *", "02:30", id="no change"),
]


def fires_around(schedule: Schedule, change: datetime) -> str:
    fires = fire_times(schedule, after=change - AROUND, until=change + AROUND, anchor=utc(2000, 1, 1))
    return " ".join(f"{at:%H:%M:%S}".removesuffix(":00") for at in fires)


@pytest.mark.parametrize(("change", "expression", "expected"), FACTS)
def test_a_cron_expression_around_a_clock_change(change: tuple[str, datetime], expression: str, expected: str) -> None:
    assert fires_around(cron(expression, change[0]), change[1]) == expected


@pytest.mark.parametrize(
    ("change", "times", "expected"),
    [
        pytest.param(PARIS_SPRING, "02:30", "01:00", id="skipped"),
        pytest.param(PARIS_SPRING, "02:15 02:45 03:00", "01:00", id="several, so once"),
        pytest.param(PARIS_AUTUMN, "02:30", "00:30", id="repeated"),
        pytest.param(CAIRO_SPRING, "00:15", "22:00", id="midnight"),
    ],
)
def test_a_calendar_entry_is_a_fixed_time(change: tuple[str, datetime], times: str, expected: str) -> None:
    entries = tuple(CalendarEntry(days_of_week=(0, 5), time=time) for time in times.split())
    assert fires_around(Schedule(calendar=entries, timezone=change[0]), change[1]) == expected


def test_an_interval_does_not_see_the_change() -> None:
    schedule = Schedule(interval_minutes=60, timezone="Europe/Paris")
    fires = list(
        fire_times(schedule, after=utc(2026, 3, 29), until=utc(2026, 3, 29, 4), anchor=utc(2026, 3, 28, 0, 15))
    )
    assert fires == [utc(2026, 3, 29, hour, 15) for hour in range(4)]


def test_a_fixed_time_does_not_fire_again_for_who_asks_during_the_second_pass() -> None:
    # cronsim answers 05:30 UTC here, an instant before the one it was asked about.
    schedule = cron("30 1 * * *", "America/New_York")
    second_pass = utc(2025, 11, 2, 6, 10)
    fires = list(fire_times(schedule, after=second_pass, until=utc(2025, 11, 4), anchor=second_pass))
    assert fires == [utc(2025, 11, 3, 6, 30)]
