"""How many requests may be made: a rolling window as the service counts it, others of the same account included."""

from collections import deque
from datetime import datetime, timedelta


class RateWindow:
    """``limit`` requests in any ``seconds``. A request counts from its answer: the service counted it before that."""

    def __init__(self, limit: int, *, seconds: float = 60) -> None:
        self.limit = limit
        self.seconds = seconds
        self._times: deque[datetime] = deque()
        self._others = 0
        self._others_until: datetime | None = None

    @property
    def _length(self) -> timedelta:
        return timedelta(seconds=self.seconds)

    def free(self, now: datetime) -> int:
        """Return how many requests may be made at once."""
        self._forget(now)
        return max(0, self.limit - len(self._times) - self._others)

    def next_free_at(self, now: datetime) -> datetime:
        """Return from when on at least one may be made."""
        if self.free(now):
            return now
        ends = [self._times[0] + self._length] if self._times else []
        if self._others_until is not None:
            ends.append(self._others_until)
        return min(ends, default=now + self._length)

    def note(self, now: datetime) -> None:
        """Count one request, answered at ``now``."""
        self._times.append(now)

    def own(self, now: datetime) -> int:
        """Return how many of ours are in the window."""
        self._forget(now)
        return len(self._times)

    def sync(self, *, limit: int, count: int, own: int, now: datetime) -> None:
        """Take over what the service says: its limit, and how many it has counted.

        ``own`` of those were ours when it was asked, which may be a while ago.  Those of others leave the window at a
        time that is not known: at the latest a whole window from now.
        """
        self.limit = limit
        self._others = max(0, count - own)
        self._others_until = now + self._length if self._others else None

    def _forget(self, now: datetime) -> None:
        while self._times and self._times[0] + self._length < now:
            self._times.popleft()
        if self._others_until is not None and now >= self._others_until:
            self._others, self._others_until = 0, None
