"""Gives the pipes of what lasts into the guardian's care, so that they outlive this supervisor."""

from collections import deque

from reconciler.engine.eventloop import EventLoop
from reconciler.engine.guardian import GuardianLink
from reconciler.engine.live import LiveTask
from reconciler.engine.run import RunState

_KEEP_AFTER_SECONDS = 0.01


class Custody:
    def __init__(self, loop: EventLoop, guardian: GuardianLink) -> None:
        self._loop = loop
        self._guardian = guardian
        self._young: deque[tuple[float, RunState, LiveTask]] = deque()

    def keep_later(self, run: RunState, live: LiveTask) -> None:
        """Give it into care if it lasts; what ends at once is not worth the trouble."""
        at = live.started_mono + _KEEP_AFTER_SECONDS
        if not self._young:
            self._loop.call_at(at, self._keep_young)
        self._young.append((at, run, live))

    def keep(self, run: RunState, live: LiveTask) -> None:
        has_pipes = all(stream.fd >= 0 for stream in live.streams)
        if run.live is live and has_pipes and not live.has_exited and not live.is_kept:
            live.is_kept = self._guardian.keep(run.uid, live.index, (live.streams[0].fd, live.streams[1].fd))

    def _keep_young(self) -> None:
        while self._young and self._young[0][0] <= self._loop.now:
            _, run, live = self._young.popleft()
            self.keep(run, live)
        if self._young:
            self._loop.call_at(self._young[0][0], self._keep_young)
