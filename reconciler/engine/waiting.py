"""Runs that wait for a task of theirs to start, and the slots that there are for them."""

import heapq
import itertools
from collections import deque

from reconciler.engine.run import RunState
from reconciler.engine.work import MACHINE_RUNS


class WaitingRuns:
    """Those that hold a slot go on at once; the others by priority, then as they came, as slots are free."""

    def __init__(self) -> None:
        self._going_on: deque[RunState] = deque()
        self._queue: list[tuple[int, int, RunState]] = []
        self._numbers = itertools.count()
        self._slots = self._machine_runs = MACHINE_RUNS

    def limit(self, machine_runs: int) -> None:
        """Have no more than that many slots from now on, those held included."""
        self._slots += machine_runs - self._machine_runs
        self._machine_runs = machine_runs

    def take_slot(self, run: RunState) -> None:
        """Give ``run`` a slot if it has none, also where none is free."""
        if not run.has_slot:
            run.has_slot = True
            self._slots -= 1

    def free_slot(self, run: RunState) -> None:
        if run.has_slot:
            run.has_slot = False
            self._slots += 1

    def add(self, run: RunState) -> None:
        run.is_waiting = True
        if run.has_slot:
            self._going_on.append(run)
        else:
            heapq.heappush(self._queue, (-run.order.priority, next(self._numbers), run))

    @property
    def has_next(self) -> bool:
        return bool(self._going_on or (self._queue and self._slots > 0))

    def take(self) -> RunState | None:
        """Return the next, which no longer waits; None where nobody may start. It may have ended while it waited."""
        if not self.has_next:
            return None
        run = self._going_on.popleft() if self._going_on else heapq.heappop(self._queue)[2]
        run.is_waiting = False
        return run
