"""The same rule, written by others: cronsim (Healthchecks) around clock changes; each difference is explained.

cronsim says of itself: "if CronSim evaluates an expression differently from Debian's cron, that's a bug".
"""

import random
import re
from datetime import UTC, datetime, timedelta

import pytest
from cronsim import CronSim, CronSimError
from support.schedule import ALL_ZONES, clock_changes_of, cron, minutes_that_fire, random_expression, shipped_zone, utc

from reconciler.schedule.times import fire_times

AROUND = timedelta(hours=28)
HOURS = (0, 1, 2, 3, 23)
FIRST, LAST = utc(2026, 1, 1), utc(2036, 1, 1)
ALWAYS = ("Africa/Cairo", "Antarctica/Troll", "Australia/Lord_Howe", "Pacific/Chatham", "America/Havana")


def fires_by_cronsim(expression: str, zone: str, after: datetime, until: datetime) -> list[datetime]:
    fires: list[datetime] = []
    try:
        for local in CronSim(expression, after.astimezone(shipped_zone(zone))):
            at = local.astimezone(UTC)
            # Where a clock goes back at no full hour, cronsim may go round and round (`* 3,23 * * *` in Chatham).
            if at > until or (fires and at <= fires[-1]):
                break
            fires.append(at)
    except CronSimError:  # a day that no month has
        pass
    return fires


def why_cronsim_differs(expression: str, zone: str, change: datetime) -> str:
    """Return why cronsim is wrong about this expression at this change, or an empty text."""
    minute, hour = expression.split()[:2]
    if re.search(r"(?<![\d/])(\d+)-\1/", expression):
        return "7-7/2 is 7 alone (Debian: entry.c, get_range); cronsim reads it as 7/2"
    if not (minute.startswith("*") or hour.startswith("*")):
        return ""
    before = (change - timedelta(minutes=1)).astimezone(shipped_zone(zone)).replace(tzinfo=None)
    after = change.astimezone(shipped_zone(zone)).replace(tzinfo=None)
    if before.minute != 59 or after.minute != 0:
        return "cronsim goes from full hour to full hour by 3600 s; this change is not at a full hour or not by one"
    if before.date() < after.date() and after.hour > 0:
        return "cronsim begins a day at 00:00; on this one there is no such time, so it loses the hour after"
    return ""


def compare(rng: random.Random, zone: str, change: datetime) -> str:
    """Compare one random expression at one change, and return what had to be explained."""
    expression = random_expression(rng, hours=HOURS)
    after, until = change - AROUND, change + AROUND
    ours = list(fire_times(cron(expression, zone), after=after, until=until, anchor=after))
    theirs = fires_by_cronsim(expression, zone, after, until)
    if ours == theirs:
        return ""
    reason = why_cronsim_differs(expression, zone, change)
    assert reason, f"{expression} in {zone} at {change}: {sorted(set(ours) ^ set(theirs))}"
    assert ours == minutes_that_fire(expression, zone, after, until)
    return reason


def test_a_sample_of_zones_agrees_around_clock_changes() -> None:
    rng = random.Random(20260329)
    zones = [*ALWAYS, *rng.sample(ALL_ZONES, 60)]
    changes = [
        (zone, change) for zone in zones for change in clock_changes_of(zone, FIRST, FIRST + timedelta(days=730))
    ]
    assert len(changes) > 60
    for zone, change in rng.choices(changes, k=250):
        compare(rng, zone, change)


@pytest.mark.parametrize(
    ("expression", "zone", "change", "reason"),
    [
        ("24-25 1 * * 2-2/2", "America/Denver", utc(2029, 11, 4, 8), "7-7/2 is 7 alone"),
        ("*/15 3 * * 7", "Australia/Lord_Howe", utc(2033, 4, 2, 15), "full hour to full hour"),
        ("* */3 * * *", "Pacific/Chatham", utc(2027, 9, 25, 14), "full hour to full hour"),
        ("* 3,23 * * *", "Pacific/Chatham", utc(2029, 3, 31, 14), "full hour to full hour"),
        ("* 1 * * 7", "America/Havana", utc(2034, 3, 12, 5), "begins a day at 00:00"),
    ],
)
def test_where_cronsim_differs_every_minute_says_so(expression: str, zone: str, change: datetime, reason: str) -> None:
    after, until = change - AROUND, change + AROUND
    ours = list(fire_times(cron(expression, zone), after=after, until=until, anchor=after))
    assert ours == minutes_that_fire(expression, zone, after, until)
    assert ours != fires_by_cronsim(expression, zone, after, until)
    assert reason in why_cronsim_differs(expression, zone, change)


@pytest.mark.slow
def test_all_zones_agree_around_every_clock_change_of_ten_years() -> None:
    rng = random.Random(2026)
    for zone in ALL_ZONES:
        for change in clock_changes_of(zone, FIRST, LAST):
            for _ in range(3):
                compare(rng, zone, change)
