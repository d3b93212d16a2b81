"""Clients that wait for news of runs, and when each is told that there are some."""

from collections.abc import Mapping

from reconciler.engine.eventloop import EventLoop, Timer
from reconciler.engine.run import RunState
from reconciler.engine.server import Connection


class _Waiter:
    def __init__(self, connection: Connection, seen: Mapping[str, int], linger: float, timer: Timer) -> None:
        self.connection = connection
        self.seen = seen
        self.linger = linger
        self.timer = timer
        self.has_news = False


class Waiters:
    """``runs`` are those that can be waited for, by uid.

    Whoever hears of each change of hundreds of runs does nothing else.  So a client may ask to be told some seconds
    after the first (``linger``); when all that it waits for have ended, it is told at once.
    """

    def __init__(self, loop: EventLoop, runs: Mapping[str, RunState]) -> None:
        self._loop = loop
        self._runs = runs
        self._waiters: dict[Connection, _Waiter] = {}
        self._changed: set[str] = set()

    def __bool__(self) -> bool:
        return bool(self._waiters)

    def add(self, connection: Connection, seen: Mapping[str, int], *, seconds: float, linger: float) -> None:
        """Have it told when a run is no longer of the version that it has ``seen``, or when the time is over."""
        timer = self._loop.call_at(self._loop.now + seconds, lambda: self._tell(connection))
        waiter = self._waiters[connection] = _Waiter(connection, seen, linger, timer)
        if any(uid in self._runs and self._runs[uid].version != version for uid, version in seen.items()):
            self._take_news(waiter)

    def changed(self, run: RunState) -> None:
        self._changed.add(run.uid)

    def tell(self) -> None:
        """Tell those whose time has come of what has changed since the last call."""
        changed, self._changed = self._changed, set()
        if changed:
            for waiter in list(self._waiters.values()):
                if not changed.isdisjoint(waiter.seen):
                    self._take_news(waiter)

    def closed(self, connection: Connection) -> None:
        waiter = self._waiters.pop(connection, None)
        if waiter is not None:
            waiter.timer.cancel()

    def _take_news(self, waiter: _Waiter) -> None:
        is_over = all(uid not in self._runs or self._runs[uid].is_settled for uid in waiter.seen)
        if is_over or waiter.linger <= 0:
            waiter.has_news = True
            self._tell(waiter.connection)
        elif not waiter.has_news:
            waiter.has_news = True
            waiter.timer.cancel()
            waiter.timer = self._loop.call_at(self._loop.now + waiter.linger, lambda: self._tell(waiter.connection))

    def _tell(self, connection: Connection) -> None:
        waiter = self._waiters.pop(connection, None)
        if waiter is not None:
            waiter.timer.cancel()
            connection.reply({"changed": waiter.has_news})
