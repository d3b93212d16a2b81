"""A small loop: what to do when a file is ready, and when a moment of the monotonic clock has come."""

import heapq
import itertools
import selectors
import time
from collections.abc import Callable


class Timer:
    __slots__ = ("action",)

    def __init__(self, action: Callable[[], None]) -> None:
        self.action: Callable[[], None] | None = action

    def cancel(self) -> None:
        self.action = None


class EventLoop:
    """``now`` is read once per turn, in seconds of the monotonic clock."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._timers: list[tuple[float, int, Timer]] = []
        self._numbers = itertools.count()
        self.now = time.monotonic()

    def on_readable(self, fd: int, action: Callable[[], None]) -> None:
        self._selector.register(fd, selectors.EVENT_READ, (action, None))

    def on_ready(self, fd: int, *, read: Callable[[], None], write: Callable[[], None] | None) -> None:
        """Change what is done for ``fd``; ``write`` None: do not look whether it can be written."""
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if write else 0)
        self._selector.modify(fd, events, (read, write))

    def forget(self, fd: int) -> None:
        self._selector.unregister(fd)

    def call_at(self, at: float, action: Callable[[], None]) -> Timer:
        timer = Timer(action)
        heapq.heappush(self._timers, (at, next(self._numbers), timer))
        return timer

    def turn(self, *, wait: bool = True) -> None:
        """Do what is ready and due; with ``wait``, first wait until something is."""
        for key, events in self._selector.select(self._patience() if wait else 0):
            read, write = key.data
            # An earlier action of this turn may have closed the file, and another may have its number by now.
            if self._selector.get_map().get(key.fd) is not key:
                continue
            if events & selectors.EVENT_READ:
                read()
            elif write is not None:
                write()
        self.now = time.monotonic()
        while self._timers and self._timers[0][0] <= self.now:
            _, _, timer = heapq.heappop(self._timers)
            if timer.action is not None:
                timer.action()

    def _patience(self) -> float | None:
        while self._timers and self._timers[0][2].action is None:
            heapq.heappop(self._timers)
        return max(self._timers[0][0] - time.monotonic(), 0) if self._timers else None

    def close(self) -> None:
        self._selector.close()
