"""What becomes of the instants of a downtime."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.schedule import cron, utc

from reconciler.model.job import CalendarEntry, Misfire, MisfirePolicy, Schedule
from reconciler.model.run import Disposition
from reconciler.schedule.misfire import Settled, Span, settle_instants
from reconciler.schedule.times import fire_times

TOLERANCE = timedelta(seconds=90)
DOWN = utc(2026, 1, 1, 0, 30)


def settle(schedule: Schedule, now: datetime, after: datetime = DOWN) -> Settled:
    return settle_instants(schedule, after=after, now=now, anchor=utc(2026, 1, 1), tolerance=TOLERANCE)


def hourly(policy: MisfirePolicy, grace_minutes: int = 60) -> Schedule:
    return cron("0 * * * *", misfire=Misfire(policy=policy, grace_minutes=grace_minutes))


def at(*hours: int) -> tuple[datetime, ...]:
    return tuple(utc(2026, 1, 1, hour) for hour in hours)


def spanning(first: int, last: int, disposition: Disposition, reason: str) -> Span:
    return Span(*at(first, last), last - first + 1, disposition, reason)


ON_TIME = utc(2026, 1, 1, 5, 1)
LATE = utc(2026, 1, 1, 5, 30)
VERY_LATE = utc(2026, 1, 1, 7, 30)


@pytest.mark.parametrize(
    ("policy", "grace_minutes", "now", "started", "spans"),
    [
        pytest.param("skip", 60, ON_TIME, at(5), [(1, 4, "missed", "too_late")], id="skip starts what is on time"),
        pytest.param("skip", 600, LATE, (), [(1, 5, "missed", "too_late")], id="skip never starts late"),
        pytest.param("run-once", 60, LATE, at(5), [(1, 4, "expired", "past_grace")], id="latest within grace"),
        pytest.param(
            "run-once", 150, LATE, at(5), [(1, 2, "expired", "past_grace"), (3, 4, "coalesced", "later_instant")],
            id="earlier ones within grace are coalesced",
        ),
        pytest.param("run-once", 15, LATE, (), [(1, 5, "expired", "past_grace")], id="none within grace"),
        pytest.param("run-once", 30, LATE, at(5), [(1, 4, "expired", "past_grace")], id="exactly as old as the grace"),
        pytest.param("run-once", 0, ON_TIME, at(5), [(1, 4, "expired", "past_grace")], id="no grace, but on time"),
        pytest.param("run-once", 600, LATE, at(5), [(1, 4, "coalesced", "later_instant")], id="all within grace"),
        pytest.param("run-all", 150, LATE, at(3, 4, 5), [(1, 2, "expired", "past_grace")], id="each within grace"),
        pytest.param("run-all", 600, LATE, at(1, 2, 3, 4, 5), [], id="all of them"),
        pytest.param("run-all", 0, VERY_LATE, (), [(1, 7, "expired", "past_grace")], id="none of them"),
    ],
)  # fmt: skip
def test_the_policy_decides(
    policy: str,
    grace_minutes: int,
    now: datetime,
    started: tuple[datetime, ...],
    spans: list[tuple[int, int, str, str]],
) -> None:
    settled = settle(hourly(MisfirePolicy(policy), grace_minutes), now)
    assert settled.start == started
    assert list(settled.spans) == [spanning(first, last, Disposition(d), reason) for first, last, d, reason in spans]


def test_no_instant_leaves_nothing_to_settle() -> None:
    assert settle(hourly(MisfirePolicy.RUN_ONCE), DOWN + timedelta(minutes=10)) == Settled()


def test_a_clock_that_went_back_settles_nothing_again() -> None:
    assert settle(hourly(MisfirePolicy.RUN_ALL, 6000), DOWN - timedelta(days=1)) == Settled()


@pytest.mark.parametrize("down", [timedelta(minutes=101), timedelta(days=400), timedelta(days=3650)])
def test_a_minutely_job_is_settled_after_any_downtime(down: timedelta) -> None:
    settled = settle(cron("* * * * *"), DOWN + down)
    assert settled.start == (DOWN + down,)
    assert sum(span.count for span in settled.spans) == down // timedelta(minutes=1) - 1


def test_a_single_instant_past_its_grace_is_expired() -> None:
    instant = utc(2026, 1, 1, 1)
    settled = settle(Schedule(run_at=instant), LATE)
    assert settled == Settled(spans=(Span(instant, instant, 1, Disposition.EXPIRED, "past_grace"),))


zones = st.sampled_from(["UTC", "Europe/Paris", "America/New_York", "Australia/Lord_Howe", "Africa/Cairo"])
expressions = st.sampled_from(
    ["*/7 * * * *", "30 2 * * *", "0,30 1-3 * * *", "15 */6 * * *", "0 0 * * 1-5", "5 0 1,15 * *", "*/20 1,2 * * *"]
)
instants = st.timedeltas(timedelta(), timedelta(days=730)).map(lambda since: utc(2025, 1, 1) + since)
misfires = st.builds(
    Misfire, policy=st.sampled_from(MisfirePolicy), grace_minutes=st.sampled_from([0, 1, 45, 60, 1440, 20_000])
)
calendars = st.lists(
    st.builds(
        CalendarEntry,
        days_of_week=st.sets(st.integers(0, 6), min_size=1).map(lambda days: tuple(sorted(days))),
        time=st.sampled_from(["00:00", "00:30", "01:30", "02:15", "23:30"]),
    ),
    min_size=1,
    max_size=4,
).map(tuple)
schedules = st.one_of(
    st.builds(cron, expressions, zones, misfire=misfires, start_at=st.none() | instants, end_at=st.none() | instants),
    st.builds(Schedule, interval_minutes=st.integers(1, 5000), misfire=misfires, start_at=st.none() | instants),
    st.builds(Schedule, run_at=instants, misfire=misfires),
    st.builds(Schedule, calendar=calendars, timezone=zones, misfire=misfires),
)


@settings(deadline=None)  # a busy machine is no failure
@given(schedule=schedules, begin=instants, gaps=st.lists(st.timedeltas(timedelta(), timedelta(days=40)), max_size=6))
def test_every_instant_is_accounted_for_exactly_once(
    schedule: Schedule, begin: datetime, gaps: list[timedelta]
) -> None:
    """``gaps`` are the times between one settling and the next: ticks and downtimes alike."""
    accounted: list[datetime] = []
    cursor = begin
    for gap in gaps:
        settled = settle_instants(schedule, after=cursor, now=cursor + gap, anchor=begin, tolerance=TOLERANCE)
        accounted += settled.start
        for span in settled.spans:
            before = span.first - timedelta(microseconds=1)
            missed = list(fire_times(schedule, after=before, until=span.last, anchor=begin))
            assert (missed[0], missed[-1], len(missed)) == (span.first, span.last, span.count)
            accounted += missed
        cursor += gap
    assert sorted(accounted) == list(fire_times(schedule, after=begin, until=cursor, anchor=begin))
