"""Whose process is it?  Finds everything that a task has started, also what broke away from it."""

import os
from collections.abc import Callable, Collection

from reconciler.engine.live import LiveTask
from reconciler.engine.processes import (
    ProcessFacts,
    all_processes,
    children_of,
    descendants_of,
    facts_of,
    variable_of,
)
from reconciler.engine.work import OUTPUT_VARIABLE


class Family:
    """Orphans of any task become children of this process (it is a subreaper), so that each is found.

    An orphan's owner is known by its session, else by RECONCILER_OUTPUT in its environment, else by elimination: it
    belongs to a task that was running when it was first seen, and is counted to the last of those that still runs.

    ``earliest_start`` gives the clock tick before which no start under way was begun, or None: a child that is younger
    may be a program whose pid we have not been told yet, and is left alone.
    """

    def __init__(
        self,
        live_tasks: Callable[[], Collection[LiveTask]],
        *,
        guardian_pid: int,
        earliest_start: Callable[[], int | None],
    ) -> None:
        self._live_tasks = live_tasks
        self._own_pid = os.getpid()
        self._guardian_pid = guardian_pid
        self._earliest_start = earliest_start
        self._suspects: dict[tuple[int, int], set[int]] = {}
        self._owners: dict[int, LiveTask | None] | None = None

    def new_turn(self) -> None:
        """Forget what was seen: a turn looks once."""
        self._owners = None

    def look(self) -> None:
        """Look for orphans in this turn, though no task has ended."""
        self._seen()

    def survivors(self, live: LiveTask) -> set[int]:
        """Return the living processes that ``live`` has started, but for its program itself."""
        owned = [pid for pid, owner in self._seen().items() if owner is live]
        if not live.has_exited:
            owned += children_of(live.pid)
        if not live.is_ours:
            owned += self._search(live)
        return {pid for pid in descendants_of(owned) if _is_alive(pid)} if owned else set()

    def strays(self) -> tuple[set[int], bool]:
        """Return orphans of no running task, and whether there are some that we cannot tell yet.

        Nothing where this turn had no reason to look for orphans.
        """
        unowned = [pid for pid, owner in (self._owners or {}).items() if owner is None]
        decided = {pid for pid in unowned if any(pid == known and not s for (known, _), s in self._suspects.items())}
        return decided, len(decided) < len(unowned)

    def _seen(self) -> dict[int, LiveTask | None]:
        """Return the living orphans with their owners, None where there is none or we cannot tell."""
        if self._owners is None:
            lives = self._live_tasks()
            others = {live.pid for live in lives if not live.has_exited} | {self._own_pid}
            children = children_of(self._own_pid)
            # What an earlier supervisor left behind became the guardian's.
            if self._guardian_pid and not all(live.is_ours for live in lives):
                children += children_of(self._guardian_pid)
            orphans = [facts for pid in children if pid not in others and (facts := facts_of(pid)) is not None]
            orphans = [facts for facts in orphans if not facts.is_dead]
            known = {(facts.pid, facts.started) for facts in orphans}
            self._suspects = {key: suspects for key, suspects in self._suspects.items() if key in known}
            self._owners = {facts.pid: self._owner(facts, lives) for facts in orphans}
        return self._owners

    def _owner(self, orphan: ProcessFacts, lives: Collection[LiveTask]) -> LiveTask | None:
        by_pid = {live.pid: live for live in lives}
        if orphan.session in by_pid:
            return by_pid[orphan.session]
        output_path = variable_of(orphan.pid, OUTPUT_VARIABLE)
        for live in lives:
            if live.output_path == output_path:
                return live
        earliest = self._earliest_start()
        if earliest is not None and orphan.started >= earliest:
            return None
        present = {pid for pid, live in by_pid.items() if live.birth.earliest <= orphan.started}
        suspects = self._suspects.setdefault((orphan.pid, orphan.started), present)
        suspects &= present
        return by_pid[next(iter(suspects))] if len(suspects) == 1 else None

    def _search(self, live: LiveTask) -> list[int]:
        """Look at all processes: where guardian and supervisor have died, a task's orphans are nobody's children."""
        return [
            facts.pid
            for facts in all_processes()
            if facts.pid != live.pid
            and facts.started >= live.birth.earliest
            and (facts.session == live.pid or variable_of(facts.pid, OUTPUT_VARIABLE) == live.output_path)
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
