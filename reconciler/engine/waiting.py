"""Runs that wait for a task of theirs to start."""

import heapq
import itertools
from collections import deque

from reconciler.engine.run import RunState


class WaitingRuns:
    """Those that hold a slot go on at once; the others by priority, then as they came. ``slots``: how many are free."""

    def __init__(self) -> None:
        self._going_on: deque[RunState] = deque()
        self._queue: list[tuple[int, int, RunState]] = []
        self._numbers = itertools.count()

    def add(self, run: RunState) -> None:
        run.is_waiting = True
        if run.has_slot:
            self._going_on.append(run)
        else:
            heapq.heappush(self._queue, (-run.order.priority, next(self._numbers), run))

    def has_next(self, slots: int) -> bool:
        return bool(self._going_on or (self._queue and slots > 0))

    def take(self, slots: int) -> RunState | None:
        """Return the next, which no longer waits; None where nobody may start. It may have ended while it waited."""
        if not self.has_next(slots):
            return None
        run = self._going_on.popleft() if self._going_on else heapq.heappop(self._queue)[2]
        run.is_waiting = False
        return run
