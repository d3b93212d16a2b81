"""The starts of many jobs together."""

import random
from collections import Counter
from datetime import timedelta

import pytest
from support.schedule import cron, random_expression, utc

from reconciler.model.errors import UsageError
from reconciler.model.job import Schedule
from reconciler.schedule.forecast import Forecast, Scheduled, forecast
from reconciler.schedule.times import fire_times

START, UNTIL = utc(2026, 3, 27, 13, 30), utc(2026, 3, 30, 13, 30)


def scheduled(job_id: str, schedule: Schedule) -> Scheduled:
    return Scheduled(id=job_id, schedule=schedule, anchor_at=utc(2026, 3, 27, 0, 0, 20))


def foresee(*schedules: Schedule) -> Forecast:
    jobs = [scheduled(f"job-{number}", schedule) for number, schedule in enumerate(schedules)]
    return forecast(jobs, start=START, until=UNTIL)


def test_a_job_is_told_with_its_first_fires_in_order_of_ids() -> None:
    told = forecast(
        [scheduled("b", Schedule(interval_minutes=90)), scheduled("a", cron("30 2 * * *", "Europe/Paris"))],
        start=START,
        until=UNTIL,
        listed=2,
    )
    first, second = told.jobs
    assert (first.id, first.words, first.timezone, first.count) == (
        "a", "daily at 02:30 Europe/Paris", "Europe/Paris", 3,
    )  # fmt: skip
    assert first.fires == (utc(2026, 3, 28, 1, 30), utc(2026, 3, 29, 1))
    assert [remark.at for remark in first.remarks] == [utc(2026, 3, 29, 1)]
    assert (second.id, second.timezone, second.count) == ("b", "UTC", 48)
    assert second.next_at == utc(2026, 3, 27, 13, 30, 20)


def test_the_heat_map_has_a_row_a_day_and_leaves_out_what_is_outside() -> None:
    told = foresee(cron("0 * * * *"))
    assert told.days == (utc(2026, 3, 27), utc(2026, 3, 28), utc(2026, 3, 29), utc(2026, 3, 30))
    assert told.hours == ((0,) * 14 + (1,) * 10, (1,) * 24, (1,) * 24, (1,) * 14 + (0,) * 10)
    assert told.starts == 72


def test_minutes_that_jobs_share_are_counted_and_the_worst_named() -> None:
    told = foresee(cron("0 2 * * *"), cron("0 2 * * *"), cron("0 2 29 * *"), cron("5 2 * * *"), cron("*/5 2 28 * *"))
    assert told.shared_minutes == 4
    assert [(minute.at, minute.starts) for minute in told.busiest] == [
        (utc(2026, 3, 28, 2), 3),
        (utc(2026, 3, 29, 2), 3),
        (utc(2026, 3, 28, 2, 5), 2),
        (utc(2026, 3, 30, 2), 2),
    ]
    assert told.busiest[1].job_ids == ("job-0", "job-1", "job-2")
    assert [(c.minute_of_day, c.days, c.peak.starts) for c in told.collisions] == [(120, 3, 3), (125, 1, 2)]


def test_jobs_that_never_meet_share_no_minute() -> None:
    told = foresee(cron("0 2 * * *"), cron("1 2 * * *"), Schedule(run_at=utc(2026, 3, 28, 5)))
    assert (told.busiest, told.collisions, told.shared_minutes) == ((), (), 0)


def test_an_interval_counts_in_the_minute_it_falls_into() -> None:
    told = foresee(Schedule(interval_minutes=1440), cron("0 0 * * *"))
    assert [minute.at for minute in told.busiest] == [utc(2026, 3, 28), utc(2026, 3, 29), utc(2026, 3, 30)]
    assert told.busiest[0].job_ids == ("job-0", "job-1")


def test_what_is_forecast_is_what_fires() -> None:
    rng = random.Random(5)
    zones = ["UTC", "Europe/Paris", "Africa/Cairo", "Australia/Lord_Howe"]
    jobs = [
        scheduled(
            f"job-{number}",
            cron(
                random_expression(rng, hours=(1, 2)),
                rng.choice(zones),
                start_at=rng.choice([None, utc(2026, 3, 28, 1, 15)]),
                end_at=rng.choice([None, utc(2026, 3, 29, 2)]),
            ),
        )
        for number in range(60)
    ]
    jobs += [scheduled(f"twin-{job.id}", job.schedule) for job in jobs[:20]]
    fires = Counter(
        at for job in jobs for at in fire_times(job.schedule, after=START, until=UNTIL, anchor=job.anchor_at)
    )
    told = forecast(jobs, start=START, until=UNTIL)
    assert told.starts == fires.total() == sum(job.count for job in told.jobs) == sum(map(sum, told.hours))
    assert told.shared_minutes == sum(number > 1 for number in fires.values())
    assert [minute.starts for minute in told.busiest] == sorted(fires.values(), reverse=True)[:10]
    assert all(fires[minute.at] == minute.starts for minute in told.busiest)


def test_no_jobs_give_an_empty_forecast() -> None:
    assert (foresee().starts, foresee().jobs) == (0, ())


@pytest.mark.parametrize("span", [timedelta(0), timedelta(days=-1), timedelta(days=367)])
def test_a_span_that_is_empty_or_too_long_is_refused(span: timedelta) -> None:
    with pytest.raises(UsageError):
        forecast([], start=START, until=START + span)
