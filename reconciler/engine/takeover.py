"""Goes on with the runs of an earlier supervisor: sees to its end what runs, starts what never was."""

import os
import time
from functools import partial

from reconciler.engine.custody import Custody
from reconciler.engine.guardian import Legacy
from reconciler.engine.live import LiveTask, unstarted_result
from reconciler.engine.processes import wait_for_embryos
from reconciler.engine.recall import OpenMarks, Recalled, open_marks
from reconciler.engine.roster import Roster
from reconciler.engine.run import RunState
from reconciler.engine.spawning import adopt_task
from reconciler.engine.watching import AdoptedWatch

_EMBRYO_SECONDS = 2.0


class Takeover:
    def __init__(self, roster: Roster, custody: Custody, recalled: Recalled, legacy: Legacy) -> None:
        self._roster = roster
        self._custody = custody
        self._recalled = recalled
        self._legacy = legacy
        self._watch = AdoptedWatch(roster.around.loop, roster.around.guardian, self._exited)

    def take_runs(self) -> None:
        """Take all of them, and let go of what the guardian keeps for nobody."""
        runs = self._recalled.runs
        self._roster.runs.update(runs)
        for run in runs.values():
            self._roster.waiting.limit(run.order.machine_runs)
        open_starts = (open_marks(run) for run in runs.values() if run.ended_at is None)
        if self._recalled.is_same_boot and any(marks.start and not marks.spawn for marks in open_starts):
            wait_for_embryos(patience_seconds=_EMBRYO_SECONDS)
        unclaimed = dict(self._legacy.pipes)
        for run in runs.values():
            kept = unclaimed.pop((run.uid, run.index), None)
            self._roster.guarded(run, partial(self._take_run, kept=kept))
            self._roster.bump(run)
        for uid, index in unclaimed:
            self._roster.around.guardian.release(uid, index)
        for fd in (*(fd for pair in unclaimed.values() for fd in pair), *self._legacy.found.values()):
            os.close(fd)

    def _take_run(self, run: RunState, *, kept: tuple[int, int] | None) -> None:
        marks = open_marks(run)
        if run.ended_at is not None:
            self._roster.ended.append(run)
        elif marks.start is not None:
            self._adopt(run, marks, kept)
        elif self._recalled.is_same_boot and run.is_whole:
            self._roster.waiting.add(run)
        else:
            self._roster.task_ended(run, unstarted_result(run.order.tasks[run.index], status="lost"))

    def _adopt(self, run: RunState, marks: OpenMarks, kept: tuple[int, int] | None) -> None:
        live = adopt_task(
            self._roster.around,
            run,
            marks,
            kept=kept,
            legacy=self._legacy,
            is_same_boot=self._recalled.is_same_boot,
            read=self._roster.read,
        )
        live.is_kept = kept is not None
        self._roster.take_live(run, live)
        if marks.exit is not None:
            live.exited(marks.exit["status"], now=time.monotonic())
        elif live.pid > 0:
            self._watch.watch(live, self._legacy.exits, is_same_guardian=self._recalled.is_same_guardian)
        else:
            live.exited(None, now=time.monotonic())
        self._custody.keep(run, live)
        if run.cause:
            live.stop(run.cause, now=self._roster.around.loop.now, grace=run.order.grace_seconds)
        self._roster.look(run)

    def _exited(self, live: LiveTask, status: int | None) -> None:
        self._roster.program_ended(self._roster.live[live.key], live, status)
