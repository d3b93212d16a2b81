"""Starts what waits, as there is room: each task at most once."""

import time

from reconciler.engine.custody import Custody
from reconciler.engine.outputs import UnknownToken
from reconciler.engine.roster import Roster
from reconciler.engine.run import RunState
from reconciler.engine.spawner import CannotStart, Start
from reconciler.engine.spawning import Preparation, complete_task, mark_spawn, mark_start, prepare_task
from reconciler.engine.tending import arm

_STARTS_PER_TURN = 8


class Starter:
    def __init__(self, roster: Roster, custody: Custody) -> None:
        self._roster = roster
        self._around = roster.around
        self._custody = custody
        self._early_exits: dict[int, tuple[float, int]] = {}

    def start_some(self) -> None:
        started = 0
        while started < _STARTS_PER_TURN and (run := self._roster.waiting.take()) is not None:
            if run.ended_at is None:
                self._roster.guarded(run, self._start_next)
                started += 1

    def note_exit(self, pid: int, status: int) -> None:
        """Remember the end of a process that may turn out to be a task's program."""
        self._early_exits[pid] = (time.monotonic(), status)

    def forget_exits(self) -> None:
        """Forget those ends that no start under way can turn out to be."""
        if self._early_exits:
            oldest = min((made.mono for made in self._roster.starting.values()), default=self._around.loop.now)
            self._early_exits = {pid: ended for pid, ended in self._early_exits.items() if ended[0] >= oldest}

    def _start_next(self, run: RunState) -> None:
        if self._is_too_late(run):
            run.cause = "expired"
            self._roster.end(run)
            return
        self._roster.waiting.take_slot(run)
        if run.deadline is not None and run.deadline <= self._around.loop.now:
            run.cause = run.cause or "timeout"
        if run.cause or run.index >= len(run.order.tasks):
            self._roster.end(run)
            return
        if run.started_at is None:
            run.started_at = self._around.now()
            if run.order.timeout_seconds is not None:
                run.deadline = time.monotonic() + run.order.timeout_seconds
        try:
            made = prepare_task(self._around, run)
        except (CannotStart, UnknownToken) as error:
            self._roster.cannot_start(run, str(error))
        except OSError as error:
            self._roster.cannot_start(run, f"the engine could not make what the task needs: {error.strerror}")
        else:
            self._spawn(run, made)

    def _spawn(self, run: RunState, made: Preparation) -> None:
        self._roster.starting[run.uid] = made
        self._around.spawner.start(
            Start(
                made.program,
                before=lambda: mark_start(self._around, run, made),
                after=lambda pid: mark_spawn(self._around, run, made, pid),
                done=lambda outcome: self._roster.guarded(run, lambda run: self._started(run, made, outcome)),
            )
        )

    def _is_too_late(self, run: RunState) -> bool:
        limit = run.order.start_before
        return run.started_at is None and limit is not None and limit <= self._around.now()

    def _started(self, run: RunState, made: Preparation, outcome: int | CannotStart) -> None:
        del self._roster.starting[run.uid]
        try:
            live = complete_task(self._around, run, made, outcome, self._roster.read)
        except CannotStart as error:
            self._roster.cannot_start(run, str(error))
            return
        self._roster.take_live(run, live)
        self._custody.keep_later(run, live)
        if run.cause:
            live.stop(run.cause, now=self._around.loop.now, grace=run.order.grace_seconds)
            self._roster.look(run)
        arm(self._roster, run, live)
        ended_at, status = self._early_exits.pop(live.pid, (0, 0))
        # What ended before this start was another process of the same number.
        if ended_at >= made.mono:
            self._roster.program_ended(run, live, status)
        self._roster.bump(run)
