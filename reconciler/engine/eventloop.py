"""A small loop: what to do when a file is ready, and when a moment of the monotonic clock has come."""

import heapq
import itertools
import select
import time
from collections.abc import Callable
from typing import NamedTuple

Action = Callable[[], None]
_READ, _WRITE = select.POLLIN, select.POLLOUT


class Timer:
    __slots__ = ("action", "cancelled")

    def __init__(self, action: Action, cancelled: Action) -> None:
        self.action: Action | None = action
        self.cancelled = cancelled

    def cancel(self) -> None:
        if self.action is not None:
            self.action = None
            self.cancelled()


class _Watched(NamedTuple):
    read: Action
    write: Action | None


class EventLoop:
    """``now`` is read once per turn, in seconds of the monotonic clock."""

    def __init__(self) -> None:
        # poll, not epoll: most files come and go within a turn or two, and here that costs no system call.
        self._poll = select.poll()
        self._watched: dict[int, _Watched] = {}
        self._timers: list[tuple[float, int, Timer]] = []
        self._numbers = itertools.count()
        self._cancelled = 0
        self.now = time.monotonic()

    def on_readable(self, fd: int, action: Action) -> None:
        self.on_ready(fd, read=action, write=None)

    def on_ready(self, fd: int, *, read: Action, write: Action | None) -> None:
        """Say what is done for ``fd``; ``write`` None: do not look whether it can be written."""
        self._watched[fd] = _Watched(read, write)
        self._poll.register(fd, _READ | (_WRITE if write else 0))

    def forget(self, fd: int) -> None:
        del self._watched[fd]
        self._poll.unregister(fd)

    def call_at(self, at: float, action: Action) -> Timer:
        timer = Timer(action, self._count_cancelled)
        heapq.heappush(self._timers, (at, next(self._numbers), timer))
        return timer

    def turn(self, *, wait: bool = True) -> None:
        """Do what is due and ready; with ``wait``, first wait until something is."""
        ready = [(fd, events, self._watched[fd]) for fd, events in self._poll.poll(self._patience() if wait else 0)]
        self.now = time.monotonic()
        while self._timers and self._timers[0][0] <= self.now:
            _, _, timer = heapq.heappop(self._timers)
            if timer.action is None:
                self._cancelled -= 1
            else:
                action, timer.action = timer.action, None
                action()
        for fd, events, watched in ready:
            # An earlier action of this turn may have closed the file, and another may have its number by now.
            if self._watched.get(fd) is watched:
                if events & ~_WRITE:
                    watched.read()
                elif watched.write is not None:
                    watched.write()

    def _count_cancelled(self) -> None:
        """Time-outs of hours are cancelled after seconds: keep them from piling up until they would be due."""
        self._cancelled += 1
        if self._cancelled > 1000 and 2 * self._cancelled > len(self._timers):
            self._timers = [entry for entry in self._timers if entry[2].action is not None]
            heapq.heapify(self._timers)
            self._cancelled = 0

    def _patience(self) -> float | None:
        """Return the milliseconds until the next timer."""
        while self._timers and self._timers[0][2].action is None:
            heapq.heappop(self._timers)
            self._cancelled -= 1
        # Rounded up: poll counts whole milliseconds, and a turn too early would be a turn for nothing.
        return max(-((time.monotonic() - self._timers[0][0]) * 1000 // 1), 0) if self._timers else None
