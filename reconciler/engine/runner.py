"""Takes orders, runs their tasks one after the other, and says how each ended.

The order of marks is what makes a start happen at most once: ``accept`` is durable before anything is spawned and
before the client is told; ``start`` is written (to the page cache: it survives us, not the machine) before each spawn;
``spawn`` names the process; ``end`` is durable before a client sees the outcome.
"""

import contextlib
import os
import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

from reconciler.engine.eventloop import EventLoop
from reconciler.engine.family import Family, name_of
from reconciler.engine.journal import Entry, Journal
from reconciler.engine.live import GIVE_UP_SECONDS, LiveTask, unstarted_result
from reconciler.engine.masks import Masker, mask_forms
from reconciler.engine.outputs import MAX_OUTPUT_FILE_BYTES, UnknownToken, fill_late, parse_outputs
from reconciler.engine.processes import CannotStart, facts_of, send_signal, start_program
from reconciler.engine.run import RunState
from reconciler.engine.spool import PARTS, SpoolWriter, read_regular, remove_files
from reconciler.engine.streams import OutputStream, open_pipe
from reconciler.engine.work import OUTPUT_VARIABLE, Order, Task, output_file, script_file

MAX_LIVE_RUNS = 64
_STARTS_PER_TURN = 8
_TERM, _KILL, _CONT = 15, 9, 18


class Runner:
    """``now`` gives microseconds since 1970; ``changed`` is called with each run that a client may see changed."""

    def __init__(
        self,
        loop: EventLoop,
        journal: Journal,
        *,
        spool_path: str,
        spool_fd: int,
        home_fd: int,
        now: Callable[[], int],
        changed: Callable[[RunState], None],
    ) -> None:
        self._loop = loop
        self._journal = journal
        self._spool_path = spool_path
        self._spool_fd = spool_fd
        self._home_fd = home_fd
        self._now = now
        self._changed = changed
        self._null_fd = os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)
        self.runs: dict[str, RunState] = {}
        self.forgotten: dict[str, int] = {}
        self._live: dict[int, RunState] = {}
        self._family = Family(lambda: [run.live for run in self._live.values() if run.live])
        self._waiting: deque[RunState] = deque()
        self._entries: list[Entry] = []
        self._to_look_at: dict[int, RunState] = {}
        self._settling: list[RunState] = []
        self._versions = 0
        self._slots = MAX_LIVE_RUNS

    # -- what clients ask

    def accept(self, orders: Iterable[Order], on_durable: Callable[[], None]) -> None:
        """Take the orders whose uid is new, and start them once that is durable; then call ``on_durable``."""
        fresh = [
            RunState(order, accepted_at=self._now())
            for order in {order.uid: order for order in orders}.values()
            if order.uid not in self.runs and order.uid not in self.forgotten
        ]
        for run in fresh:
            self.runs[run.uid] = run
            self._entries.append({"kind": "accept", "uid": run.uid, "at": run.accepted_at})
            self._bump(run)
        self._flush()

        def begin() -> None:
            self._waiting += fresh
            on_durable()

        self._journal.sync(begin)

    def cancel(self, uid: str) -> None:
        run = self.runs.get(uid)
        if run is None or run.ended_at is not None:
            return
        run.cause = run.cause or "cancelled"
        if run.live is not None:
            run.live.stop("cancelled", now=self._loop.now, grace=run.order.grace_seconds)
            self._look(run)
        elif run in self._waiting:
            self._waiting.remove(run)
            self._end(run)

    def stop_all(self, *, at_once: bool) -> None:
        """Cancel everything; ``at_once``: without the grace."""
        for run in list(self.runs.values()):
            if at_once:
                run.order = run.order._replace(grace_seconds=0)
            self.cancel(run.uid)

    def forget(self, uids: Iterable[str], on_durable: Callable[[], None]) -> None:
        """Drop ended runs and their files; that they were once accepted is not forgotten."""
        known = [uid for uid in uids if uid in self.runs and self.runs[uid].is_settled]
        for uid in known:
            run = self.runs.pop(uid)
            self.forgotten[uid] = run.accepted_at
            remove_files(self._spool_fd, _files_of(run), on_error=lambda _error: None)
        self._entries.append({"kind": "forget", "uids": known, "at": self._now()})
        self._flush()
        self._journal.sync(on_durable)

    def recall(self, entries: Iterable[Entry]) -> None:
        """Take over what an earlier supervisor has written: what had not ended is lost."""
        for entry in entries:
            if entry["kind"] == "accept":
                order = Order(entry["uid"], [], None, 0, 0, [])
                self.runs[entry["uid"]] = RunState(order, accepted_at=entry["at"])
            elif entry["kind"] == "end":
                run = self.runs[entry["uid"]]
                run.status, run.reason, run.results = entry["outcome"], entry["why"], entry["results"]
                run.started_at, run.ended_at = entry["started_at"], entry["at"]
                run.is_settled = True
                self._bump(run)
            elif entry["kind"] == "forget":
                for uid in entry["uids"]:
                    self.runs.pop(uid, None)
                    self.forgotten[uid] = entry["at"]
        for run in self.runs.values():
            if not run.is_settled:
                run.status, run.ended_at = "lost", self._now()
                self._write_end(run)

    @property
    def is_idle(self) -> bool:
        return all(run.is_settled for run in self.runs.values())

    # -- what the system tells

    def exited(self, pid: int, status: int) -> None:
        """A child has ended and was reaped: a task's program, or an orphan of one."""
        run = self._live.get(pid)
        if run is not None and run.live is not None:
            run.live.exited(status, now=time.monotonic())
            self._look(run)
        else:
            self._to_look_at.update((pid, run) for pid, run in self._live.items() if run.live and run.live.has_exited)

    def turn(self) -> bool:
        """Do all that has become possible; True if there is more to do at once."""
        self._family.new_turn()
        looking, self._to_look_at = self._to_look_at, {}
        for run in looking.values():
            if run.live is not None:
                self._consider(run, run.live)
        self._start_some()
        self._flush()
        if self._settling:
            settled, self._settling = self._settling, []
            files = [name for run in settled for name in _spool_files(run)]
            self._journal.sync(lambda: self._settle(settled), files=files)
        return bool((self._waiting and self._slots) or self._to_look_at)

    def _look(self, run: RunState) -> None:
        if run.live is not None:
            self._to_look_at[run.live.pid] = run

    # -- starting

    def _start_some(self) -> None:
        batch: list[RunState] = []
        while self._waiting and len(batch) < _STARTS_PER_TURN:
            run = self._waiting[0]
            if not run.has_slot:
                if not self._slots:
                    break
                self._slots -= 1
                run.has_slot = True
            batch.append(self._waiting.popleft())
        batch = [run for run in batch if not self._end_if_over(run)]
        self._entries += [{"kind": "start", "uid": run.uid, "task": run.index} for run in batch]
        self._flush()
        for run in batch:
            self._start_task(run, run.order.tasks[run.index])

    def _end_if_over(self, run: RunState) -> bool:
        if run.deadline is not None and run.deadline <= self._loop.now:
            run.cause = run.cause or "timeout"
        if run.cause or run.index >= len(run.order.tasks):
            self._end(run)
            return True
        return False

    def _start_task(self, run: RunState, task: Task) -> None:
        at, started = self._now(), time.monotonic()
        if run.started_at is None:
            run.started_at = at
            if run.order.timeout_seconds is not None:
                run.deadline = self._loop.now + run.order.timeout_seconds
        try:
            run.live = self._spawn(run, task)
        except (CannotStart, UnknownToken) as error:
            self._task_ended(run, unstarted_result(task, status="failed", meaning=str(error), at=None))
            return
        except OSError as error:
            meaning = f"the engine could not make what the task needs: {error.strerror}"
            self._task_ended(run, unstarted_result(task, status="failed", meaning=meaning, at=None))
            return
        live = run.live
        live.started_at, live.started_mono = at, started
        limits = [live.started_mono + task.timeout_seconds] if task.timeout_seconds is not None else []
        live.deadline = min([*limits, *([run.deadline] if run.deadline is not None else [])], default=None)
        self._live[live.pid] = run
        self._arm(run, live)
        self._entries.append(
            {"kind": "spawn", "uid": run.uid, "task": run.index, "pid": live.pid, "started": live.started, "at": at}
        )
        run.status = "running"
        self._bump(run)

    def _spawn(self, run: RunState, task: Task) -> LiveTask:
        output_path = f"{self._spool_path}/{output_file(run.uid, run.index)}"
        script_path = ""
        if task.script is not None:
            name = script_file(run.uid, run.index, task.script_suffix)
            script_path = f"{self._spool_path}/{name}"
            _write_script(self._spool_fd, name, task.script)
        outputs = run.outputs
        argv = [fill_late(text, outputs, script_path) for text in task.argv]
        env = {OUTPUT_VARIABLE: output_path}
        env |= {name: fill_late(text, outputs, script_path) for name, text in task.env.items()}
        pipes = (open_pipe(), open_pipe())
        try:
            stdio = (self._null_fd, pipes[0][1], pipes[1][1])
            pid = start_program(argv, env, cwd=task.cwd or "/", home_fd=self._home_fd, stdio=stdio)
        except CannotStart:
            for ours, _ in pipes:
                os.close(ours)
            raise
        finally:
            for _, theirs in pipes:
                os.close(theirs)
        facts = facts_of(pid)
        live = LiveTask(
            task,
            run.index,
            pid=pid,
            started=facts.started if facts else 0,
            output_path=env[OUTPUT_VARIABLE],
            is_ours=True,
        )
        live.streams = tuple(self._stream(run, number, ours) for number, (ours, _) in enumerate(pipes))
        return live

    def _stream(self, run: RunState, number: int, fd: int) -> OutputStream:
        if run.spool is None:
            run.spool = SpoolWriter(self._spool_fd, run.uid, cap_bytes=run.order.output_bytes)
        spool, index = run.spool, run.index
        stream = OutputStream(
            fd, Masker(mask_forms(run.order.masks)), lambda data: spool.write(index, number, self._now(), data)
        )
        self._loop.on_readable(fd, lambda: self._read(run, stream))
        return stream

    def _read(self, run: RunState, stream: OutputStream) -> None:
        fd = stream.fd
        stream.read()
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

    def _consider(self, run: RunState, live: LiveTask) -> None:
        """Take the next step with a task whose program has ended or whose time has come."""
        now = self._loop.now
        if not live.has_exited and live.deadline is not None and live.deadline <= now:
            if run.deadline is not None and run.deadline <= now:
                run.cause = run.cause or "timeout"
            live.stop("timeout", now=now, grace=run.order.grace_seconds)
        if live.has_exited:
            self._drain(live)
            if not self._family.survivors(live) and not live.has_open_stream:
                self._finish(run, live)
                return
            live.let_drain(now=now)
        if live.stop_at is not None and live.stop_at <= now and not live.was_terminated:
            live.was_terminated = True
            self._signal_all(live, _TERM)
        if live.kill_at is not None and live.kill_at <= now:
            self._signal_all(live, _KILL)
            if live.kill_at + GIVE_UP_SECONDS <= now:
                self._finish(run, live)
                return
        self._arm(run, live)

    def _drain(self, live: LiveTask) -> None:
        """Read what lies in the pipes: a pipe's fill is all that the program itself can have left there."""
        for stream in live.streams:
            fd = stream.fd
            for _ in range(16):
                if stream.fd < 0 or not stream.read():
                    break
            if fd >= 0 and stream.fd < 0:
                self._loop.forget(fd)

    def _signal_all(self, live: LiveTask, number: int) -> None:
        """Signal the whole tree; with KILL until a look around finds nobody new."""
        signalled: set[int] = set()
        for _ in range(10 if number == _KILL else 1):
            stragglers = self._family.survivors(live)
            if live.has_exited:
                live.stragglers.update((pid, name_of(pid)) for pid in stragglers if pid not in live.stragglers)
            targets = stragglers | (set() if live.has_exited else {live.pid})
            for pid in targets - signalled:
                send_signal(pid, number)
                if number == _TERM:
                    send_signal(pid, _CONT)
            if targets <= signalled:
                return
            signalled |= targets
            self._family.new_turn()

    def _finish(self, run: RunState, live: LiveTask) -> None:
        for stream in live.streams:
            if stream.fd >= 0:
                self._loop.forget(stream.fd)
                stream.close()
        if live.timer is not None:
            live.timer.cancel()
        left = self._family.survivors(live)
        if not live.has_exited:
            live.exited(None, now=self._loop.now)
            left.add(live.pid)
        self._note(run, live, left)
        del self._live[live.pid]
        run.live = None
        result = live.result()
        outputs = read_regular(self._spool_fd, output_file(run.uid, live.index), limit=MAX_OUTPUT_FILE_BYTES + 1)
        if outputs:
            masker = Masker(mask_forms(run.order.masks))
            result["outputs"], warnings = parse_outputs(masker.feed(outputs) + masker.flush())
            live.warnings += warnings
        self._task_ended(run, result)

    def _note(self, run: RunState, live: LiveTask, left: set[int]) -> None:
        if live.stragglers and not live.cause:
            names = ", ".join(f"{name} (pid {pid})" for pid, name in list(live.stragglers.items())[:10])
            live.warnings.append(f"still ran when the task had ended, and was stopped: {names}")
        if left:
            names = ", ".join(f"{name_of(pid)} (pid {pid})" for pid in sorted(left)[:10])
            live.warnings.append(f"could not be ended: {names}")
        if run.spool is not None and run.spool.problem:
            live.warnings.append(run.spool.problem)

    def _task_ended(self, run: RunState, result: dict[str, Any]) -> None:
        task = run.order.tasks[run.index]
        run.results.append(result)
        run.index += 1
        has_failed = result["status"] != "completed" and not task.continue_on_failure
        if has_failed or run.cause or run.index >= len(run.order.tasks):
            self._end(run)
        else:
            self._entries.append({"kind": "task", "uid": run.uid, "result": result})
            self._waiting.appendleft(run)
            self._bump(run)

    def _end(self, run: RunState) -> None:
        run.results += [
            unstarted_result(task, status="skipped", meaning="", at=None) for task in run.order.tasks[run.index :]
        ]
        run.index = len(run.order.tasks)
        run.status, run.reason = run.judge()
        run.ended_at = self._now()
        if run.has_slot:
            run.has_slot = False
            self._slots += 1
        if run.spool is not None:
            run.spool.close()
        self._write_end(run)

    def _write_end(self, run: RunState) -> None:
        self._entries.append(
            {
                "kind": "end",
                "uid": run.uid,
                "outcome": run.status,
                "why": run.reason,
                "started_at": run.started_at,
                "at": run.ended_at,
                "results": run.results,
            }
        )
        self._settling.append(run)

    def _settle(self, runs: list[RunState]) -> None:
        for run in runs:
            run.is_settled = True
            self._bump(run)

    def _bump(self, run: RunState) -> None:
        self._versions += 1
        run.version = self._versions
        self._changed(run)

    def _flush(self) -> None:
        if self._entries:
            entries, self._entries = self._entries, []
            self._journal.write(entries)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            os.close(self._null_fd)


def _write_script(folder_fd: int, name: str, text: str) -> None:
    flags = os.O_CREAT | os.O_TRUNC | os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC
    fd = os.open(name, flags, 0o700, dir_fd=folder_fd)
    with open(fd, "w", encoding="utf-8", errors="surrogateescape", newline="") as file:
        file.write(text)


def _spool_files(run: RunState) -> list[str]:
    if run.spool is None or not run.spool.offset:
        return []
    return [f"{run.uid}.{part}" for part in PARTS]


def _files_of(run: RunState) -> Iterable[str]:
    yield from _spool_files(run)
    for index, task in enumerate(run.order.tasks):
        yield output_file(run.uid, index)
        if task.script is not None:
            yield script_file(run.uid, index, task.script_suffix)
