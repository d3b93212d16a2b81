"""A task whose program runs: its process, its streams, and how far the stopping of it has gone."""

import os
import signal
from typing import Any

from reconciler.engine.eventloop import Timer
from reconciler.engine.processes import Birth
from reconciler.engine.streams import NO_OUTPUT, OutputStream
from reconciler.engine.work import Task

STRAGGLER_GRACE_SECONDS = 0.5
GIVE_UP_SECONDS = 1.0
"""After KILL: what is still there then (in the kernel's hands) is reported, not waited for."""


class LiveTask:
    """``exit_status`` is as of waitpid; ``cause`` why we stop it: timeout, cancelled or limit, or empty;
    ``excess`` of which limit, in words.

    ``pid`` is below 0 where no process was ever known; ``key`` is what the runner calls the task by.  TERM is due at
    ``stop_at``, KILL at ``kill_at``; both are moments of the monotonic clock, or None.  ``is_ours``: its process is our
    child; else an earlier supervisor started it.  ``is_kept``: the guardian holds its pipes, too.
    """

    def __init__(self, task: Task, index: int, *, pid: int, birth: Birth, output_path: str) -> None:
        self.task = task
        self.index = index
        self.pid = pid
        self.birth = birth
        self.output_path = output_path
        self.is_ours = True
        self.streams: tuple[OutputStream, ...] = ()
        self.started_at = 0
        self.started_mono = 0.0
        self.ended_mono = 0.0
        self.deadline: float | None = None
        self.exit_status: int | None = None
        self.has_exited = False
        self.cause = ""
        self.excess = ""
        self.stop_at: float | None = None
        self.kill_at: float | None = None
        self.was_terminated = False
        self.stragglers: dict[int, str] = {}
        self.warnings: list[str] = []
        self.timer: Timer | None = None
        self.is_kept = False
        self.key = pid

    def stop(self, cause: str, *, now: float, grace: float) -> None:
        """Have it ended from now on; the first cause counts, and none where the program has ended by itself."""
        if not self.has_exited:
            self.cause = self.cause or cause
        if not self.was_terminated:
            self.stop_at = now
        self.kill_at = min(self.kill_at or now + grace, now + grace)

    def exited(self, status: int | None, *, now: float) -> None:
        self.has_exited = True
        self.exit_status = status
        self.ended_mono = now

    def let_drain(self, *, now: float, seconds: float) -> None:
        """Bound the time of what outlives the program, unless it is being stopped already."""
        if self.stop_at is None:
            self.stop_at = now + seconds
            self.kill_at = self.stop_at + STRAGGLER_GRACE_SECONDS

    @property
    def has_open_stream(self) -> bool:
        return any(stream.fd >= 0 for stream in self.streams)

    def next_step_at(self, *, now: float) -> float | None:
        """Return when to look again, if nothing happens before."""
        if self.kill_at is not None and self.kill_at <= now:
            return now + 0.02
        if self.stop_at is None:
            return None if self.has_exited else self.deadline
        return self.kill_at if self.was_terminated else self.stop_at

    def result(self) -> dict[str, Any]:
        """Return the task's result in its JSON form, with the status the exit code stands for."""
        code = None if self.exit_status is None else os.waitstatus_to_exitcode(self.exit_status)
        status, meaning = self._judge(code)
        ended_at = self.started_at + round((self.ended_mono - self.started_mono) * 1_000_000)
        stdout, stderr = (stream.summary() for stream in self.streams)
        return _result(
            self.task,
            status=status,
            exit_code=code,
            meaning=meaning,
            started_at=self.started_at,
            ended_at=ended_at,
            stdout=stdout,
            stderr=stderr,
            warnings=self.warnings,
        )

    def _judge(self, code: int | None) -> tuple[str, str]:
        if self.cause == "timeout":
            return "timeout", ""
        if self.excess:
            return "failed", self.excess
        if self.cause:
            return "cancelled", ""
        if code is None:
            return "lost", "the exit code went down with the supervisor"
        if code in self.task.success_exit_codes:
            return "completed", ""
        core = " (core dumped)" if os.WCOREDUMP(self.exit_status or 0) else ""
        return "failed", _signal_words(-code) + core if code < 0 else ""


def running_result(live: LiveTask) -> dict[str, Any]:
    """Return what is known of a task that still runs."""
    stdout, stderr = (stream.summary() for stream in live.streams)
    return _result(live.task, status="running", started_at=live.started_at, stdout=stdout, stderr=stderr)


def unstarted_result(task: Task, *, status: str, meaning: str = "") -> dict[str, Any]:
    """Return the result of a task that no process was made for."""
    return _result(task, status=status, meaning=meaning)


def _result(task: Task, **known: Any) -> dict[str, Any]:
    return {
        "id": task.id,
        "exit_code": None,
        "meaning": "",
        "started_at": None,
        "ended_at": None,
        "stdout": NO_OUTPUT,
        "stderr": NO_OUTPUT,
        "outputs": {},
        "warnings": [],
        "questions": [],
        "children": [],
    } | known


def _signal_words(number: int) -> str:
    try:
        name = signal.Signals(number).name
    except ValueError:
        name = f"signal {number}"
    return f"killed by {name}" + (" (not by us: out of memory?)" if number == 9 else "")
