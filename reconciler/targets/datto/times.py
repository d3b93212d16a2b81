"""Times as the service writes them: milliseconds, seconds with a fraction, ISO text, and one number for never."""

from datetime import UTC, datetime
from typing import Any

_NEVER = -62_135_596_800_000
_MILLISECONDS_FROM = 1e10


def read_time(value: Any) -> datetime | None:
    """Return the instant, or None where there is none, or nothing that we can read."""
    if isinstance(value, bool) or value is None or value == _NEVER:
        return None
    try:
        if isinstance(value, str):
            text = value.strip()
            if text.lstrip("-").replace(".", "", 1).isdigit():
                return read_time(float(text))
            at = datetime.fromisoformat(text)
            return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
        seconds = float(value) / (1000 if abs(value) > _MILLISECONDS_FROM else 1)
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, TypeError, OverflowError, OSError):
        return None
