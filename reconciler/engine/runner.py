"""Takes orders, runs their tasks one after the other, and says how each ended.

The order of marks is what makes a start happen at most once: ``accept`` is durable before anything is spawned and
before the client is told; ``start`` is written (to the page cache: it survives us, not the machine) before each spawn;
``spawn`` names the process; ``end`` is durable before a client sees the outcome.
"""

import signal
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

from reconciler.engine.custody import Custody
from reconciler.engine.guardian import Legacy
from reconciler.engine.journal import Entry
from reconciler.engine.processes import send_signal
from reconciler.engine.recall import Recalled
from reconciler.engine.request import fits_token, hash_token
from reconciler.engine.roster import Roster
from reconciler.engine.run import RunState
from reconciler.engine.spawning import write_marks
from reconciler.engine.spool import remove_files
from reconciler.engine.starter import Starter
from reconciler.engine.surroundings import Surroundings
from reconciler.engine.takeover import Takeover
from reconciler.engine.tending import consider
from reconciler.engine.work import read_order, without_secrets

_LOOK_AGAIN_SECONDS = 0.1


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
        self._roster = Roster(around, changed=changed, task_over=task_over)
        self._custody = Custody(around.loop, around.guardian)
        self._starter = Starter(self._roster, self._custody)
        self.runs = self._roster.runs
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
            self._roster.bump(run)
        self._journal.write([run.marks[0] for run in fresh])
        if fresh:
            self._roster.waiting.limit(fresh[-1].order.machine_runs)

        def begin() -> None:
            for run in fresh:
                self._roster.waiting.add(run)
                if run.cause:
                    self._roster.look(run)
            on_durable()

        def refuse() -> None:
            for run in fresh:
                self.runs.pop(run.uid, None)
            on_failure()

        self._journal.sync(begin, on_failure=refuse)

    def cancel(self, uid: str) -> None:
        run = self.runs.get(uid)
        if run is None or run.ended_at is not None or run.cause:
            return
        run.cause = "cancelled"
        write_marks(self._around, run, {"kind": "cancel", "uid": uid})
        if run.live is not None:
            run.live.stop("cancelled", now=self._loop.now, grace=run.order.grace_seconds)
        self._roster.look(run)

    def stop_all(self, *, at_once: bool) -> None:
        """Cancel everything; ``at_once``: without the grace."""
        for run in list(self.runs.values()):
            self.cancel(run.uid)
            if at_once and run.live is not None:
                run.live.stop("cancelled", now=self._loop.now, grace=0)
                self._roster.look(run)

    def forget(self, uids: Iterable[str]) -> list[str]:
        """Drop those of the runs that have ended, with their files; return their uids.

        This need not be durable: one that is remembered after a power cut has ended all the same.
        """
        known = [uid for uid in uids if uid in self.runs and self.runs[uid].is_settled]
        for uid in known:
            run = self.runs.pop(uid)
            remove_files(self._around.spool_fd, run.spool_files())
            self._around.scratch.remove(run.order)
        if known:
            self._journal.write([{"kind": "forget", "uids": known, "at": self._around.now() // 1_000_000}])
        return known

    def run_with_token(self, token_hash: str) -> RunState | None:
        """Return the run under way whose tasks were given that token."""
        under_way = [*self._roster.live.values(), *(self.runs[uid] for uid in self._roster.starting)]
        return next((run for run in under_way if fits_token(token_hash, run.token_hash)), None)

    def review(self, run: RunState) -> None:
        """Take the slot of a run that waits, give it back to one that goes on, and tell that it has changed.

        One that goes on does so at once, though others may have taken all slots meanwhile.
        """
        if run.live is not None:
            if run.waits_for:
                self._roster.waiting.free_slot(run)
            else:
                self._roster.waiting.take_slot(run)
        self._roster.bump(run)

    @property
    def is_starting(self) -> bool:
        """Other threads may be writing marks."""
        return bool(self._roster.starting)

    @property
    def is_idle(self) -> bool:
        return all(run.is_settled for run in self.runs.values())

    def marks(self) -> list[Entry]:
        """Return all that the journal has to hold of the runs that are not forgotten."""
        return [mark for run in self.runs.values() for mark in run.marks]

    # -- what an earlier supervisor left

    def take_over(self, recalled: Recalled, legacy: Legacy) -> None:
        """Go on with the runs of an earlier supervisor."""
        Takeover(self._roster, self._custody, recalled, legacy).take_runs()

    def settle_recalled(self) -> None:
        """Tell the outcomes found in the journal, which has just been made durable."""
        self._roster.settle(self._roster.take_ended())

    # -- what the system tells

    def exited(self, pid: int, status: int) -> None:
        """A child has ended: a task's program, an orphan of one, or a program whose pid we do not know yet."""
        run = self._roster.live.get(pid)
        if run is not None and run.live is not None and run.live.is_ours:
            self._roster.program_ended(run, run.live, status)
        else:
            self._starter.note_exit(pid, status)
            self._look_at_draining()

    def turn(self, *, may_start: bool) -> bool:
        """Do all that has become possible; True if there is more to do at once."""
        for run in self._roster.take_looks():
            self._roster.guarded(run, partial(consider, self._roster))
        self._end_strays()
        self._roster.family.new_turn()
        self._starter.forget_exits()
        if may_start:
            self._starter.start_some()
        if settled := self._roster.take_ended():
            files = [name for run in settled if run.spool for name in run.spool_files()]
            self._journal.sync(lambda: self._roster.settle(settled), files=files)
        return self._roster.has_looks or (may_start and self._roster.waiting.has_next)

    def _end_strays(self) -> None:
        """End what outlived its task unseen, because it hid well: nothing of a run may survive it."""
        unowned, is_unclear = self._roster.family.strays()
        for pid in unowned:
            send_signal(pid, signal.SIGKILL)
        if is_unclear and not self._is_look_planned:
            self._is_look_planned = True
            self._loop.call_at(self._loop.now + _LOOK_AGAIN_SECONDS, self._look_for_strays)

    def _look_for_strays(self) -> None:
        self._is_look_planned = False
        self._roster.family.look()

    def _look_at_draining(self) -> None:
        for run in self._roster.live.values():
            if run.live is not None and run.live.has_exited:
                self._roster.look(run)
