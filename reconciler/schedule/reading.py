"""Dates, times of day and weekdays as people write them, read strictly."""

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta, timezone

from reconciler.schedule.names import MONTHS, WEEKDAYS, shown

_INSTANT = re.compile(
    r"(?P<year>[0-9]{4})-(?P<month>[0-9]{2})-(?P<day>[0-9]{2})"
    r"[Tt ](?P<hour>[0-9]{2}):(?P<minute>[0-9]{2})(?::(?P<second>[0-9]{2})(?:\.(?P<fraction>[0-9]{1,9}))?)?"
    r"(?P<offset>[Zz]|[+-][0-9]{2}:[0-9]{2})?"
)
_CLOCK = re.compile(r"(?P<hour>[0-9]{2}):(?P<minute>[0-9]{2})")
_WEEKDAYS = tuple(name[:3].lower() for name in WEEKDAYS)


class ReadingError(ValueError):
    """Text that is not the date, time or weekday it should be; ``hint`` says what to write, or is empty."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


def read_instant(text: str, *, name: str = "runAt") -> datetime:
    """Return the UTC instant of an RFC 3339 text, such as ``2026-03-29T01:30:00Z``; seconds may be left out.

    ``name`` is the field's, for the message. Raises ReadingError.
    """
    match = _INSTANT.fullmatch(text)
    if match is None:
        raise ReadingError(
            f"{name} is not a date and time: `{shown(text)}`", hint="Write it like 2026-03-29T01:30:00Z."
        )
    year, month, day = int(match["year"]), int(match["month"]), int(match["day"])
    if not 1 <= month <= 12:
        raise ReadingError(f"month {month} is outside 1-12")
    if not 1970 <= year <= 2200:
        raise ReadingError(f"year {year} is outside 1970-2200")
    _check_day(year, month, day)
    hour, minute, second = int(match["hour"]), int(match["minute"]), int(match["second"] or 0)
    _check_clock(hour, minute)
    if second > 59:
        raise ReadingError(f"second {second} is outside 0-59")
    if match["offset"] is None:
        raise ReadingError(f"{name} needs Z or an offset such as +02:00", hint=f"Write {shown(text)}Z if UTC is meant.")
    microsecond = int((match["fraction"] or "0").ljust(6, "0")[:6])
    at = datetime(year, month, day, hour, minute, second, microsecond, tzinfo=_read_offset(match["offset"]))
    return at.astimezone(UTC)


def read_clock_time(text: str) -> str:
    """Return ``HH:MM`` as it is. Raises ReadingError."""
    match = _CLOCK.fullmatch(text)
    if match is None:
        raise ReadingError(f"expected a time of day, found `{shown(text)}`", hint='Write it like "09:30", with quotes.')
    _check_clock(int(match["hour"]), int(match["minute"]))
    return text


def read_weekdays(values: Sequence[object]) -> tuple[int, ...]:
    """Return weekdays 0-6, ascending, Sunday 0, of numbers 0-7 and names mon-sun. Raises ReadingError."""
    if not values:
        raise ReadingError("daysOfWeek takes 0-7 or mon..sun, found an empty list")
    return tuple(sorted({_read_weekday(value) for value in values}))


def _read_weekday(value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 7:
        return value % 7
    if isinstance(value, str) and value.lower() in _WEEKDAYS:
        return _WEEKDAYS.index(value.lower())
    raise ReadingError(f"daysOfWeek takes 0-7 or mon..sun, found `{shown(str(value))}`")


def _check_day(year: int, month: int, day: int) -> None:
    length = (date(year + month // 12, month % 12 + 1, 1) - date(year, month, 1)).days
    if 1 <= day <= length:
        return
    if not 1 <= day <= 31:
        raise ReadingError(f"day {day} is outside 1-31")
    remark = f" in {year}" if (month, day) == (2, 29) else ""
    raise ReadingError(f"{day} {MONTHS[month - 1]} does not exist{remark}")


def _check_clock(hour: int, minute: int) -> None:
    if hour > 23:
        raise ReadingError(f"hour {hour} is outside 0-23" + ("; midnight is 00:00" if hour == 24 else ""))
    if minute > 59:
        raise ReadingError(f"minute {minute} is outside 0-59")


def _read_offset(text: str) -> timezone:
    if text in "Zz":
        return UTC
    hours, minutes = int(text[1:3]), int(text[4:6])
    if hours > 18 or minutes > 59:
        raise ReadingError(f"offset {text} does not exist")
    offset = timedelta(hours=hours, minutes=minutes)
    return timezone(-offset if text[0] == "-" else offset)
