"""Makes a process of a task, with its pipes; or finds that of an earlier supervisor again."""

import os
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from reconciler.engine.guardian import Legacy, Orphan
from reconciler.engine.journal import Entry
from reconciler.engine.live import LiveTask
from reconciler.engine.masks import Masker, Silence
from reconciler.engine.outputs import fill_late
from reconciler.engine.processes import (
    NEVER,
    Birth,
    all_processes,
    is_process,
    pipe_of,
    reopen_pipe,
    ticks_now,
    variable_of,
)
from reconciler.engine.recall import OpenMarks
from reconciler.engine.run import RunState
from reconciler.engine.scratch import find_account
from reconciler.engine.shim import home_of, needs_of, through_shim
from reconciler.engine.spawner import CannotStart, Program, prepare_program
from reconciler.engine.spool import Record, SpoolWriter
from reconciler.engine.streams import OutputStream, open_pipe
from reconciler.engine.surroundings import Surroundings
from reconciler.engine.work import OUTPUT_VARIABLE, TOKEN_VARIABLE, URL_VARIABLE, Task

StreamRead = Callable[[RunState, OutputStream], None]
_NO_PIPES = (-1, -1)


class Preparation(NamedTuple):
    """A task about to start: ``pipes`` are our ends, ``theirs`` the child's, to be closed once it has started."""

    program: Program
    output_path: str
    pipes: tuple[int, int]
    theirs: tuple[int, int]
    at: int
    mono: float
    earliest: int
    inodes: list[int]


def prepare_task(around: Surroundings, run: RunState) -> Preparation:
    """Make what the run's next task needs.

    Raises CannotStart, UnknownToken, or OSError where the engine itself lacks something.
    """
    task = run.order.tasks[run.index]
    account = find_account(task.account)
    output_path = around.scratch.output_path(run.uid, run.index, task)
    script_path = around.scratch.prepare(run.uid, run.index, task, account)
    argv, env = _fill(task, run.outputs, script_path)
    url = around.url if account is None else around.open_url()
    env = {**env, OUTPUT_VARIABLE: output_path, URL_VARIABLE: url, TOKEN_VARIABLE: run.order.token}
    out, their_out = open_pipe()
    try:
        err, their_err = open_pipe()
    except OSError:
        _close_all(out, their_out)
        raise
    try:
        if account is not None:
            # Programs open /dev/stdout anew, which only the pipe's owner may.
            for fd in (out, err):
                os.fchown(fd, account.uid, account.gid)
        cwd = task.cwd or (home_of(account) if account else "/")
        stdio = (around.null_fd, their_out, their_err)
        program = prepare_program(argv, env, cwd=cwd, stdio=stdio, checks_cwd=account is None)
        if (needs := needs_of(run.order.limits, account, task)) is not None:
            program = through_shim(program, needs, output_path)
    except (CannotStart, OSError):
        _close_all(out, err, their_out, their_err)
        raise
    return Preparation(
        program,
        output_path,
        (out, err),
        (their_out, their_err),
        around.now(),
        time.monotonic(),
        ticks_now(),
        [os.fstat(out).st_ino, os.fstat(err).st_ino],
    )


def _fill(
    task: Task, outputs: Mapping[str, Mapping[str, Any]], script_path: str
) -> tuple[Sequence[str], Mapping[str, str]]:
    """Return the task's arguments and environment with what the order left open. Raises UnknownToken."""
    if "\0" not in "".join((*task.argv, *task.env.values())):
        return task.argv, task.env  # nearly all are so
    argv = [fill_late(text, outputs, script_path) for text in task.argv]
    return argv, {name: fill_late(text, outputs, script_path) for name, text in task.env.items()}


def mark_start(around: Surroundings, run: RunState, made: Preparation) -> str:
    """Write down that a task is about to start: from here on it is not started again. Return why not, or nothing."""
    mark = {"kind": "start", "uid": run.uid, "task": run.index, "at": made.at, "mono": made.mono}
    return "" if write_marks(around, run, mark) else around.journal.problem


def mark_spawn(around: Surroundings, run: RunState, made: Preparation, pid: int) -> None:
    """Write down which process a task has become, in whatever thread learns it first."""
    birth = Birth(made.earliest, ticks_now())
    mark = {"kind": "spawn", "uid": run.uid, "task": run.index, "pid": pid, "birth": birth, "at": made.at}
    write_marks(around, run, mark | {"mono": made.mono, "pipes": made.inodes})


def complete_task(
    around: Surroundings, run: RunState, made: Preparation, outcome: int | CannotStart, read: StreamRead
) -> LiveTask:
    """Turn a start into a live task; ``read`` is called when a stream has something. Raises CannotStart."""
    _close_all(*made.theirs)
    if isinstance(outcome, CannotStart):
        _close_all(*made.pipes)
        raise outcome
    task = run.order.tasks[run.index]
    birth = Birth(*run.marks[-1]["birth"])
    live = LiveTask(task, run.index, pid=outcome, birth=birth, output_path=made.output_path)
    live.started_at, live.started_mono = made.at, made.mono
    _attach(around, run, live, made.pipes, read)
    return live


def _close_all(*fds: int) -> None:
    for fd in fds:
        os.close(fd)


def adopt_task(
    around: Surroundings,
    run: RunState,
    marks: OpenMarks,
    *,
    kept: tuple[int, int] | None,
    legacy: Legacy,
    is_same_boot: bool,
    read: StreamRead,
) -> LiveTask:
    """Take over a task that an earlier supervisor has started, or was about to. Its process may be gone.

    ``kept`` are its pipes, as the guardian was given them.
    """
    assert marks.start is not None
    output_path = around.scratch.output_path(run.uid, run.index, run.order.tasks[run.index])
    spawn = marks.spawn or marks.start | (_find_unmarked(output_path, legacy.orphans) if is_same_boot else {})
    # After a reboot a pid means nothing any more.
    pid, birth = spawn.get("pid", -1) if is_same_boot else -1, Birth(*spawn.get("birth", NEVER))
    live = LiveTask(run.order.tasks[run.index], run.index, pid=pid, birth=birth, output_path=output_path)
    live.is_ours = False
    live.started_at, live.started_mono = spawn["at"], spawn["mono"]
    if marks.spawn is None and pid > 0:
        write_marks(around, run, spawn | {"kind": "spawn"})
    inodes = spawn.get("pipes", _NO_PIPES) if is_same_boot else _NO_PIPES
    pipes = kept or _reopen_pipes(pid, birth, inodes, legacy.found)
    records = _spool(around, run).resume() if run.order.output_bytes else []
    _attach(around, run, live, pipes, read)
    if not run.order.output_bytes:
        live.warnings.append("output before the supervisor's death was not kept, so that it is not counted either")
    is_all = bool(run.order.output_bytes) and _is_all(records)
    for number, stream in enumerate(live.streams):
        own = [record for record in records if (record.task, record.stream) == (run.index, number)]
        stream.resume(own, is_all=is_all)
    return live


def _is_all(records: Sequence[Record]) -> bool:
    return not records or sum(len(record.data) for record in records) == records[-1].offset + len(records[-1].data)


def write_marks(around: Surroundings, run: RunState, *marks: Entry) -> bool:
    """Write down what happens to a run: it survives us at once; False where that was not possible."""
    run.marks += marks
    return around.journal.write(marks)


def _spool(around: Surroundings, run: RunState) -> SpoolWriter:
    if run.spool is None:
        run.spool = SpoolWriter(around.spool_fd, run.uid, cap_bytes=run.order.output_bytes)
    return run.spool


def _attach(around: Surroundings, run: RunState, live: LiveTask, fds: tuple[int, int], read: StreamRead) -> None:
    spool = _spool(around, run) if run.order.output_bytes else None

    def make(number: int, fd: int) -> OutputStream:
        masker = Silence() if run.hides_output else Masker(run.mask_forms) if run.order.masks else None

        def keep(data: bytes, count: int) -> None:
            assert spool is not None
            spool.write(live.index, number, around.now(), data, written=count)

        stream = OutputStream(fd, masker, keep if spool is not None else None)
        if fd >= 0:
            around.loop.on_readable(fd, lambda: read(run, stream))
        return stream

    live.streams = (make(0, fds[0]), make(1, fds[1]))


def _find_unmarked(output_path: str, orphans: Mapping[str, Orphan]) -> Entry:
    """Return the process of a task whose supervisor died between starting it and writing down its pid."""
    known = orphans.get(output_path)
    if known is None:
        leaders = [facts for facts in all_processes() if facts.pid == facts.session]
        ours = [facts for facts in leaders if variable_of(facts.pid, OUTPUT_VARIABLE) == output_path]
        if not ours:
            return {}
        # A daemon of the program's may look like it, but it is younger.
        pid, started = min(((facts.pid, facts.started) for facts in ours), key=lambda pair: pair[1])
        known = Orphan(pid, started, (pipe_of(pid, 1), pipe_of(pid, 2)))
    return {"pid": known.pid, "birth": [known.started, known.started], "pipes": known.pipes}


def _reopen_pipes(pid: int, birth: Birth, inodes: Sequence[int], found: Mapping[int, int]) -> tuple[int, int]:
    """Return our ends of a task's pipes, as the guardian has found them or as they can be found now; -1 for none."""
    ends = []
    for number, inode in zip((1, 2), inodes, strict=True):
        end = os.dup(found[inode]) if inode in found else -1
        if end < 0 <= inode and is_process(pid, birth) and pipe_of(pid, number) == inode:
            end = reopen_pipe(pid, number)
        ends.append(end)
    return ends[0], ends[1]
