"""Sees the end of processes that are not our children, because an earlier supervisor started them."""

import contextlib
import os
from collections.abc import Callable

from reconciler.engine.eventloop import EventLoop
from reconciler.engine.guardian import GuardianLink
from reconciler.engine.live import LiveTask
from reconciler.engine.processes import exit_status_of, facts_of

_POLL_SECONDS = 0.1
_REAP_PATIENCE_SECONDS = 5.0
Exited = Callable[[LiveTask, int | None], None]


class AdoptedWatch:
    """Calls ``exited`` once for each task given to ``watch``, with the wait status, or None if nobody can tell it.

    The guardian tells of its children.  Of others a pidfd tells the end, and since Linux 6.15 also the status; where
    there is no pidfd we look now and then.
    """

    def __init__(self, loop: EventLoop, guardian: GuardianLink, exited: Exited) -> None:
        self._loop = loop
        self._guardian = guardian
        self._exited = exited
        self._told_by_guardian: dict[int, LiveTask] = {}
        if guardian.channel is not None:
            self._channel_fd = guardian.channel.fileno()
            loop.on_readable(self._channel_fd, self._listen)

    def watch(self, live: LiveTask) -> None:
        facts = facts_of(live.pid)
        if facts is not None and facts.parent == self._guardian.guardian_pid and self._guardian.channel is not None:
            self._told_by_guardian[live.pid] = live
        else:
            self._watch_alone(live)

    def _listen(self) -> None:
        while (message := self._guardian.receive()) is not None:
            pid, started, status = message
            live = self._told_by_guardian.get(pid)
            if live is not None and live.birth.fits(started):
                del self._told_by_guardian[pid]
                self._exited(live, status)
        if self._guardian.channel is None:
            self._loop.forget(self._channel_fd)
            orphans, self._told_by_guardian = self._told_by_guardian, {}
            for live in orphans.values():
                self._watch_alone(live)

    def _watch_alone(self, live: LiveTask) -> None:
        with contextlib.suppress(OSError, AttributeError):
            pidfd = os.pidfd_open(live.pid)
            facts = facts_of(live.pid)
            if facts is None or not live.birth.fits(facts.started):
                os.close(pidfd)
                self._exited(live, None)
                return
            self._loop.on_readable(pidfd, lambda: self._ended(live, pidfd))
            return
        self._poll(live)

    def _ended(self, live: LiveTask, pidfd: int) -> None:
        self._loop.forget(pidfd)
        self._ask(live, pidfd, self._loop.now + _REAP_PATIENCE_SECONDS)

    def _ask(self, live: LiveTask, pidfd: int, give_up_at: float) -> None:
        # The kernel tells the status only once the parent has taken it, and that parent may take its time.
        status = exit_status_of(pidfd)
        if status is None and facts_of(live.pid) is not None and self._loop.now < give_up_at:
            self._loop.call_at(self._loop.now + _POLL_SECONDS, lambda: self._ask(live, pidfd, give_up_at))
            return
        os.close(pidfd)
        self._exited(live, status)

    def _poll(self, live: LiveTask) -> None:
        facts = facts_of(live.pid)
        if facts is None or not live.birth.fits(facts.started) or facts.is_dead:
            self._exited(live, None)
        else:
            self._loop.call_at(self._loop.now + _POLL_SECONDS, lambda: self._poll(live))
