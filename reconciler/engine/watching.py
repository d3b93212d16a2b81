"""Sees the end of processes that are not our children, because an earlier supervisor started them."""

import contextlib
import os
from collections.abc import Callable

from reconciler.engine.eventloop import EventLoop
from reconciler.engine.guardian import Exits, GuardianLink
from reconciler.engine.live import LiveTask
from reconciler.engine.processes import exit_status_of, facts_of, is_process

_POLL_SECONDS = 0.1
_PATIENCE_SECONDS = 2.0
"""For what must come, unless it went down with somebody."""

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
        self._guardians: list[LiveTask] = []
        if guardian.channel is not None:
            self._channel_fd = guardian.channel.fileno()
            loop.on_readable(self._channel_fd, self._listen)

    def watch(self, live: LiveTask, exits: Exits, *, is_same_guardian: bool) -> None:
        """See to the end of ``live``, of which the guardian may have told already, in ``exits``.

        ``is_same_guardian``: that of the supervisor that has started it.
        """
        for (pid, started), status in exits.items():
            if pid == live.pid and live.birth.fits(started):
                self._exited(live, status)
                return
        facts = facts_of(live.pid)
        is_there = facts is not None and live.birth.fits(facts.started)
        has_guardian = is_same_guardian and self._guardian.channel is not None
        if not has_guardian or (is_there and facts is not None and facts.parent != self._guardian.guardian_pid):
            self._watch_alone(live)
            return
        self._guardians.append(live)
        if not is_there:
            # The guardian has taken it and is about to tell, unless the earlier supervisor took it before it died.
            self._loop.call_at(self._loop.now + _PATIENCE_SECONDS, lambda: self._give_up(live))

    def _listen(self) -> None:
        while (message := self._guardian.receive()) is not None:
            pid, started, status = message
            live = next((each for each in self._guardians if each.pid == pid and each.birth.fits(started)), None)
            if live is not None:
                self._guardians.remove(live)
                self._exited(live, status)
        if self._guardian.channel is None:
            self._loop.forget(self._channel_fd)
            orphans, self._guardians = self._guardians, []
            for live in orphans:
                self._watch_alone(live)

    def _give_up(self, live: LiveTask) -> None:
        if live in self._guardians:
            self._guardians.remove(live)
            self._exited(live, None)

    def _watch_alone(self, live: LiveTask) -> None:
        with contextlib.suppress(OSError, AttributeError):
            pidfd = os.pidfd_open(live.pid)
            if is_process(live.pid, live.birth):
                self._loop.on_readable(pidfd, lambda: self._ended(live, pidfd))
                return
            os.close(pidfd)
        self._poll(live)

    def _ended(self, live: LiveTask, pidfd: int) -> None:
        self._loop.forget(pidfd)
        self._ask(live, pidfd, self._loop.now + _PATIENCE_SECONDS)

    def _ask(self, live: LiveTask, pidfd: int, give_up_at: float) -> None:
        # The kernel tells the status only once the parent has taken it, and that parent may take its time.
        status = exit_status_of(pidfd)
        if status is None and is_process(live.pid, live.birth) and self._loop.now < give_up_at:
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
