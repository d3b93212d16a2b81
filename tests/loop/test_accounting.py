"""Whatever the clock does and however often the process is restarted: each instant is accounted for exactly once."""

import tempfile
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.world import Stage

from reconciler.schedule.times import fire_times

MINUTE = timedelta(minutes=1)

SCHEDULES = st.sampled_from(
    [
        {"cronExpression": "*/20 * * * *"},
        {"cronExpression": "5 * * * *", "misfire": {"policy": "run-all", "graceMinutes": 90}},
        {"cronExpression": "0,30 * * * *", "misfire": {"policy": "skip"}},
        {"intervalMinutes": 25},
        {"intervalMinutes": 90, "misfire": {"graceMinutes": 0}},
        {"calendar": [{"daysOfWeek": [0, 1], "time": "03:15"}], "timezone": "Europe/Paris"},
        {"runAt": "2026-03-01T02:30:00Z"},
    ]
)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("serve"), st.integers(1, 45)),
        st.tuples(st.just("jump"), st.integers(-300, 600)),
        st.tuples(st.just("restart"), st.integers(0, 300)),
    ),
    min_size=1,
    max_size=6,
)


LIVES = given(schedules=st.lists(SCHEDULES, min_size=1, max_size=3), steps=STEPS)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@LIVES
def test_every_instant_has_one_fate(schedules, steps):
    """RELIABILITY G2, G3, G6, G23: on the real store, with the real loop."""
    live_and_check(schedules, steps)


@pytest.mark.slow
@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@LIVES
def test_every_instant_has_one_fate_in_many_lives(schedules, steps):
    live_and_check(schedules, steps)


def live_and_check(schedules, steps):
    with tempfile.TemporaryDirectory() as folder:
        stage = Stage(Path(folder))
        try:
            _live(stage, schedules, steps)
            _check_accounts(stage)
        finally:
            stage.close()


def _live(stage, schedules, steps):
    for number, schedule in enumerate(schedules):
        stage.commit_job(f"job-{number}", schedule=schedule)
    loop = stage.serve()
    loop.turn()
    for step, minutes in steps:
        if step == "serve":
            stage.turn_until(loop, stage.clock() + minutes * MINUTE)
        else:
            stage.clock.now += minutes * MINUTE
        if step == "restart":
            loop = stage.serve()
    loop.turn()


def _check_accounts(stage):
    accounted = {}
    for occurrence in stage.rig.store.occurrences(limit=100_000):
        accounted.setdefault(occurrence.root_id, []).append(occurrence)
    for applied in stage.rig.store.inventory():
        (state,) = [item for item in stage.rig.store.schedules() if item.root_id == applied.root_id]
        just_before = timedelta(microseconds=1)
        told = sorted(
            instant
            for item in accounted.get(applied.root_id, [])
            for instant in fire_times(
                applied.form.schedule,
                after=item.scheduled_for - just_before,
                until=item.last_instant or item.scheduled_for,
                anchor=state.anchor_at,
            )
        )
        owed = list(
            fire_times(applied.form.schedule, after=applied.applied_at, until=state.cursor_at, anchor=state.anchor_at)
        )
        assert told == owed
        assert sum(item.count for item in accounted.get(applied.root_id, [])) == len(owed)
    started = [(run.root_id, run.scheduled_for) for run in stage.runs()]
    assert len(started) == len(set(started))
