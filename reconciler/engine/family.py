"""Whose process is it?  Finds everything that a task has started, also what broke away from it."""

import os
from collections.abc import Callable, Collection

from reconciler.engine.live import LiveTask
from reconciler.engine.processes import (
    ProcessFacts,
    all_processes,
    carries_marker,
    children_of,
    descendants_of,
    facts_of,
)


class Family:
    """Orphans of any task become children of this process (it is a subreaper), so that each is found.

    An orphan's owner is known by its session, else by RECONCILER_OUTPUT in its environment, else by elimination: it
    belongs to a task that was running when it was first seen, and is counted to the last of those that still runs.
    """

    def __init__(self, live_tasks: Callable[[], Collection[LiveTask]], *, guardian_pid: int) -> None:
        self._live_tasks = live_tasks
        self._own_pid = os.getpid()
        self._guardian_pid = guardian_pid
        self._suspects: dict[tuple[int, int], set[int]] = {}
        self._orphans: list[ProcessFacts] | None = None

    def new_turn(self) -> None:
        """Forget what was seen: a turn looks once."""
        self._orphans = None

    def survivors(self, live: LiveTask) -> set[int]:
        """Return the living processes that ``live`` has started, but for its program itself."""
        owned = [orphan.pid for orphan in self._seen_orphans() if self._owner(orphan) is live]
        if not live.has_exited:
            owned += children_of(live.pid)
        if not live.is_ours:
            owned += self._search(live)
        return {pid for pid in descendants_of(owned) if _is_alive(pid)} if owned else set()

    def unowned(self) -> set[int]:
        """Return living orphans that belong to no running task."""
        return {
            orphan.pid
            for orphan in self._seen_orphans()
            if self._owner(orphan) is None and not self._suspects.get((orphan.pid, orphan.started))
        }

    def _seen_orphans(self) -> list[ProcessFacts]:
        if self._orphans is None:
            lives = self._live_tasks()
            others = {live.pid for live in lives if not live.has_exited} | {self._own_pid}
            children = children_of(self._own_pid)
            # What an earlier supervisor left behind became the guardian's.
            if self._guardian_pid and not all(live.is_ours for live in lives):
                children += children_of(self._guardian_pid)
            found = (facts_of(pid) for pid in children if pid not in others)
            self._orphans = [facts for facts in found if facts is not None and not facts.is_dead]
            if not self._orphans:
                self._suspects.clear()
        return self._orphans

    def _owner(self, orphan: ProcessFacts) -> LiveTask | None:
        lives = self._live_tasks()
        for live in lives:
            if orphan.session == live.pid:
                return live
        for live in lives:
            if carries_marker(orphan.pid, live.marker):
                return live
        present = {live.pid: live for live in lives if live.started <= orphan.started}
        suspects = self._suspects.setdefault((orphan.pid, orphan.started), set(present))
        suspects &= present.keys()
        return present[next(iter(suspects))] if len(suspects) == 1 else None

    def _search(self, live: LiveTask) -> list[int]:
        """Look at all processes: where guardian and supervisor have died, a task's orphans are nobody's children."""
        return [
            facts.pid
            for facts in all_processes()
            if facts.pid != live.pid
            and facts.started >= live.started
            and (facts.session == live.pid or carries_marker(facts.pid, live.marker))
        ]


def _is_alive(pid: int) -> bool:
    facts = facts_of(pid)
    return facts is not None and not facts.is_dead


def name_of(pid: int) -> str:
    """Return a process's name as the system shows it, or a question mark."""
    try:
        with open(f"/proc/{pid}/comm", encoding="utf-8", errors="replace") as file:
            return file.read().strip()
    except OSError:
        return "?"
