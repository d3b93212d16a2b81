"""Ends a task whose processes together use more than its run may: how many they are, and what they have in memory.

What the system can limit for a single process is set before the program is reached (``become.py``); it counts
processes by user, which says nothing about a run.  So we look, twice a second, and only at runs with such limits.
"""

import os
from collections.abc import Callable

from reconciler.engine.eventloop import EventLoop
from reconciler.engine.family import Family
from reconciler.engine.live import LiveTask
from reconciler.engine.run import RunState
from reconciler.engine.wire import IS_LINUX
from reconciler.engine.work import Limits

_LOOK_SECONDS = 0.5
LIMIT_WORDS = "ended: it "
"""How the meaning of a task begins that was ended for what it used."""


class LimitWatch:
    """``over`` is called once with a run that uses too much, and in which words to say so."""

    def __init__(self, loop: EventLoop, family: Family, over: Callable[[RunState, str], None]) -> None:
        self._loop = loop
        self._family = family
        self._over = over
        self._watched: list[tuple[RunState, LiveTask]] = []

    def watch(self, run: RunState, live: LiveTask) -> None:
        limits = run.order.limits
        if IS_LINUX and (limits.memory_bytes is not None or limits.processes is not None):
            if not self._watched:
                self._loop.call_at(self._loop.now + _LOOK_SECONDS, self._look)
            self._watched.append((run, live))

    def _look(self) -> None:
        self._watched = [(run, live) for run, live in self._watched if run.live is live and not live.cause]
        self._family.new_turn()
        for run, live in self._watched:
            if excess := _excess(run.order.limits, {live.pid, *self._family.survivors(live)}):
                self._over(run, excess)
        if self._watched:
            self._loop.call_at(self._loop.now + _LOOK_SECONDS, self._look)


def _excess(limits: Limits, pids: set[int]) -> str:
    if limits.processes is not None and len(pids) > limits.processes:
        return f"{LIMIT_WORDS}had {len(pids)} processes, and may have {limits.processes}"
    if limits.memory_bytes is None:
        return ""
    used = sum(map(_resident_bytes, pids))
    if used <= limits.memory_bytes:
        return ""
    return f"{LIMIT_WORDS}used {used >> 20} MiB of memory, and may use {limits.memory_bytes >> 20}"


def _resident_bytes(pid: int) -> int:
    try:
        with open(f"/proc/{pid}/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError):
        return 0
