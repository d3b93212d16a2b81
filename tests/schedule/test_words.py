import pytest
from support.schedule import cron, utc

from reconciler.model.job import CalendarEntry, Schedule
from reconciler.schedule.words import clock_remarks, describe_schedule


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("* * * * *", "every minute"),
        ("*/30 * * * *", "every 30 minutes"),
        ("5/15 * * * *", "every 15 minutes"),
        ("*/7 * * * *", "every hour every 7 minutes from :00 to :56 Europe/Paris"),
        ("5 * * * *", "every hour at :05 Europe/Paris"),
        ("0 */2 * * *", "every 2 hours at :00 Europe/Paris"),
        ("15 1-23/2 * * *", "every 2 hours at :15 from 01:15 Europe/Paris"),
        ("*/15 8-17 * * 1-5", "every 15 minutes from 08:00 to 17:45 on weekdays Europe/Paris"),
        ("0 9-17 * * *", "every hour at :00, from 09:00 to 17:00 Europe/Paris"),
        ("0,20 4,8,10,22 * * *", "every hour at :00 and :20, in hours 4, 8, 10 and 22 Europe/Paris"),
        ("0 2 * * *", "daily at 02:00 Europe/Paris"),
        ("@daily", "daily at 00:00 Europe/Paris"),
        ("0,30 2,14 * * *", "daily at 02:00, 02:30, 14:00 and 14:30 Europe/Paris"),
        ("0 */8 * * *", "every 8 hours at :00 Europe/Paris"),
        ("0 */12 * * *", "daily at 00:00 and 12:00 Europe/Paris"),
        ("0 0 1-3,8-14,30,31 * *", "on the 1st to 3rd, 8th to 14th, 30th and 31st of each month at 00:00 Europe/Paris"),
        ("0 16 * * 2", "Tuesdays at 16:00 Europe/Paris"),
        ("0 16 * * 0,6", "weekends at 16:00 Europe/Paris"),
        ("0 16 * * 0,3", "Wednesdays and Sundays at 16:00 Europe/Paris"),
        ("0 0 1 * *", "on the 1st of each month at 00:00 Europe/Paris"),
        ("0 0 2,3,11,22 6,12 *", "on the 2nd, 3rd, 11th and 22nd of June and December at 00:00 Europe/Paris"),
        ("0 0 * 8 *", "daily in August at 00:00 Europe/Paris"),
        ("*/10 * * 8 *", "every 10 minutes in August Europe/Paris"),
        ("0 0 * 8 1", "Mondays in August at 00:00 Europe/Paris"),
        ("0 0 13 * 5", "on the 13th or on Fridays at 00:00 Europe/Paris"),
        ("0 0 13 8 5", "on the 13th or on Fridays in August at 00:00 Europe/Paris"),
        ("0 0 1-31 * 5", "daily at 00:00 Europe/Paris"),
        ("0 0 */15 * 1", "on the 1st, 16th and 31st if that is one of Mondays at 00:00 Europe/Paris"),
    ],
)
def test_a_cron_expression_in_words(expression: str, words: str) -> None:
    assert describe_schedule(cron(expression, "Europe/Paris")) == words


@pytest.mark.parametrize(
    ("schedule", "words"),
    [
        (Schedule(interval_minutes=1), "every minute"),
        (Schedule(interval_minutes=90), "every 90 minutes"),
        (Schedule(interval_minutes=60), "every hour"),
        (Schedule(interval_minutes=360), "every 6 hours"),
        (Schedule(interval_minutes=1440), "every day"),
        (Schedule(interval_minutes=10080), "every 7 days"),
        (Schedule(run_at=utc(2026, 1, 15, 10)), "once at 2026-01-15 10:00 UTC"),
        (
            Schedule(
                calendar=(
                    CalendarEntry(days_of_week=(1, 2, 3, 4, 5), time="09:00"),
                    CalendarEntry(days_of_week=(1, 2, 3, 4, 5), time="17:00"),
                    CalendarEntry(days_of_week=(0,), time="02:30"),
                )
            ),
            "weekdays at 09:00 and 17:00; Sundays at 02:30 UTC",
        ),
        (Schedule(calendar=(CalendarEntry(days_of_week=tuple(range(7)), time="09:00"),)), "daily at 09:00 UTC"),
    ],
)
def test_other_schedules_in_words(schedule: Schedule, words: str) -> None:
    assert describe_schedule(schedule) == words


@pytest.mark.parametrize(
    ("expression", "zone", "texts"),
    [
        (
            "30 2 * * *",
            "Europe/Berlin",
            [
                "29 March 2026 02:30 does not exist in Europe/Berlin; runs at 03:00",
                "25 October 2026 02:30 comes twice in Europe/Berlin; runs the first time",
            ],
        ),
        (
            "0,30 2 * * *",
            "Europe/Berlin",
            [
                "29 March 2026 02:00 to 02:30 (2 times) does not exist in Europe/Berlin; runs once, at 03:00",
                "25 October 2026 02:00 to 02:30 (2 times) comes twice in Europe/Berlin; runs the first time",
            ],
        ),
        (
            "*/30 2 * * *",
            "Europe/Berlin",
            [
                "29 March 2026 02:00 to 02:30 (2 times) does not exist in Europe/Berlin; does not run then",
                "25 October 2026 02:00 to 02:30 (2 times) comes twice in Europe/Berlin; runs both times",
            ],
        ),
        ("0 * * * *", "Europe/Berlin", []),
        ("0 5 * * *", "Europe/Berlin", []),
        ("30 2 * * 1", "Europe/Berlin", []),
        ("30 2 * * *", "UTC", []),
    ],
)
def test_remarks_on_the_clock_changes_of_a_year(expression: str, zone: str, texts: list[str]) -> None:
    remarks = clock_remarks(cron(expression, zone), after=utc(2026, 1, 1), until=utc(2027, 1, 1))
    assert [remark.text for remark in remarks] == texts


def test_a_remark_carries_the_instant_of_the_change() -> None:
    remarks = clock_remarks(cron("30 2 * * *", "Europe/Berlin"), after=utc(2026, 1, 1), until=utc(2027, 1, 1))
    assert [remark.at for remark in remarks] == [utc(2026, 3, 29, 1), utc(2026, 10, 25, 1)]
    assert [remark.is_gap for remark in remarks] == [True, False]


def test_a_skipped_day_names_both_days() -> None:
    remarks = clock_remarks(cron("0 12 * * 5", "Pacific/Apia"), after=utc(2011, 12, 1), until=utc(2012, 1, 1))
    assert [remark.text for remark in remarks] == [
        "30 December 2011 12:00 does not exist in Pacific/Apia; runs at 00:00 on 31 December 2011"
    ]


def test_intervals_and_single_instants_have_no_remarks() -> None:
    for schedule in (Schedule(interval_minutes=30), Schedule(run_at=utc(2026, 3, 29, 1))):
        assert clock_remarks(schedule, after=utc(2026, 1, 1), until=utc(2027, 1, 1)) == []
