"""What the clock has to say about a schedule stays the same until the moment that is named."""

import random
from datetime import UTC, datetime, timedelta

import pytest

from reconciler.model.job import CalendarEntry, Schedule
from reconciler.schedule.checks import check_schedule_now, findings_hold_until

ZONES = ("UTC", "Europe/Berlin", "America/Havana", "Australia/Lord_Howe", "Africa/Cairo", "Asia/Tokyo")
CRONS = ("30 2 * * *", "0 0 29 2 *", "0 12 */30 2 1", "0 1 31 * *", "0 2 13 * 5", "*/5 * * * *", "15 1-3 */7 3,10 *")
SCHEDULES = [
    Schedule(interval_minutes=5),
    Schedule(run_at=datetime(2026, 3, 1, 12, 0, 30, tzinfo=UTC)),
    Schedule(cron_expression="0 0 29 2 *", start_at=datetime(2027, 1, 1, tzinfo=UTC)),
    Schedule(cron_expression="0 0 1 1 *", end_at=datetime(2026, 2, 1, tzinfo=UTC), timezone="Europe/Berlin"),
    *[Schedule(cron_expression=cron, timezone=zone) for cron in CRONS for zone in ZONES],
    *[Schedule(calendar=(CalendarEntry(days_of_week=(0, 6), time="02:30"),), timezone=zone) for zone in ZONES],
]


@pytest.mark.parametrize("schedule", SCHEDULES, ids=lambda schedule: str(schedule)[:60])
def test_nothing_else_is_said_before(schedule):
    chance = random.Random(str(schedule))
    for _ in range(12):
        now = datetime(2025, 6, 1, tzinfo=UTC) + timedelta(seconds=chance.randrange(3 * 366 * 86_400))
        until = findings_hold_until(schedule, now=now)
        assert until is None or until > now
        last = (until or now + timedelta(days=4000)) - timedelta(microseconds=1)
        between = now + (last - now) * chance.random()
        said = check_schedule_now(schedule, now=now)
        assert check_schedule_now(schedule, now=last) == said
        assert check_schedule_now(schedule, now=between) == said
