"""When a service may be asked again after it failed or asked us to wait: one gate for all requests to it."""

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from reconciler.model.instant import Clock
from reconciler.targets.rest.errors import NotCarriedOut

SHORTEST_REST = timedelta(seconds=1)
FIRST_REST = timedelta(seconds=5)
LONGEST_REST = timedelta(minutes=5)
NO_RETRY_AFTER = timedelta(seconds=60)


class Gate:
    """Closed after failures, longer each time; what is asked meanwhile is turned away without a request."""

    def __init__(self, name: str, *, clock: Clock) -> None:
        self._name = name
        self._clock = clock
        self._why = ""
        self._rest = FIRST_REST
        self._until: datetime | None = None

    @property
    def closed_until(self) -> datetime | None:
        return self._until if self._until is not None and self._clock() < self._until else None

    def check(self) -> None:
        """Raise NotCarriedOut while the gate is closed."""
        if (until := self.closed_until) is not None:
            hint = f"It is asked again at {until:%H:%M:%S} UTC."
            raise NotCarriedOut(f"{self._name}: {self._why}", hint=hint, retry_at=until)

    def passed(self) -> None:
        self._rest, self._until = FIRST_REST, None

    def failed(self, why: str) -> None:
        self.close(self._rest, why)
        self._rest = min(self._rest * 2, LONGEST_REST)

    def close(self, rest: timedelta, why: str) -> None:
        self._until, self._why = self._clock() + rest, why


def retry_after(value: str | None, now: datetime) -> timedelta:
    """Return how long `Retry-After` asks us to wait, in seconds or as a date: capped; a minute where it is none."""
    if value is None:
        return NO_RETRY_AFTER
    text = value.strip()
    if text.isascii() and text.isdigit():
        return min(max(timedelta(seconds=min(int(text[:9]), 86_400)), SHORTEST_REST), LONGEST_REST)
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return NO_RETRY_AFTER
    at = at if at.tzinfo is not None else at.replace(tzinfo=UTC)
    return min(max(at - now, SHORTEST_REST), LONGEST_REST)
