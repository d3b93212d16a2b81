"""What five-field cron reads, what it refuses, and in which words."""

import itertools

import pytest

from reconciler.schedule.cron import NICKNAMES, Cron, CronError, parse_cron

REFUSED = [
    ("* * * *", 0, "5 fields expected, 4 found"),
    ("* * * * * *", 0, "5 fields expected, 6 found (seconds are not supported)"),
    ("0 0 * * * * 2026", 0, "5 fields expected, 7 found (seconds and years are not supported)"),
    ("* * * * * echo hello", 0, "5 fields expected, 7 found; `echo hello` is no part of it"),
    ("0 2 * * *  # nightly", 0, "5 fields expected, 7 found; `# nightly` is no part of it"),
    ("every 5 minutes", 0, "5 fields expected, 3 found"),
    ("", 0, "cron expression is empty"),
    (" \t ", 0, "cron expression is empty"),
    ("0 0\n* * *", 3, "cron expression spans more than one line"),
    ("60 * * * *", 0, "minute 60 is outside 0-59"),
    ("0,75 * * * *", 2, "minute 75 is outside 0-59"),
    ("* 24 * * *", 2, "hour 24 is outside 0-23; midnight is 0"),
    ("* 25 * * *", 2, "hour 25 is outside 0-23"),
    ("* * 0 * *", 4, "day of month 0 is outside 1-31"),
    ("  *\t*  32 * *", 7, "day of month 32 is outside 1-31"),
    ("* * * 13 *", 6, "unknown month `13`; use 1-12 or jan-dec"),
    ("* * * foo *", 6, "unknown month `foo`; use 1-12 or jan-dec"),
    ("* * * january *", 6, "unknown month `january`; use 1-12 or jan-dec"),
    ("* * * * 8", 8, "weekday 8 is outside 0-7 (0 and 7 are Sunday)"),
    ("* * * july *", 6, "unknown month `july`; use 1-12 or jan-dec"),
    ("* * * * lun", 8, "unknown weekday `lun`; use 0-7 or sun-sat"),
    ("*/0 * * * *", 0, "step 0 never advances"),
    ("*/61 * * * *", 0, "step 61 is larger than the minute field"),
    ("* */25 * * *", 2, "step 25 is larger than the hour field"),
    ("* * * * */8", 8, "step 8 is larger than the weekday field"),
    ("1,,2 * * * *", 2, "cannot read `1,,2` in the minute field"),
    ("1- * * * *", 0, "cannot read `1-` in the minute field"),
    ("-1 * * * *", 0, "cannot read `-1` in the minute field"),
    ("1.5 * * * *", 0, "cannot read `1.5` in the minute field"),
    ("*/ * * * *", 0, "cannot read `*/` in the minute field"),
    ("*/5/2 * * * *", 0, "cannot read `*/5/2` in the minute field"),
    ("*5 * * * *", 0, "cannot read `*5` in the minute field"),
    ("0 mon * * *", 2, "cannot read `mon` in the hour field"),
    ("٣ * * * *", 0, "cannot read `٣` in the minute field"),
    ("1\u00a0 * * * *", 0, "cannot read `1\\xa0` in the minute field"),
    ("9999999999999 * * * *", 0, "cannot read `9999999999999` in the minute field"),
    ("* * L * *", 4, "`L` is not part of five-field cron"),
    ("* * LW * *", 4, "`L` is not part of five-field cron"),
    ("* * 15W * *", 4, "`W` is not part of five-field cron"),
    ("* * * * 5L", 8, "`L` is not part of five-field cron"),
    ("* * * * 5#2", 8, "`#` is not part of five-field cron"),
    ("* * * * fri#2", 8, "`#` is not part of five-field cron"),
    ("0 0 ? * 1", 4, "`?` is not part of five-field cron"),
    ("H * * * *", 0, "`H` is not part of five-field cron"),
    ("H(0-29)/10 * * * *", 0, "`H` is not part of five-field cron"),
    ("* H/2 * * *", 2, "`H` is not part of five-field cron"),
    ("R * * * *", 0, "`R` is not part of five-field cron"),
    ("@reboot", 0, "`@reboot` is not a time: use `events: [Startup]`"),
    ("@every 5m", 0, "`@every 5m` is not cron: use `intervalMinutes: 5`"),
    (" @every 1h30m", 1, "`@every 1h30m` is not cron: use `intervalMinutes: 90`"),
    ("@every 10s", 0, "`@every 10s` is not cron: use `intervalMinutes`"),
    ("@every", 0, "`@every` is not cron: use `intervalMinutes`"),
    ("@every sunrise", 0, "`@every sunrise` is not cron: use `intervalMinutes`"),
    ("@dayly", 0, "unknown nickname `@dayly`"),
    ("@daily 5", 0, "unknown nickname `@daily 5`"),
    ("TZ=Europe/Berlin 0 0 * * *", 0, "cron has no `TZ=`: put the zone into `timezone:`"),
    ("CRON_TZ=Europe/Berlin 0 0 * * *", 0, "cron has no `TZ=`: put the zone into `timezone:`"),
    ("5-1 * * * *", 0, "range `5-1` in the minute field runs backwards"),
    ("* * * * fri-sun", 8, "range `fri-sun` in the weekday field runs backwards"),
]


@pytest.mark.parametrize(("text", "column", "message"), REFUSED, ids=[repr(row[0]) for row in REFUSED])
def test_what_debian_cron_does_not_have_is_refused_with_its_place(text: str, column: int, message: str) -> None:
    with pytest.raises(CronError) as refused:
        parse_cron(text)
    assert (refused.value.column, refused.value.message) == (column, message)


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("* * * *", "Write minute, hour, day of month, month, weekday: `0 2 * * *` is 02:00 each day."),
        ("22-2 * * * *", "Write 22-59,0-2."),
        ("* 22-2 * * *", "Write 22-23,0-2."),
        ("* 22-0 * * *", "Write 22-23,0."),
        ("* * * nov-feb *", "Write 11-12,1-2."),
        ("* * * * fri-sun", "Write 5-7."),
        ("* * * * fri-mon", "Write 5-6,0-1."),
        ("0 0 ? * 1", "Write * instead."),
        ("TZ=Europe/Berlin 0 0 * * *", "timezone: Europe/Berlin"),
    ],
)
def test_a_refusal_says_what_to_write(text: str, hint: str) -> None:
    with pytest.raises(CronError) as refused:
        parse_cron(text)
    assert refused.value.hint == hint


def test_a_long_text_is_cut_in_the_message() -> None:
    with pytest.raises(CronError) as refused:
        parse_cron("x" * 5000 + " * * * *")
    assert len(refused.value.message) < 100


@pytest.mark.parametrize(
    ("text", "field", "expected"),
    [
        ("*/20 * * * *", "minutes", (0, 20, 40)),
        ("5/20 * * * *", "minutes", (5, 25, 45)),
        ("*/60 * * * *", "minutes", (0,)),
        ("05,5,1-3,58 * * * *", "minutes", (1, 2, 3, 5, 58)),
        ("*,5 * * * *", "minutes", tuple(range(60))),
        ("0-59 * * * *", "minutes", tuple(range(60))),
        ("7-7 * * * *", "minutes", (7,)),
        ("7-7/3 * * * *", "minutes", (7,)),
        ("* 8-17/3 * * *", "hours", (8, 11, 14, 17)),
        ("* * */10 * *", "days_of_month", (1, 11, 21, 31)),
        ("* * * Jan,FEB-apr *", "months", (1, 2, 3, 4)),
        ("* * * jan/5 *", "months", (1, 6, 11)),
        ("* * * * 7", "days_of_week", (0,)),
        ("* * * * 5-7", "days_of_week", (0, 5, 6)),
        ("* * * * 0-7", "days_of_week", (0, 1, 2, 3, 4, 5, 6)),
        ("* * * * sun-sat", "days_of_week", (0, 1, 2, 3, 4, 5, 6)),
        ("* * * * 1/2", "days_of_week", (0, 1, 3, 5)),
        ("* * * * */7", "days_of_week", (0,)),
        ("* * * * Mon-Fri", "days_of_week", (1, 2, 3, 4, 5)),
    ],
)
def test_a_field_gives_its_values(text: str, field: str, expected: tuple[int, ...]) -> None:
    assert getattr(parse_cron(text), field) == expected


def test_every_range_and_step_of_every_field_expands_as_written() -> None:
    bounds = {"minutes": (0, 59), "hours": (0, 23), "days_of_month": (1, 31), "months": (1, 12), "days_of_week": (0, 7)}
    for index, (name, (low, high)) in enumerate(bounds.items()):
        ends = sorted({low, low + 1, (low + high) // 2, high - 1, high})
        for first, last, step in itertools.product(ends, ends, (1, 2, 3, 5, 7)):
            if first > last:
                continue
            fields = ["*"] * 5
            fields[index] = f"{first}-{last}/{step}"
            modulus = 7 if name == "days_of_week" else high + 1
            expected = sorted({value % modulus for value in range(first, last + 1, step)})
            assert list(getattr(parse_cron(" ".join(fields)), name)) == expected, fields


@pytest.mark.parametrize(("nickname", "meaning"), NICKNAMES.items())
def test_a_nickname_means_its_expression(nickname: str, meaning: str) -> None:
    def fields(cron: Cron) -> dict[str, object]:
        return {name: getattr(cron, name) for name in Cron.__struct_fields__ if name != "text"}

    assert fields(parse_cron(nickname)) == fields(parse_cron(meaning))
    assert fields(parse_cron(nickname.upper())) == fields(parse_cron(meaning))


@pytest.mark.parametrize(
    ("text", "is_fixed_time"),
    [
        ("30 2 * * *", True),
        ("0-59 2 * * *", True),
        ("30 0-23 * * *", True),
        ("30 * * * *", False),
        ("*/5 2 * * *", False),
        ("*,5 2 * * *", False),
        ("30 5,* * * *", True),
        ("@daily", True),
        ("@hourly", False),
    ],
)
def test_a_fixed_time_begins_neither_minute_nor_hour_with_a_star(text: str, is_fixed_time: bool) -> None:
    assert parse_cron(text).is_fixed_time is is_fixed_time


@pytest.mark.parametrize(
    ("text", "needs_both"),
    [
        ("0 0 13 * 5", False),
        ("0 0 1-31 * 5", False),
        ("0 0 */2 * 1", True),
        ("0 0 13 * */2", True),
        ("0 0 * * 5", True),
    ],
)
def test_days_are_alternatives_unless_one_of_the_two_begins_with_a_star(text: str, needs_both: bool) -> None:
    assert parse_cron(text).needs_both_days is needs_both
