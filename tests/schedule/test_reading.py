import pytest
from support.schedule import utc

from reconciler.schedule.reading import ReadingError, read_clock_time, read_instant, read_weekdays


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-03-29T01:30:00Z", utc(2026, 3, 29, 1, 30)),
        ("2026-03-29T01:30Z", utc(2026, 3, 29, 1, 30)),
        ("2026-03-29 01:30:00+02:00", utc(2026, 3, 28, 23, 30)),
        ("2026-03-29T01:30:00.1234567-05:30", utc(2026, 3, 29, 7, 0, 0, 123_456)),
        ("2028-02-29t00:00:00z", utc(2028, 2, 29)),
    ],
)
def test_an_instant_names_its_offset(text: str, expected: object) -> None:
    assert read_instant(text) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("2025-02-30T10:00:00Z", "30 February does not exist"),
        ("2025-02-29T10:00:00Z", "29 February does not exist in 2025"),
        ("2025-04-31T10:00:00Z", "31 April does not exist"),
        ("2025-12-32T10:00:00Z", "day 32 is outside 1-31"),
        ("2025-13-01T10:00:00Z", "month 13 is outside 1-12"),
        ("1925-12-01T10:00:00Z", "year 1925 is outside 1970-2200"),
        ("2025-02-03T25:00:00Z", "hour 25 is outside 0-23"),
        ("2025-02-03T24:00:00Z", "hour 24 is outside 0-23; midnight is 00:00"),
        ("2025-02-03T10:61:00Z", "minute 61 is outside 0-59"),
        ("2025-02-03T23:59:60Z", "second 60 is outside 0-59"),
        ("2025-02-03T10:00:00", "runAt needs Z or an offset such as +02:00"),
        ("2025-02-03T10:00:00+25:00", "offset +25:00 does not exist"),
        ("2025-02-03", "runAt is not a date and time: `2025-02-03`"),
        ("tomorrow\n", "runAt is not a date and time: `tomorrow\\n`"),
        ("٢٠٢٥-02-03T10:00:00Z", "runAt is not a date and time: `٢٠٢٥-02-03T10:00:00Z`"),
    ],
)
def test_a_date_that_does_not_exist_is_refused(text: str, message: str) -> None:
    with pytest.raises(ReadingError) as refused:
        read_instant(text)
    assert refused.value.message == message


def test_the_field_is_named() -> None:
    with pytest.raises(ReadingError, match=r"^startAt needs Z") as refused:
        read_instant("2026-01-01T00:00:00", name="startAt")
    assert refused.value.hint == "Write 2026-01-01T00:00:00Z if UTC is meant."


def test_a_time_of_day_is_kept_as_written() -> None:
    assert read_clock_time("09:30") == "09:30"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("9:30", "expected a time of day, found `9:30`"),
        ("09:30:00", "expected a time of day, found `09:30:00`"),
        ("24:00", "hour 24 is outside 0-23; midnight is 00:00"),
        ("10:61", "minute 61 is outside 0-59"),
    ],
)
def test_a_time_of_day_that_does_not_exist_is_refused(text: str, message: str) -> None:
    with pytest.raises(ReadingError) as refused:
        read_clock_time(text)
    assert refused.value.message == message


def test_weekdays_are_numbers_or_names_and_come_out_sorted() -> None:
    assert read_weekdays(["sat", 7, "Mon", 0, 3]) == (0, 1, 3, 6)


@pytest.mark.parametrize(
    ("values", "found"),
    [
        ([8], "`8`"),
        ([-1], "`-1`"),
        (["Mo"], "`Mo`"),
        ([True], "`True`"),
        ([1.0], "`1.0`"),
        ([None], "`None`"),
        ([], "an empty list"),
    ],
)
def test_other_weekdays_are_refused(values: list[object], found: str) -> None:
    with pytest.raises(ReadingError) as refused:
        read_weekdays(values)
    assert refused.value.message == f"daysOfWeek takes 0-7 or mon..sun, found {found}"
