"""Instants as text, and the ports through which time and ids come in.

Everywhere an instant is an aware UTC ``datetime``; as text it has milliseconds and a Z, so text order is time order.
"""

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]
"""Returns now, an aware UTC datetime."""

NewUid = Callable[[], str]
"""Returns a new UUIDv7 as text: ids of later runs sort after those of earlier ones."""


def utc_now() -> datetime:
    """The one place that reads the wall clock; everything else is handed a ``Clock``."""
    return datetime.now(UTC)


def format_instant(at: datetime) -> str:
    """Return ``2026-03-29T01:00:00.000Z``."""
    if at.tzinfo is not UTC:
        at = at.astimezone(UTC)
    return at.isoformat("T", "milliseconds")[:-6] + "Z"


def parse_instant(text: str) -> datetime:
    """Read an RFC 3339 instant; it must name its offset. Raises ValueError."""
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError(f"{text!r} needs Z or an offset such as +02:00")
    return at.astimezone(UTC)


def ago(at: datetime, now: datetime) -> str:
    """Return how long before or after ``now`` an instant lies: ``3 min ago``, ``in 2 h``."""
    seconds = int((now - at).total_seconds())
    length = _length(abs(seconds))
    return f"{length} ago" if seconds >= 0 else f"in {length}"


def _length(seconds: int) -> str:
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size or (unit == "min" and seconds >= size):
            return f"{seconds // size} {unit}"
    return f"{seconds} s"
