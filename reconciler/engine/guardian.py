"""The process above the supervisor, which does next to nothing, so that next to nothing can go wrong in it.

It is the supervisor's parent and a subreaper: when the supervisor dies, its children become the guardian's, who learns
their exit codes; and it holds the pipes and the orders of runs under way.  Then it makes a new supervisor, by a fork,
within milliseconds, and hands it all that.  A run costs the guardian nothing unless it lasts.
"""

import contextlib
import json
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from typing import NamedTuple, NoReturn

from reconciler.engine.book import Book
from reconciler.engine.eventloop import EventLoop
from reconciler.engine.processes import (
    become_subreaper,
    children_of,
    command_of,
    facts_of,
    pipe_of,
    reopen_pipe,
    send_signal,
    take_ended_children,
    variable_of,
)
from reconciler.engine.work import OUTPUT_VARIABLE

_FAST_DEATH_SECONDS = 2.0
_FREE_DEATHS = 3
"""So many in a row cost no pause."""

_LONGEST_PAUSE_SECONDS = 5.0
_MAX_LOG_BYTES = 1 << 20
_EMBRYO_SECONDS = 0.5
_MAX_EXITS = 10_000
KeptPipes = dict[tuple[str, int], tuple[int, int]]
"""Our ends of (stdout, stderr) by the run's uid and the task's index."""

Exits = dict[tuple[int, int], int]
"""Wait status by a process's pid and start time."""


class Orphan(NamedTuple):
    """``pipes`` are the inodes behind its stdout and stderr, -1 for what is no pipe."""

    pid: int
    started: int
    pipes: tuple[int, int]


class Legacy(NamedTuple):
    """What a supervisor gets to begin with, from the guardian and from those before it.

    ``pipes`` were given to the guardian to keep, ``found`` it has found open in orphans: our ends, by inode.
    ``orphans`` are the processes left behind, by their RECONCILER_OUTPUT.
    ``stops`` counts how often it was told to stop while no supervisor lived.
    """

    guardian_pid: int
    channel: socket.socket | None
    book: Book | None
    pipes: KeptPipes
    found: dict[int, int]
    orphans: dict[str, Orphan]
    exits: Exits
    stops: int


class Renewal(NamedTuple):
    """How to start a supervisor of another version of this program: see ``succession.py``."""

    command: list[str]
    env: dict[str, str]


Serve = Callable[[Legacy], None]
Succeed = Callable[[Legacy, Renewal], NoReturn]


def guard(serve: Serve, succeed: Succeed) -> None:
    """Have ``serve`` run in a child, anew where it dies; return when it has returned there.

    Once a supervisor has told of a renewal, ``succeed`` takes the place of ``serve``.
    """
    become_subreaper("reconciler-grd")
    _Guardian(serve, succeed).run()


class _Guardian:
    def __init__(self, serve: Serve, succeed: Succeed) -> None:
        self._serve = serve
        self._succeed = succeed
        self._renewal: Renewal | None = None
        self._book = Book()
        self._pipes: KeptPipes = {}
        self._exits: Exits = {}
        self._channel: socket.socket | None = None
        self._worker_pid = 0
        self._stops = 0
        self._worker_status: int | None = None
        self._loop = EventLoop()
        self._wake_reader, self._wake_writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    def run(self) -> None:
        signal.set_wakeup_fd(self._wake_writer, warn_on_full_buffer=False)
        for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: None)
        self._loop.on_readable(self._wake_reader, self._woken)
        fast_deaths = 0
        while True:
            born_at = time.monotonic()
            status = self._raise_one()
            if os.WIFEXITED(status) and os.WEXITSTATUS(status) == 0:
                return
            # One that is killed is no crash of ours, and no reason to be slow.
            is_crash = not (os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL)
            fast_deaths = fast_deaths + is_crash if time.monotonic() - born_at < _FAST_DEATH_SECONDS else 0
            self._pause(min(0.1 * max(fast_deaths - _FREE_DEATHS, 0), _LONGEST_PAUSE_SECONDS))

    def _pause(self, seconds: float) -> None:
        """Keep a supervisor that dies at once from filling machine and log; go on taking what orphans leave."""
        if os.fstat(2).st_size > _MAX_LOG_BYTES:
            os.ftruncate(2, 0)
        end = time.monotonic() + seconds
        self._loop.call_at(end, lambda: None)
        while time.monotonic() < end:
            self._loop.turn()

    def _raise_one(self) -> int:
        """Fork a supervisor, which knows all that we know at this moment; return its wait status when it has died."""
        orphans = self._look_at_orphans()
        found = _open_pipes(orphans)
        self._channel, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._worker_status = None
        self._worker_pid = os.fork()
        if self._worker_pid == 0:
            self._become_supervisor(theirs, found, orphans)
        theirs.close()
        for fd in found.values():
            os.close(fd)
        channel = self._channel.fileno()
        self._loop.on_readable(channel, self._take_message)
        while (status := self._status()) is None:
            self._loop.turn()
        self._take_rest()
        return status

    def _take_rest(self) -> None:
        """Read what the supervisor sent before it died."""
        while self._channel is not None:
            self._take_message()

    def _status(self) -> int | None:
        return self._worker_status

    def _look_at_orphans(self) -> dict[str, Orphan]:
        """Learn who they are, before one ends: then nobody can tell any more."""
        own_command = command_of(os.getpid())
        give_up_at = time.monotonic() + _EMBRYO_SECONDS
        while True:
            children = children_of(os.getpid())
            # A child that was being started when its supervisor was killed looks like that until it is a program.
            if time.monotonic() > give_up_at or not any(command_of(pid) == own_command for pid in children):
                break
            time.sleep(0.001)
        # A daemon of a program's may look like it, but it is younger.
        found = sorted((facts for pid in children if (facts := facts_of(pid))), key=lambda facts: facts.started)
        orphans: dict[str, Orphan] = {}
        for pid, started in ((facts.pid, facts.started) for facts in found if facts.session == facts.pid):
            output_path = variable_of(pid, OUTPUT_VARIABLE)
            if output_path:
                orphans.setdefault(output_path, Orphan(pid, started, (pipe_of(pid, 1), pipe_of(pid, 2))))
        return orphans

    def _become_supervisor(self, channel: socket.socket, found: dict[int, int], orphans: dict[str, Orphan]) -> NoReturn:
        code = 70
        try:
            os.close(self._wake_reader)
            assert self._channel is not None
            self._channel.close()
            legacy = Legacy(os.getppid(), channel, self._book, self._pipes, found, orphans, self._exits, self._stops)
            if self._renewal is not None:
                self._succeed(legacy, self._renewal)
            self._serve(legacy)
            code = 0
        except SystemExit as ended:
            code = int(ended.code or 0)
        except BaseException:
            # The end of a process: what went wrong goes into the log, and the guardian makes another.
            sys.excepthook(*sys.exc_info())
        finally:
            sys.stderr.flush()
            os._exit(code)

    def _woken(self) -> None:
        numbers = set(os.read(self._wake_reader, 4096))
        if numbers & {signal.SIGTERM, signal.SIGINT} and self._worker_status is None:
            send_signal(self._worker_pid, signal.SIGTERM)
        elif numbers & {signal.SIGTERM, signal.SIGINT}:
            self._stops += 1
        take_ended_children(self._child_ended)

    def _child_ended(self, pid: int, status: int) -> None:
        facts = facts_of(pid)
        if pid == self._worker_pid:
            self._worker_status = status
        elif facts is not None:
            self._tell_exit(pid, facts.started, status)

    def _tell_exit(self, pid: int, started: int, status: int) -> None:
        self._exits[pid, started] = status
        while len(self._exits) > _MAX_EXITS:
            del self._exits[next(iter(self._exits))]
        if self._channel is not None:
            with contextlib.suppress(OSError):
                self._channel.send(json.dumps([pid, started, status]).encode())

    def _take_message(self) -> None:
        """Keep a task's pipes, or let go of them; or learn of a renewal."""
        assert self._channel is not None
        try:
            data, fds, _, _ = socket.recv_fds(self._channel, 1 << 16, 2, socket.MSG_CMSG_CLOEXEC)
        except OSError:
            data, fds = b"", []
        if not data:
            self._loop.forget(self._channel.fileno())
            self._channel.close()
            self._channel = None
            return
        message = json.loads(data)
        if isinstance(message, dict):
            self._renewal = Renewal(**message)
            return
        uid, index = message
        for fd in self._pipes.pop((uid, index), ()):
            os.close(fd)
        if len(fds) == 2:
            self._pipes[uid, index] = (fds[0], fds[1])


def _open_pipes(orphans: dict[str, Orphan]) -> dict[int, int]:
    """Open our ends of the pipes that orphans write to, before one ends and what it wrote is gone with it."""
    found: dict[int, int] = {}
    for orphan in orphans.values():
        for number, inode in zip((1, 2), orphan.pipes, strict=True):
            fd = reopen_pipe(orphan.pid, number) if inode >= 0 else -1
            if fd >= 0:
                found[inode] = fd
    return found


class GuardianLink:
    """The supervisor's end of the channel; without a guardian nothing happens."""

    def __init__(self, legacy: Legacy) -> None:
        self.guardian_pid = legacy.guardian_pid
        self.channel = legacy.channel
        if self.channel is not None:
            self.channel.setblocking(False)

    def keep(self, uid: str, index: int, fds: tuple[int, int]) -> bool:
        """Have a task's pipes kept open; False if that was not possible."""
        if self.channel is None:
            return False
        with contextlib.suppress(OSError):
            socket.send_fds(self.channel, [json.dumps([uid, index]).encode()], fds)
            return True
        return False

    def release(self, uid: str, index: int) -> None:
        if self.channel is not None:
            with contextlib.suppress(OSError):
                self.channel.send(json.dumps([uid, index]).encode())

    def renew(self, renewal: Renewal) -> None:
        """Have the next supervisor be of another version."""
        if self.channel is not None:
            self.channel.send(json.dumps(renewal._asdict()).encode())

    def receive(self) -> tuple[int, int, int] | None:
        """Return (pid, start time, wait status) of an adopted process that has ended; None if there is no more.

        ``channel`` is None after the guardian has died.
        """
        if self.channel is None:
            return None
        try:
            data = self.channel.recv(4096)
        except BlockingIOError:
            return None
        except OSError:
            data = b""
        if not data:
            self.channel.close()
            self.channel = None
            return None
        pid, started, status = json.loads(data)
        return pid, started, status
