"""Five-field cron: a strict parser whose refusals say what to write instead, and the value it gives.

What is read and what it means is Debian's cron 3.0pl1: crontab(5) and its entry.c.
"""

import platform
import re
import struct
from functools import lru_cache
from typing import Any, NamedTuple, NoReturn

from msgspec import Struct

from reconciler.schedule.names import MONTHS, WEEKDAYS, shown

_MONTHS = tuple(name[:3].lower() for name in MONTHS)
_WEEKDAYS = tuple(name[:3].lower() for name in WEEKDAYS)

NICKNAMES = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}

_ITEM = re.compile(
    r"(?:(?P<star>\*)|(?P<first>[0-9]{1,9}|[a-z]{1,20})(?:-(?P<last>[0-9]{1,9}|[a-z]{1,20}))?)(?:/(?P<step>[0-9]{1,9}))?"
)
_FOREIGN = {
    "l": "Name the days outright, such as 28; five-field cron has no last day.",
    "w": "Name the weekdays in the last field, such as 1-5.",
    "#": "Name the days of the month outright, or run weekly.",
    "?": "Write * instead.",
    "h": "Write a fixed time, and spread the starts with `jitterSeconds`.",
    "r": "Write a fixed time, and spread the starts with `jitterSeconds`.",
}
_FOREIGN_ITEM = re.compile(
    r".*(?P<sign>[?#]).*|(?P<letter>[hr])(\(.*\))?(/.*)?|(?P<last>l)(w|-.*)?"
    rf"|([0-9]+|{'|'.join(_WEEKDAYS)})?(?P<suffix>[lw])"
)
_LIKE_CRON = re.compile(r"[-0-9*,/?LWHR]+(?:#[0-9])?|[a-z]{3}(?:[-,#/][-,#/0-9a-z]*)?", re.IGNORECASE)
_DURATION = re.compile(r"(?:(\d{1,6})h)?(?:(\d{1,6})m)?(?:(\d{1,6})s)?")


class CronError(ValueError):
    """Cron text that is refused. ``column`` is the 0-based offset of the part in question; ``code`` is stable."""

    def __init__(self, code: str, message: str, *, column: int = 0, hint: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint
        self.column = column


class Cron(Struct, frozen=True, kw_only=True):
    """A parsed expression: the values of each field, ascending; ``days_of_week`` are 0-6, Sunday is 0.

    ``is_fixed_time``: neither minute nor hour begins with ``*``, so clock changes are made up for.  A day matches
    when day of month and weekday both do if ``needs_both_days`` (one of the two begins with ``*``), else when either
    does.
    """

    text: str
    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days_of_month: tuple[int, ...]
    months: tuple[int, ...]
    days_of_week: tuple[int, ...]
    is_fixed_time: bool
    needs_both_days: bool


class _Field(NamedTuple):
    name: str
    low: int
    high: int
    names: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        return 7 if self.name == "weekday" else self.high - self.low + 1


_FIELDS = (
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day of month", 1, 31),
    _Field("month", 1, 12, _MONTHS),
    _Field("weekday", 0, 7, _WEEKDAYS),
)


@lru_cache(maxsize=16384)
def parse_cron(text: str) -> Cron:
    """Read ``text``: five fields, or a nickname such as ``@daily``. Raises CronError."""
    stripped = text.strip(" \t")
    if not stripped:
        raise CronError("CRON001", "cron expression is empty", hint="Write five fields, such as `0 2 * * *`.")
    start = text.index(stripped)
    _refuse_other_cron(text, stripped, start)
    plain = _expand_nickname(stripped, start)
    fields = [(match.group(), match.start() + start) for match in re.finditer(r"[^ \t]+", plain)]
    if len(fields) != 5:
        _refuse_field_count([field for field, _ in fields], start)
    values = []
    for index, (field, column) in enumerate(fields):
        try:
            values.append(_read_field(index, field.lower()))
        except CronError as error:
            error.column += column
            raise
    starred = [field.startswith("*") for field, _ in fields]
    return Cron(
        text=text,
        minutes=values[0],
        hours=values[1],
        days_of_month=values[2],
        months=values[3],
        days_of_week=values[4],
        is_fixed_time=not (starred[0] or starred[1]),
        needs_both_days=starred[2] or starred[4],
    )


def _refuse_other_cron(text: str, stripped: str, start: int) -> None:
    for offset, character in enumerate(text):
        if character in "\r\n\v\f\x85\u2028\u2029":
            raise CronError("CRON001", "cron expression spans more than one line", column=offset)
    zone = re.match(r"(?i:CRON_)?TZ=(\S*)", stripped)
    if zone:
        hint = f"timezone: {shown(zone[1])}" if zone[1] else ""
        raise CronError("CRON008", "cron has no `TZ=`: put the zone into `timezone:`", column=start, hint=hint)


def _expand_nickname(stripped: str, start: int) -> str:
    if not stripped.startswith("@"):
        return stripped
    word, _, rest = stripped.lower().partition(" ")
    if word == "@reboot":
        raise CronError("CRON007", "`@reboot` is not a time: use `events: [Startup]`", column=start)
    if word == "@every":
        minutes = _minutes_of_duration(rest.strip())
        way_out = f"use `intervalMinutes: {minutes}`" if minutes else "use `intervalMinutes`"
        raise CronError("CRON007", f"`{shown(stripped)}` is not cron: {way_out}", column=start)
    if word not in NICKNAMES or rest:
        known = ", ".join(NICKNAMES)
        raise CronError("CRON007", f"unknown nickname `{shown(stripped)}`", column=start, hint=f"Known: {known}.")
    return NICKNAMES[word]


def _minutes_of_duration(text: str) -> int:
    match = _DURATION.fullmatch(text)
    if match is None:
        return 0
    hours, minutes, seconds = (int(part or 0) for part in match.groups())
    total = hours * 3600 + minutes * 60 + seconds
    return total // 60 if total % 60 == 0 else 0


def _refuse_field_count(fields: list[str], start: int) -> NoReturn:
    found = len(fields)
    remark = {6: " (seconds are not supported)", 7: " (seconds and years are not supported)"}.get(found, "")
    if not all(_LIKE_CRON.fullmatch(field) for field in fields):
        remark = f"; `{shown(' '.join(fields[5:]))}` is no part of it" if found > 5 else ""
    raise CronError(
        "CRON001",
        f"5 fields expected, {found} found{remark}",
        column=start,
        hint="Write minute, hour, day of month, month, weekday: `0 2 * * *` is 02:00 each day.",
    )


# Expressions are many, the fields they are made of few: so croniter is asked a few hundred times at most.
@lru_cache(maxsize=4096)
def _read_field(index: int, field: str) -> tuple[int, ...]:
    spec = _FIELDS[index]
    parts = []
    column = 0
    for item in field.split(","):
        parts.append(_read_item(spec, field, item, column))
        column += len(item) + 1
    return _expand_parts(index, ",".join(parts))


def _read_item(spec: _Field, field: str, item: str, column: int) -> str:
    """Return ``item`` in plain numbers: ``*/2`` as ``0-59/2``."""
    _refuse_foreign(item, column)
    match = _ITEM.fullmatch(item)
    if match is None:
        _cannot_read(spec, field, column)
    if match["star"]:
        first, last = spec.low, spec.high
    else:
        first = _read_value(spec, field, match["first"], column)
        last = _read_value(spec, field, match["last"], column) if match["last"] else first
        if match["step"] and not match["last"]:
            last = spec.high  # 5/15 is 5-59/15
    if last < first:
        message = f"range `{shown(item)}` in the {spec.name} field runs backwards"
        raise CronError("CRON006", message, column=column, hint=f"Write {_unwrapped(spec, first, last)}.")
    step = _read_step(spec, match["step"], column)
    return f"{first}-{last}/{step}" if first + step <= last else str(first)


def _unwrapped(spec: _Field, first: int, last: int) -> str:
    if spec.name == "weekday" and last == 0:
        return f"{first}-7"
    tail, head = (str(a) if a == b else f"{a}-{b}" for a, b in ((first, spec.low + spec.size - 1), (spec.low, last)))
    return f"{tail},{head}"


def _read_value(spec: _Field, field: str, word: str, column: int) -> int:
    if word in spec.names:
        return spec.names.index(word) + spec.low
    value = int(word) if word.isdigit() else -1
    if spec.low <= value <= spec.high:
        return value
    if spec.name == "month" or (spec.names and value < 0):
        span = f"{spec.low}-{spec.high} or {spec.names[0]}-{spec.names[-1]}"
        raise CronError("CRON004", f"unknown {spec.name} `{shown(word)}`; use {span}", column=column)
    if value < 0:
        _cannot_read(spec, field, column)
    remark = "; midnight is 0" if (spec.name, value) == ("hour", 24) else ""
    if spec.name == "weekday":
        remark = " (0 and 7 are Sunday)"
    raise CronError("CRON004", f"{spec.name} {value} is outside {spec.low}-{spec.high}{remark}", column=column)


def _read_step(spec: _Field, text: str | None, column: int) -> int:
    step = 1 if text is None else int(text)
    if step == 0:
        raise CronError("CRON005", "step 0 never advances", column=column)
    if step > spec.size:
        raise CronError("CRON005", f"step {step} is larger than the {spec.name} field", column=column)
    return step


def _cannot_read(spec: _Field, field: str, column: int) -> NoReturn:
    raise CronError(
        "CRON003",
        f"cannot read `{shown(field)}` in the {spec.name} field",
        column=column,
        hint="A field is *, a number, a range 1-5, a list 1,3,5 or a step */15.",
    )


def _refuse_foreign(item: str, column: int) -> None:
    match = _FOREIGN_ITEM.fullmatch(item)
    if match:
        sign = match["sign"] or match["letter"] or match["last"] or match["suffix"]
        message = f"`{sign.upper()}` is not part of five-field cron"
        raise CronError("CRON002", message, column=column, hint=_FOREIGN[sign])


def _expand_parts(index: int, parts: str) -> tuple[int, ...]:
    """Return the values of ``parts``, plain numbers, ranges and steps, in field ``index``."""
    spec = _FIELDS[index]
    expression = ["*"] * 5
    expression[index] = parts
    values = _croniter().expand(" ".join(expression))[0][index]
    if values == ["*"]:
        return tuple(range(spec.low, spec.low + spec.size))
    return tuple(sorted({int(value) for value in values}))


@lru_cache(maxsize=1)
def _croniter() -> Any:
    """Return croniter's class; late, because the import takes 30 ms and many commands meet no cron.

    While it is imported croniter 7 asks ``platform.architecture``, which runs the program `file`: checking definitions
    starts no process, so the answer is given to it.
    """
    asked = platform.architecture
    platform.architecture = lambda *_: (f"{struct.calcsize('P') * 8}bit", "")
    try:
        from croniter import croniter  # noqa: PLC0415
    finally:
        platform.architecture = asked
    return croniter
