"""Intervals, single instants, calendars; start and end; and how far a search goes."""

import os
import time
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone

import pytest
from support.schedule import cron, utc

from reconciler.model.job import CalendarEntry, Schedule
from reconciler.schedule.cron import CronError
from reconciler.schedule.times import count_fires, fire_times, last_fire, next_fire
from reconciler.schedule.zones import UnknownZone

MIDNIGHT = utc(2026, 1, 1)
NOON = utc(2026, 1, 1, 12)
DAY = timedelta(days=1)


def fires(schedule: Schedule, after: datetime, until: datetime, anchor: datetime = MIDNIGHT) -> list[datetime]:
    return list(fire_times(schedule, after=after, until=until, anchor=anchor))


def test_an_interval_first_fires_one_interval_after_its_anchor() -> None:
    schedule = Schedule(interval_minutes=30)
    assert fires(schedule, MIDNIGHT - DAY, MIDNIGHT + timedelta(hours=1)) == [
        utc(2026, 1, 1, 0, 30),
        utc(2026, 1, 1, 1),
    ]


def test_an_interval_keeps_the_fraction_of_its_anchor() -> None:
    anchor = utc(2026, 1, 1, 0, 0, 7, 250_000)
    following = next_fire(Schedule(interval_minutes=1), after=utc(2036, 1, 1), anchor=anchor)
    assert following == utc(2036, 1, 1, 0, 0, 7, 250_000)


def test_an_interval_with_a_start_counts_from_there() -> None:
    schedule = Schedule(interval_minutes=30, start_at=NOON)
    assert next_fire(schedule, after=MIDNIGHT, anchor=MIDNIGHT) == NOON + timedelta(minutes=30)


def test_an_interval_ends_at_its_end() -> None:
    schedule = Schedule(interval_minutes=30, end_at=utc(2026, 1, 1, 1))
    assert count_fires(schedule, after=MIDNIGHT, until=NOON, anchor=MIDNIGHT) == 2
    assert last_fire(schedule, at_or_before=NOON, after=MIDNIGHT, anchor=MIDNIGHT) == utc(2026, 1, 1, 1)
    assert next_fire(schedule, after=utc(2026, 1, 1, 1), anchor=MIDNIGHT) is None


def test_a_single_instant_fires_once() -> None:
    schedule = Schedule(run_at=NOON.astimezone(timezone(timedelta(hours=2))))
    assert next_fire(schedule, after=MIDNIGHT, anchor=MIDNIGHT) == NOON
    assert next_fire(schedule, after=NOON, anchor=MIDNIGHT) is None
    assert last_fire(schedule, at_or_before=NOON, after=MIDNIGHT, anchor=MIDNIGHT) == NOON
    assert count_fires(schedule, after=MIDNIGHT, until=NOON, anchor=MIDNIGHT) == 1
    assert count_fires(schedule, after=NOON, until=NOON + DAY, anchor=MIDNIGHT) == 0


@pytest.mark.parametrize("bound", [{"start_at": NOON + DAY}, {"end_at": MIDNIGHT}])
def test_a_single_instant_outside_start_and_end_never_fires(bound: dict[str, datetime]) -> None:
    assert next_fire(Schedule(run_at=NOON, **bound), after=MIDNIGHT - DAY, anchor=MIDNIGHT) is None


def test_a_calendar_fires_at_each_time_of_each_day_once() -> None:
    schedule = Schedule(
        calendar=(
            CalendarEntry(days_of_week=(1, 4), time="09:00"),
            CalendarEntry(days_of_week=(4, 6), time="06:30"),
            CalendarEntry(days_of_week=(4,), time="09:00"),
        )
    )
    expected = [utc(2026, 1, 1, 6, 30), utc(2026, 1, 1, 9), utc(2026, 1, 3, 6, 30), utc(2026, 1, 5, 9)]
    assert fires(schedule, MIDNIGHT, MIDNIGHT + 5 * DAY) == expected
    assert count_fires(schedule, after=MIDNIGHT, until=MIDNIGHT + 5 * DAY, anchor=MIDNIGHT) == 4
    assert count_fires(schedule, after=MIDNIGHT, until=MIDNIGHT + 7 * DAY * 520, anchor=MIDNIGHT) == 4 * 520
    assert last_fire(schedule, at_or_before=utc(2026, 1, 5, 8), after=MIDNIGHT, anchor=MIDNIGHT) == expected[2]
    assert next_fire(schedule, after=utc(2026, 1, 5, 9), anchor=MIDNIGHT) == utc(2026, 1, 8, 6, 30)


def test_both_ends_of_a_stretch_are_exact() -> None:
    hourly = cron("0 * * * *")
    assert fires(hourly, MIDNIGHT, utc(2026, 1, 1, 1)) == [utc(2026, 1, 1, 1)]
    assert fires(hourly, MIDNIGHT - timedelta(microseconds=1), MIDNIGHT) == [MIDNIGHT]
    assert fires(hourly, utc(2026, 1, 1, 1), utc(2026, 1, 1, 1)) == []
    assert fires(hourly, NOON, MIDNIGHT) == []


def test_start_and_end_are_part_of_the_schedule() -> None:
    hourly = cron("0 * * * *", start_at=utc(2026, 1, 1, 3), end_at=utc(2026, 1, 1, 5))
    assert [at.hour for at in fires(hourly, MIDNIGHT, NOON)] == [3, 4, 5]
    assert next_fire(hourly, after=MIDNIGHT - 3000 * DAY, anchor=MIDNIGHT) == utc(2026, 1, 1, 3)
    assert next_fire(hourly, after=utc(2026, 1, 1, 5), anchor=MIDNIGHT) is None
    assert last_fire(hourly, at_or_before=NOON, after=MIDNIGHT, anchor=MIDNIGHT) == utc(2026, 1, 1, 5)
    assert last_fire(hourly, at_or_before=NOON, after=utc(2026, 1, 1, 5), anchor=MIDNIGHT) is None


def test_a_start_within_a_second_is_not_rounded_down() -> None:
    start = utc(2026, 1, 1, 3, 0, 0, 1)
    assert next_fire(cron("0 * * * *", start_at=start), after=MIDNIGHT, anchor=MIDNIGHT) == utc(2026, 1, 1, 4)


@pytest.mark.parametrize(
    ("expression", "after", "expected"),
    [
        ("0 0 29 2 *", utc(2026, 1, 1), utc(2028, 2, 29)),
        ("0 0 29 2 *", utc(2096, 3, 1), utc(2104, 2, 29)),
        ("0 0 29 2 */7", utc(2026, 1, 1), utc(2032, 2, 29)),
        ("0 0 31 * *", utc(2026, 1, 31), utc(2026, 3, 31)),
        ("0 0 30 2 *", utc(2026, 1, 1), None),
        ("59 23 31 12 *", utc(2037, 12, 31), utc(2037, 12, 31, 23, 59)),
        ("14 3 19 1 *", utc(2038, 1, 1), utc(2038, 1, 19, 3, 14)),
        ("0 0 1 1 *", utc(9990, 1, 1), utc(9991, 1, 1)),
        ("0 0 1 1 *", utc(9997, 1, 1), None),
        ("0 0 1 1 *", utc(9999, 12, 31), None),
    ],
)
def test_the_search_goes_fifty_years_and_no_further(
    expression: str, after: datetime, expected: datetime | None
) -> None:
    assert next_fire(cron(expression), after=after, anchor=after) == expected


def test_no_instant_is_too_early_to_ask_from() -> None:
    begin = datetime.min.replace(tzinfo=utc(2026, 1, 1).tzinfo)
    assert next_fire(cron("0 0 * * *"), after=begin, anchor=begin) is not None


def test_the_work_does_not_grow_with_what_is_counted() -> None:
    minutely = cron("* * * * *", "America/New_York")
    began = time.perf_counter()
    for _ in range(20):
        count_fires(minutely, after=utc(1970, 1, 1), until=utc(2100, 1, 1), anchor=MIDNIGHT)
        last_fire(minutely, at_or_before=utc(2100, 1, 1), after=utc(1970, 1, 1), anchor=MIDNIGHT)
    assert count_fires(minutely, after=utc(1970, 1, 1), until=utc(2100, 1, 1), anchor=MIDNIGHT) == 68_374_080
    assert time.perf_counter() - began < 2  # looking at each of the 68 million minutes takes more than this, once


@pytest.fixture
def host_zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    "host_zone", ["UTC", "America/New_York", "Asia/Kathmandu", "Pacific/Apia", "no such zone"], indirect=True
)
@pytest.mark.usefixtures("host_zone")
def test_the_zone_of_the_host_has_no_effect() -> None:
    assert os.environ["TZ"]
    assert fires(cron("30 2 * * *", "Europe/Paris"), utc(2026, 3, 28), utc(2026, 3, 31)) == [
        utc(2026, 3, 28, 1, 30),
        utc(2026, 3, 29, 1),
        utc(2026, 3, 30, 0, 30),
    ]
    assert fires(cron("0 6 * * *"), MIDNIGHT, NOON) == [utc(2026, 1, 1, 6)]


def test_what_cannot_be_read_is_said_at_the_call() -> None:
    with pytest.raises(CronError):
        fire_times(cron("nonsense"), after=MIDNIGHT, until=NOON, anchor=MIDNIGHT)
    with pytest.raises(UnknownZone):
        fire_times(cron("0 0 * * *", "Mars/Olympus"), after=MIDNIGHT, until=NOON, anchor=MIDNIGHT)
