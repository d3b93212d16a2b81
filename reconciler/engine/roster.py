"""The runs that a supervisor knows, and the steps that any of them takes: to a live task, off it, to its outcome."""

import signal
import sys
import time
from collections.abc import Callable
from typing import Any

from reconciler.engine.ending import signal_all
from reconciler.engine.family import Family
from reconciler.engine.limits import LimitWatch
from reconciler.engine.live import LiveTask, unstarted_result
from reconciler.engine.run import RunState
from reconciler.engine.spawning import Preparation, write_marks
from reconciler.engine.streams import OutputStream
from reconciler.engine.surroundings import Surroundings
from reconciler.engine.waiting import WaitingRuns


class Roster:
    """``changed`` is called with each run that a client may see changed, ``task_over`` with one whose task has ended.

    ``runs`` are those not forgotten, by uid, in the order in which they were accepted; ``live`` those with a live
    task, by its key; ``starting`` what is being started, by uid; ``ended`` those whose outcome is still to be told.
    """

    def __init__(
        self, around: Surroundings, *, changed: Callable[[RunState], None], task_over: Callable[[RunState], None]
    ) -> None:
        self.around = around
        self.runs: dict[str, RunState] = {}
        self.live: dict[int, RunState] = {}
        self.starting: dict[str, Preparation] = {}
        self.ended: list[RunState] = []
        self.waiting = WaitingRuns()
        self.family = Family(
            lambda: [run.live for run in self.live.values() if run.live],
            guardian_pid=around.guardian.guardian_pid,
            earliest_start=lambda: next((made.earliest for made in self.starting.values()), None),
        )
        self._limits = LimitWatch(around.loop, self.family, self._over_limit)
        self._changed = changed
        self._task_over = task_over
        self._to_look_at: dict[str, RunState] = {}
        self._versions = 0

    # -- what changes

    def bump(self, run: RunState) -> None:
        """Tell that clients may see ``run`` changed."""
        self._versions += 1
        run.version = self._versions
        self._changed(run)

    def look(self, run: RunState) -> None:
        """Have the next step of ``run`` taken in this turn."""
        self._to_look_at[run.uid] = run

    def take_looks(self) -> list[RunState]:
        """Return the runs whose next step is to be taken, once."""
        looks, self._to_look_at = self._to_look_at, {}
        return list(looks.values())

    @property
    def has_looks(self) -> bool:
        return bool(self._to_look_at)

    def guarded(self, run: RunState, step: Callable[[RunState], object]) -> None:
        try:
            step(run)
        except Exception:
            # One run's trouble, also our own mistake, must not take the others down: it ends as our error.
            sys.excepthook(*sys.exc_info())
            sys.stderr.flush()
            run.cause = "internal_error"
            if run.live is not None:
                signal_all(self.family, run.live, signal.SIGKILL)
                self.release(run, run.live)
            if run.ended_at is None:
                self.end(run)

    # -- a task's life

    def take_live(self, run: RunState, live: LiveTask) -> None:
        self.waiting.take_slot(run)
        run.live = live
        run.status = "running"
        limits = [] if run.deadline is None else [run.deadline]
        if live.task.timeout_seconds is not None:
            limits.append(live.started_mono + live.task.timeout_seconds)
        live.deadline = min(limits, default=None)
        # A pid of before may be that of another task by now, so what was adopted goes by a number of its own.
        live.key = live.pid if live.is_ours else min([0, *self.live]) - 1
        self.live[live.key] = run
        self._limits.watch(run, live)

    def read(self, run: RunState, stream: OutputStream) -> None:
        fd = stream.fd
        self.guarded(run, lambda _: stream.read())
        if stream.fd < 0:
            self.around.loop.forget(fd)
            if run.live is not None and run.live.has_exited:
                self.look(run)

    def program_ended(self, run: RunState, live: LiveTask, status: int | None) -> None:
        """Write down how a task's program ended; None where nobody knows."""
        live.exited(status, now=time.monotonic())
        if status is not None:
            write_marks(self.around, run, {"kind": "exit", "uid": run.uid, "task": run.index, "status": status})
        self.look(run)

    def _over_limit(self, run: RunState, excess: str) -> None:
        if run.live is not None and not run.live.has_exited:
            run.live.excess = excess
            run.live.stop("limit", now=self.around.loop.now, grace=0)
            self.look(run)

    def release(self, run: RunState, live: LiveTask) -> None:
        """Let go of a task's pipes and of its process."""
        for stream in live.streams:
            if stream.fd >= 0:
                self.around.loop.forget(stream.fd)
                stream.close()
        if live.timer is not None:
            live.timer.cancel()
        if live.is_kept:
            self.around.guardian.release(run.uid, live.index)
        self.live.pop(live.key, None)
        self._task_over(run)
        run.live = None

    # -- on to the next task, or the end

    def cannot_start(self, run: RunState, meaning: str) -> None:
        self.task_ended(run, unstarted_result(run.order.tasks[run.index], status="failed", meaning=meaning))

    def task_ended(self, run: RunState, result: dict[str, Any]) -> None:
        task = run.order.tasks[run.index]
        run.results.append(result)
        run.index += 1
        has_failed = result["status"] != "completed" and not task.continue_on_failure
        if has_failed or result["status"] == "lost" or run.cause or run.index >= len(run.order.tasks):
            self.end(run)
        elif not run.is_whole:
            self.task_ended(run, unstarted_result(run.order.tasks[run.index], status="lost"))
        else:
            write_marks(self.around, run, {"kind": "task", "uid": run.uid, "result": result})
            self.waiting.add(run)
            self.bump(run)

    def end(self, run: RunState) -> None:
        run.results += [unstarted_result(task, status="skipped") for task in run.order.tasks[len(run.results) :]]
        run.index = len(run.order.tasks)
        run.status, run.reason = run.judge()
        run.ended_at = self.around.now()
        self.waiting.free_slot(run)
        if run.spool is not None:
            run.spool.close()
        run.marks[1:] = run.owed_marks()
        write_marks(self.around, run, run.end_mark())
        self.ended.append(run)

    def take_ended(self) -> list[RunState]:
        """Return the runs whose outcome is still to be told, once."""
        ended, self.ended = self.ended, []
        return ended

    def settle(self, runs: list[RunState]) -> None:
        """Tell the outcomes, which are durable."""
        for run in runs:
            run.is_settled = True
            self.bump(run)
