"""Fire times beside an oracle that looks at every minute: the four questions, in all zones, around all changes."""

import random
from datetime import datetime, timedelta

import pytest
from support.schedule import ALL_ZONES, EPOCH, clock_changes_of, cron, minutes_that_fire, random_expression, utc

from reconciler.schedule.times import count_fires, fire_times, last_fire, next_fire
from reconciler.schedule.zones import UNIX_EPOCH, clock_of

ODD_ZONES = (
    "Africa/Cairo", "Africa/Casablanca", "America/Caracas", "America/Sao_Paulo", "Antarctica/Casey",
    "Antarctica/Troll", "Asia/Gaza", "Asia/Kathmandu", "Asia/Pyongyang", "Australia/Lord_Howe", "Europe/Dublin",
    "Pacific/Apia", "Pacific/Chatham", "Pacific/Kiritimati", "Pacific/Kwajalein",
)  # fmt: skip


def changes_of(zone: str, first: datetime, last: datetime) -> list[datetime]:
    starts = (EPOCH + timedelta(seconds=start - UNIX_EPOCH) for start in clock_of(zone).starts[1:])
    return [start.replace(second=0) for start in starts if first <= start < last]


def compare(rng: random.Random, zone: str, middle: datetime, around: timedelta) -> None:
    expression = random_expression(rng, hours=(0, 1, 2, 3, 23))
    schedule = cron(expression, zone)
    after, until = middle - around, middle + around
    expected = minutes_that_fire(expression, zone, after, until)
    told = f"{expression} in {zone} around {middle}"
    assert list(fire_times(schedule, after=after, until=until, anchor=after)) == expected, told
    for _ in range(3):
        between = after + timedelta(seconds=rng.randrange(int(around.total_seconds()) * 2))
        later = [at for at in expected if at > between]
        earlier = [at for at in expected if at <= between]
        assert count_fires(schedule, after=between, until=until, anchor=after) == len(later), told
        assert count_fires(schedule, after=after, until=between, anchor=after) == len(earlier), told
        last = last_fire(schedule, at_or_before=between, after=after, anchor=after)
        assert last == (earlier[-1] if earlier else None), told
        following = next_fire(schedule, after=between, anchor=after)
        assert following == later[0] if later else following is None or following > until, told


@pytest.mark.parametrize("zone", ODD_ZONES)
def test_odd_zones_agree_around_their_changes(zone: str) -> None:
    rng = random.Random(zone)
    for change in rng.choices(changes_of(zone, utc(1972, 2, 1), utc(2100, 12, 1)), k=5):
        compare(rng, zone, change, timedelta(hours=26))


def test_all_zones_agree_at_random_times() -> None:
    rng = random.Random(1970)
    for zone in rng.sample(ALL_ZONES, 100):
        middle = utc(1973, 1, 1) + timedelta(minutes=rng.randrange(127 * 365 * 1440))
        compare(rng, zone, middle, timedelta(hours=12))


def test_the_clock_changes_of_a_zone_are_those_of_zoneinfo() -> None:
    for zone in ODD_ZONES:
        assert changes_of(zone, utc(2024, 1, 1), utc(2029, 1, 1)) == clock_changes_of(
            zone, utc(2024, 1, 1), utc(2029, 1, 1)
        )


@pytest.mark.slow
def test_all_zones_agree_around_all_their_changes() -> None:
    rng = random.Random(2100)
    for zone in ALL_ZONES:
        changes = changes_of(zone, utc(1972, 2, 1), utc(2100, 12, 1))
        for change in rng.sample(changes, min(len(changes), 40)):
            compare(rng, zone, change, timedelta(hours=26))
