"""Takes orders, runs their tasks one after the other, and says how each ended.

The order of marks is what makes a start happen at most once: ``accept`` is durable before anything is spawned and
before the client is told; ``start`` is written (to the page cache: it survives us, not the machine) before each spawn;
``spawn`` names the process; ``end`` is durable before a client sees the outcome.
"""

import os
import signal
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

from reconciler.engine.ending import drain, note_oddities, signal_all, take_outputs
from reconciler.engine.family import Family
from reconciler.engine.guardian import Legacy
from reconciler.engine.journal import Entry
from reconciler.engine.limits import LimitWatch
from reconciler.engine.live import GIVE_UP_SECONDS, LiveTask, unstarted_result
from reconciler.engine.outputs import UnknownToken
from reconciler.engine.processes import send_signal, wait_for_embryos
from reconciler.engine.recall import OpenMarks, Recalled, open_marks
from reconciler.engine.request import fits_token, hash_token
from reconciler.engine.run import RunState
from reconciler.engine.spawner import CannotStart, Start
from reconciler.engine.spawning import (
    Preparation,
    adopt_task,
    complete_task,
    mark_spawn,
    mark_start,
    prepare_task,
    write_marks,
)
from reconciler.engine.spool import remove_files
from reconciler.engine.streams import OutputStream
from reconciler.engine.surroundings import Surroundings
from reconciler.engine.waiting import WaitingRuns
from reconciler.engine.watching import AdoptedWatch
from reconciler.engine.work import MACHINE_RUNS, read_order, without_secrets

_STARTS_PER_TURN = 8
_KEEP_AFTER_SECONDS = 0.01
_LOOK_AGAIN_SECONDS = 0.1
_EMBRYO_SECONDS = 2.0


class Runner:
    """``changed`` is called with each run that a client may see changed, ``task_over`` with one whose task has ended.

    ``runs`` are those not forgotten, by uid, in the order in which they were accepted.
    """

    def __init__(
        self, around: Surroundings, *, changed: Callable[[RunState], None], task_over: Callable[[RunState], None]
    ) -> None:
        self._around = around
        self._loop = around.loop
        self._journal = around.journal
        self._spawner = around.spawner
        self._changed = changed
        self._task_over = task_over
        self.runs: dict[str, RunState] = {}
        self._live: dict[int, RunState] = {}
        self._family = Family(
            lambda: [run.live for run in self._live.values() if run.live],
            guardian_pid=around.guardian.guardian_pid,
            earliest_start=lambda: next((made.earliest for made in self._starting.values()), None),
        )
        self._limits = LimitWatch(around.loop, self._family, self._over_limit)
        self._watch = AdoptedWatch(around.loop, around.guardian, self._adopted_exited)
        self._waiting = WaitingRuns()
        self._to_look_at: dict[str, RunState] = {}
        self._young: deque[tuple[float, RunState, LiveTask]] = deque()
        self._settling: list[RunState] = []
        self._versions = 0
        self._slots = self._machine_runs = MACHINE_RUNS
        self._starting: dict[str, Preparation] = {}
        self._early_exits: dict[int, tuple[float, int]] = {}
        self._is_look_planned = False

    # -- what clients ask

    def accept(
        self, orders: Sequence[dict[str, Any]], on_durable: Callable[[], None], on_failure: Callable[[], None]
    ) -> None:
        """Take the orders, whose uids must be new, and start them once that is durable.

        Raises TypeError or KeyError, and takes none, where one is no order.
        """
        fresh = [RunState(read_order(plain)) for plain in orders]
        at = self._around.now()
        for run, plain in zip(fresh, orders, strict=True):
            self.runs[run.uid] = run
            run.token_hash = hash_token(run.order.token)
            mark: Entry = {"kind": "accept", "uid": run.uid, "at": at, "masked": bool(run.order.masks)}
            run.marks.append(mark | {"token": run.token_hash, "order": without_secrets(plain)})
            self._bump(run)
        self._journal.write([run.marks[0] for run in fresh])
        self._limit_to_latest(fresh)

        def begin() -> None:
            for run in fresh:
                self._waiting.add(run)
                if run.cause:
                    self._look(run)
            on_durable()

        def refuse() -> None:
            for run in fresh:
                self.runs.pop(run.uid, None)
            on_failure()

        self._journal.sync(begin, on_failure=refuse)

    def _limit_to_latest(self, runs: Sequence[RunState]) -> None:
        if runs:
            wanted = runs[-1].order.machine_runs
            self._slots += wanted - self._machine_runs
            self._machine_runs = wanted

    def cancel(self, uid: str) -> None:
        run = self.runs.get(uid)
        if run is None or run.ended_at is not None or run.cause:
            return
        run.cause = "cancelled"
        write_marks(self._around, run, {"kind": "cancel", "uid": uid})
        if run.live is not None:
            run.live.stop("cancelled", now=self._loop.now, grace=run.order.grace_seconds)
        self._look(run)

    def stop_all(self, *, at_once: bool) -> None:
        """Cancel everything; ``at_once``: without the grace."""
        for run in list(self.runs.values()):
            self.cancel(run.uid)
            if at_once and run.live is not None:
                run.live.stop("cancelled", now=self._loop.now, grace=0)
                self._look(run)

    def forget(self, uids: Iterable[str], on_durable: Callable[[], None]) -> list[str]:
        """Drop those of the runs that have ended, with their files; return their uids."""
        known = [uid for uid in uids if uid in self.runs and self.runs[uid].is_settled]
        for uid in known:
            run = self.runs.pop(uid)
            remove_files(self._around.spool_fd, run.spool_files())
            self._around.scratch.remove(run.order)
        if known:
            self._journal.write([{"kind": "forget", "uids": known, "at": self._around.now() // 1_000_000}])
        self._journal.sync(on_durable)
        return known

    def run_with_token(self, token_hash: str) -> RunState | None:
        """Return the run under way whose tasks were given that token."""
        under_way = [*self._live.values(), *(self.runs[uid] for uid in self._starting)]
        return next((run for run in under_way if fits_token(token_hash, run.token_hash)), None)

    def review(self, run: RunState) -> None:
        """Take the slot of a run that waits, give it back to one that goes on, and tell that it has changed.

        One that goes on does so at once, though others may have taken all slots meanwhile.
        """
        if run.live is not None and run.has_slot == bool(run.waits_for):
            run.has_slot = not run.has_slot
            self._slots += -1 if run.has_slot else 1
        self._bump(run)

    @property
    def is_starting(self) -> bool:
        """Other threads may be writing marks."""
        return bool(self._starting)

    @property
    def is_idle(self) -> bool:
        return all(run.is_settled for run in self.runs.values())

    def marks(self) -> list[Entry]:
        """Return all that the journal has to hold of the runs that are not forgotten."""
        return [mark for run in self.runs.values() for mark in run.marks]

    # -- what an earlier supervisor left

    def take_over(self, recalled: Recalled, legacy: Legacy) -> None:
        """Go on with the runs of an earlier supervisor: see to its end what runs, start what never was."""
        self.runs.update(recalled.runs)
        self._limit_to_latest(list(recalled.runs.values()))
        open_starts = (open_marks(run) for run in self.runs.values() if run.ended_at is None)
        if recalled.is_same_boot and any(marks.start and not marks.spawn for marks in open_starts):
            wait_for_embryos(patience_seconds=_EMBRYO_SECONDS)
        unclaimed = dict(legacy.pipes)
        for run in self.runs.values():
            kept = unclaimed.pop((run.uid, run.index), None)
            self._guarded(run, partial(self._take_over_run, recalled=recalled, legacy=legacy, kept=kept))
            self._bump(run)
        for uid, index in unclaimed:
            self._around.guardian.release(uid, index)
        for fd in (*(fd for pair in unclaimed.values() for fd in pair), *legacy.found.values()):
            os.close(fd)

    def _take_over_run(
        self, run: RunState, *, recalled: Recalled, legacy: Legacy, kept: tuple[int, int] | None
    ) -> None:
        marks = open_marks(run)
        if run.ended_at is not None:
            self._settling.append(run)
        elif marks.start is not None:
            self._adopt(run, marks, recalled, legacy, kept)
        elif recalled.is_same_boot and run.is_whole:
            self._waiting.add(run)
        else:
            self._task_ended(run, unstarted_result(run.order.tasks[run.index], status="lost"))

    def _adopt(
        self, run: RunState, marks: OpenMarks, recalled: Recalled, legacy: Legacy, kept: tuple[int, int] | None
    ) -> None:
        is_same_boot = recalled.is_same_boot
        live = adopt_task(
            self._around, run, marks, kept=kept, legacy=legacy, is_same_boot=is_same_boot, read=self._read
        )
        live.is_kept = kept is not None
        self._take_live(run, live)
        if marks.exit is not None:
            live.exited(marks.exit["status"], now=time.monotonic())
        elif live.pid > 0:
            self._watch.watch(live, legacy.exits, is_same_guardian=recalled.is_same_guardian)
        else:
            live.exited(None, now=time.monotonic())
        self._keep(run, live)
        if run.cause:
            live.stop(run.cause, now=self._loop.now, grace=run.order.grace_seconds)
        self._look(run)

    def settle_recalled(self) -> None:
        """Tell the outcomes found in the journal, which has just been made durable."""
        recalled, self._settling = self._settling, []
        self._settle(recalled)

    def _adopted_exited(self, live: LiveTask, status: int | None) -> None:
        run = self._live[live.key]
        live.exited(status, now=time.monotonic())
        if status is not None:
            write_marks(self._around, run, {"kind": "exit", "uid": run.uid, "task": run.index, "status": status})
        self._look(run)

    # -- what the system tells

    def exited(self, pid: int, status: int) -> None:
        """A child has ended: a task's program, an orphan of one, or a program whose pid we do not know yet."""
        run = self._live.get(pid)
        if run is not None and run.live is not None and run.live.is_ours:
            run.live.exited(status, now=time.monotonic())
            write_marks(self._around, run, {"kind": "exit", "uid": run.uid, "task": run.index, "status": status})
            self._look(run)
        else:
            self._early_exits[pid] = (time.monotonic(), status)
            self._look_at_draining()

    def turn(self, *, may_start: bool) -> bool:
        """Do all that has become possible; True if there is more to do at once."""
        looking, self._to_look_at = self._to_look_at, {}
        for run in looking.values():
            self._guarded(run, self._consider)
        self._end_strays()
        self._family.new_turn()
        if self._early_exits:
            oldest = min((made.mono for made in self._starting.values()), default=self._loop.now)
            self._early_exits = {pid: ended for pid, ended in self._early_exits.items() if ended[0] >= oldest}
        if may_start:
            self._start_some()
        if self._settling:
            settled, self._settling = self._settling, []
            files = [name for run in settled if run.spool for name in run.spool_files()]
            self._journal.sync(lambda: self._settle(settled), files=files)
        can_start = may_start and self._waiting.has_next(self._slots)
        return bool(self._to_look_at or can_start)

    def _end_strays(self) -> None:
        """End what outlived its task unseen, because it hid well: nothing of a run may survive it."""
        unowned, is_unclear = self._family.strays()
        for pid in unowned:
            send_signal(pid, signal.SIGKILL)
        if is_unclear and not self._is_look_planned:
            self._is_look_planned = True
            self._loop.call_at(self._loop.now + _LOOK_AGAIN_SECONDS, self._look_for_strays)

    def _look_for_strays(self) -> None:
        self._is_look_planned = False
        self._family.look()

    def _look(self, run: RunState) -> None:
        self._to_look_at[run.uid] = run

    def _look_at_draining(self) -> None:
        for run in self._live.values():
            if run.live is not None and run.live.has_exited:
                self._look(run)

    def _guarded(self, run: RunState, step: Callable[[RunState], object]) -> None:
        try:
            step(run)
        except Exception:
            # One run's trouble, also our own mistake, must not take the others down: it ends as our error.
            sys.excepthook(*sys.exc_info())
            sys.stderr.flush()
            run.cause = "internal_error"
            if run.live is not None:
                signal_all(self._family, run.live, signal.SIGKILL)
                self._release(run, run.live)
            if run.ended_at is None:
                self._end(run)

    # -- starting

    def _start_some(self) -> None:
        started = 0
        while started < _STARTS_PER_TURN and (run := self._waiting.take(self._slots)) is not None:
            if run.ended_at is None:
                self._guarded(run, self._start_next)
                started += 1

    def _start_next(self, run: RunState) -> None:
        if self._is_too_late(run):
            run.cause = "expired"
            self._end(run)
            return
        if not run.has_slot:
            run.has_slot = True
            self._slots -= 1
        if run.deadline is not None and run.deadline <= self._loop.now:
            run.cause = run.cause or "timeout"
        if run.cause or run.index >= len(run.order.tasks):
            self._end(run)
            return
        if run.started_at is None:
            run.started_at = self._around.now()
            if run.order.timeout_seconds is not None:
                run.deadline = time.monotonic() + run.order.timeout_seconds
        try:
            made = prepare_task(self._around, run)
        except (CannotStart, UnknownToken) as error:
            self._cannot_start(run, str(error))
        except OSError as error:
            self._cannot_start(run, f"the engine could not make what the task needs: {error.strerror}")
        else:
            self._starting[run.uid] = made
            self._spawner.start(
                Start(
                    made.program,
                    before=lambda: mark_start(self._around, run, made),
                    after=lambda pid: mark_spawn(self._around, run, made, pid),
                    done=lambda outcome: self._guarded(run, lambda run: self._started(run, made, outcome)),
                )
            )

    def _is_too_late(self, run: RunState) -> bool:
        limit = run.order.start_before
        return run.started_at is None and limit is not None and limit <= self._around.now()

    def _cannot_start(self, run: RunState, meaning: str) -> None:
        self._task_ended(run, unstarted_result(run.order.tasks[run.index], status="failed", meaning=meaning))

    def _started(self, run: RunState, made: Preparation, outcome: int | CannotStart) -> None:
        del self._starting[run.uid]
        try:
            live = complete_task(self._around, run, made, outcome, self._read)
        except CannotStart as error:
            self._cannot_start(run, str(error))
            return
        self._take_live(run, live)
        self._keep_later(run, live)
        if run.cause:
            live.stop(run.cause, now=self._loop.now, grace=run.order.grace_seconds)
            self._look(run)
        self._arm(run, live)
        ended_at, status = self._early_exits.pop(live.pid, (0, 0))
        # What ended before this start was another process of the same number.
        if ended_at >= made.mono:
            self.exited(live.pid, status)
        self._bump(run)

    def _take_live(self, run: RunState, live: LiveTask) -> None:
        if not run.has_slot:
            run.has_slot = True
            self._slots -= 1
        run.live = live
        run.status = "running"
        limits = [] if run.deadline is None else [run.deadline]
        if live.task.timeout_seconds is not None:
            limits.append(live.started_mono + live.task.timeout_seconds)
        live.deadline = min(limits, default=None)
        # A pid of before may be that of another task by now, so what was adopted goes by a number of its own.
        live.key = live.pid if live.is_ours else min([0, *self._live]) - 1
        self._live[live.key] = run
        self._limits.watch(run, live)

    def _over_limit(self, run: RunState, excess: str) -> None:
        if run.live is not None and not run.live.has_exited:
            run.live.excess = excess
            run.live.stop("limit", now=self._loop.now, grace=0)
            self._look(run)

    def _keep_later(self, run: RunState, live: LiveTask) -> None:
        """Give what lasts into the guardian's care; what ends at once is not worth the trouble."""
        if not self._young:
            self._loop.call_at(live.started_mono + _KEEP_AFTER_SECONDS, self._keep_young)
        self._young.append((live.started_mono + _KEEP_AFTER_SECONDS, run, live))

    def _keep_young(self) -> None:
        while self._young and self._young[0][0] <= self._loop.now:
            _, run, live = self._young.popleft()
            self._keep(run, live)
        if self._young:
            self._loop.call_at(self._young[0][0], self._keep_young)

    def _keep(self, run: RunState, live: LiveTask) -> None:
        has_pipes = all(stream.fd >= 0 for stream in live.streams)
        if run.live is live and has_pipes and not live.has_exited and not live.is_kept:
            live.is_kept = self._around.guardian.keep(run.uid, live.index, (live.streams[0].fd, live.streams[1].fd))

    def _read(self, run: RunState, stream: OutputStream) -> None:
        fd = stream.fd
        self._guarded(run, lambda _: stream.read())
        if stream.fd < 0:
            self._loop.forget(fd)
            if run.live is not None and run.live.has_exited:
                self._look(run)

    # -- stopping and ending

    def _arm(self, run: RunState, live: LiveTask) -> None:
        if live.timer is not None:
            live.timer.cancel()
        at = live.next_step_at(now=self._loop.now)
        live.timer = self._loop.call_at(at, lambda: self._look(run)) if at is not None else None

    def _consider(self, run: RunState) -> None:
        """Take the next step with a run that was cancelled, whose program has ended or whose time has come."""
        live = run.live
        if live is None:
            if run.cause and run.ended_at is None and run.is_waiting:
                self._end(run)
            return
        now = self._loop.now
        if not live.has_exited and live.deadline is not None and live.deadline <= now:
            if run.deadline is not None and run.deadline <= now:
                run.cause = run.cause or "timeout"
            live.stop("timeout", now=now, grace=run.order.grace_seconds)
            live.deadline = None
        if live.has_exited:
            drain(self._loop, live)
            if not self._family.survivors(live) and not live.has_open_stream:
                self._finish(run, live)
                return
            live.let_drain(now=now, seconds=run.order.drain_seconds)
        if live.stop_at is not None and live.stop_at <= now and not live.was_terminated:
            live.was_terminated = True
            signal_all(self._family, live, signal.SIGTERM)
        if live.kill_at is not None and live.kill_at <= now:
            signal_all(self._family, live, signal.SIGKILL)
            if live.kill_at + GIVE_UP_SECONDS <= now:
                self._finish(run, live)
                return
        self._arm(run, live)

    def _finish(self, run: RunState, live: LiveTask) -> None:
        left = self._family.survivors(live)
        if not live.has_exited:
            live.exited(None, now=time.monotonic())
            left.add(live.pid)
        self._release(run, live)
        note_oddities(run, live, left)
        result = live.result() | run.asked(live.index)
        result["outputs"] = take_outputs(self._around.scratch, run, live)
        self._task_ended(run, result)

    def _release(self, run: RunState, live: LiveTask) -> None:
        """Let go of a task's pipes and of its process."""
        for stream in live.streams:
            if stream.fd >= 0:
                self._loop.forget(stream.fd)
                stream.close()
        if live.timer is not None:
            live.timer.cancel()
        if live.is_kept:
            self._around.guardian.release(run.uid, live.index)
        self._live.pop(live.key, None)
        self._task_over(run)
        run.live = None

    def _task_ended(self, run: RunState, result: dict[str, Any]) -> None:
        task = run.order.tasks[run.index]
        run.results.append(result)
        run.index += 1
        has_failed = result["status"] != "completed" and not task.continue_on_failure
        if has_failed or result["status"] == "lost" or run.cause or run.index >= len(run.order.tasks):
            self._end(run)
        elif not run.is_whole:
            self._task_ended(run, unstarted_result(run.order.tasks[run.index], status="lost"))
        else:
            write_marks(self._around, run, {"kind": "task", "uid": run.uid, "result": result})
            self._waiting.add(run)
            self._bump(run)

    def _end(self, run: RunState) -> None:
        run.results += [unstarted_result(task, status="skipped") for task in run.order.tasks[len(run.results) :]]
        run.index = len(run.order.tasks)
        run.status, run.reason = run.judge()
        run.ended_at = self._around.now()
        if run.has_slot:
            run.has_slot = False
            self._slots += 1
        if run.spool is not None:
            run.spool.close()
        run.marks[1:] = run.owed_marks()
        write_marks(self._around, run, run.end_mark())
        self._settling.append(run)

    def _settle(self, runs: list[RunState]) -> None:
        for run in runs:
            run.is_settled = True
            self._bump(run)

    def _bump(self, run: RunState) -> None:
        self._versions += 1
        run.version = self._versions
        self._changed(run)
