"""English words for the parts of dates; the host's locale has no say."""

from collections.abc import Sequence
from datetime import date

WEEKDAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip


def join_words(words: Sequence[str], *, last: str = "and") -> str:
    """Return ``a, b and c``."""
    return f"{', '.join(words[:-1])} {last} {words[-1]}" if len(words) > 1 else "".join(words)


def ordinal(number: int) -> str:
    """Return ``1st``, ``2nd``, ``13th`` ..."""
    suffix = "th" if 11 <= number % 100 <= 13 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{suffix}"


def day_words(day: date) -> str:
    """Return ``29 March 2026``."""
    return f"{day.day} {MONTHS[day.month - 1]} {day.year}"


def clock_words(minute_of_day: int) -> str:
    """Return ``HH:MM``."""
    return f"{minute_of_day // 60:02}:{minute_of_day % 60:02}"


def shown(text: str) -> str:
    """Return ``text`` fit for a message: short, on one line, nothing invisible."""
    printable = "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text[:41])
    return printable if len(printable) <= 40 else f"{printable[:37]}..."
