"""The limits of an account: rolling windows per account and per operation, the slow-down, the refusal and the block."""

from collections import deque
from collections.abc import Callable
from datetime import datetime, timedelta

JOB = "device-job-create"


class Window:
    def __init__(self, limit: int, seconds: float = 60) -> None:
        self.limit = limit
        self.most = 0
        self._length = timedelta(seconds=seconds)
        self._times: deque[datetime] = deque()

    def count(self, now: datetime) -> int:
        while self._times and self._times[0] <= now - self._length:
            self._times.popleft()
        return len(self._times)

    def take(self, now: datetime) -> bool:
        if self.count(now) >= self.limit:
            return False
        self._times.append(now)
        self.most = max(self.most, len(self._times))
        return True


class Rates:
    """``refused`` counts requests over a limit; ``blocks_after`` of them in a row the address is blocked."""

    def __init__(self, clock: Callable[[], datetime], *, reads: int = 600, writes: int = 600, jobs: int = 100) -> None:
        self._clock = clock
        self.window_seconds = 60
        self.reads = Window(reads)
        self.writes = Window(writes)
        self.operations = {JOB: Window(jobs), "account-variable-create": Window(100), "alert-resolve": Window(100)}
        self.refused = 0
        self.blocked_until: datetime | None = None
        self.blocks_after = 5
        self.retry_after: str | None = None

    def admit(self, *, operation: str | None) -> bool:
        now = self._clock()
        if operation is None:
            is_admitted = self.reads.take(now)
        else:
            window = self.operations.setdefault(operation, Window(100))
            is_admitted = window.count(now) < window.limit and self.writes.take(now) and window.take(now)
        if not is_admitted:
            self.refused += 1
            if self.refused >= self.blocks_after:
                self.blocked_until = now + timedelta(minutes=5)
        else:
            self.refused = 0
        return is_admitted

    @property
    def is_blocked(self) -> bool:
        return self.blocked_until is not None and self._clock() < self.blocked_until

    def is_slow(self) -> bool:
        """From nine tenths of a limit on each answer comes a second later."""
        now = self._clock()
        return self.reads.count(now) >= 0.9 * self.reads.limit or self.writes.count(now) >= 0.9 * self.writes.limit

    def document(self) -> dict[str, object]:
        now = self._clock()
        return {
            "slidingTimeWindowSizeSeconds": self.window_seconds,
            "accountUid": "acc-1",
            "accountCount": self.reads.count(now),
            "accountRateLimit": self.reads.limit,
            "accountCutOffRatio": 0.9,
            "accountWriteCount": self.writes.count(now),
            "accountWriteRateLimit": self.writes.limit,
            "operationWriteStatus": {
                name: {"limit": window.limit, "count": window.count(now)} for name, window in self.operations.items()
            },
        }
