"""Processes as the system shows them: who lives, since when, whose child."""

import contextlib
import ctypes
import fcntl
import os
import stat
import struct
import time
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from reconciler.engine.wire import IS_LINUX

_PR_SET_DUMPABLE = 4
_PR_SET_NAME = 15
_PR_SET_CHILD_SUBREAPER = 36
_PIDFD_INFO = struct.Struct("QQ11Ii")
_PIDFD_INFO_EXIT = 1 << 3
_PIDFD_GET_INFO = 0xC000FF0B | _PIDFD_INFO.size << 16
_CORE_FLAG = 0x80
_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


class Birth(NamedTuple):
    """When a process was started, as we saw it: between two counts of clock ticks since boot.

    With the pid and the boot id it names a process for ever: no pid comes back within so short a time.
    """

    earliest: int
    latest: int

    def fits(self, started: int) -> bool:
        return self.earliest <= started <= self.latest


NEVER = Birth(-10, -10)


class ProcessFacts(NamedTuple):
    """``started`` is in clock ticks since boot."""

    pid: int
    state: str
    parent: int
    session: int
    started: int

    @property
    def is_dead(self) -> bool:
        return self.state in "ZX"


def become_subreaper(name: str) -> None:
    """Orphans among our descendants become our children; the process shows as ``name``. Linux only, else nothing."""
    if IS_LINUX:
        libc = ctypes.CDLL(None, use_errno=True)
        libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        libc.prctl(_PR_SET_NAME, name.encode(), 0, 0, 0)


def hide_memory() -> None:
    """Let no other process of our user, such as a job, look into this one. Linux only, else nothing."""
    if IS_LINUX:
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def ticks_now() -> int:
    """Return the clock ticks since boot, counted as the system counts a process's start."""
    clock = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
    return int(time.clock_gettime(clock) * _TICKS_PER_SECOND)


def boot_id() -> str:
    """Return what names this boot of the machine, or empty where the system does not say."""
    return _read("/proc/sys/kernel/random/boot_id").decode().strip()


def facts_of(pid: int) -> ProcessFacts | None:
    """Return the facts of a process, also of a zombie; None if there is none."""
    line = _read(f"/proc/{pid}/stat")
    # The name, in parentheses, may hold anything, also spaces and parentheses.
    fields = line[line.rfind(b")") + 2 :].split()
    if len(fields) < 20:
        return None
    return ProcessFacts(pid, fields[0].decode(), int(fields[1]), int(fields[3]), int(fields[19]))


def is_process(pid: int, birth: Birth) -> bool:
    """Say whether a process is still the one that was born then; a zombie is."""
    facts = facts_of(pid)
    return facts is not None and birth.fits(facts.started)


def children_of(pid: int) -> list[int]:
    """Return the children of a process, zombies included; empty if it is gone."""
    path = f"/proc/{pid}/task/{pid}/children"
    listed = _read(path)
    if listed or os.path.exists(path):
        return [int(child) for child in listed.split()]
    # Either the process is gone or the kernel was built without this file.
    return [facts.pid for facts in all_processes() if facts.parent == pid]


def descendants_of(pids: Iterable[int]) -> set[int]:
    """Return ``pids`` and everything below them."""
    found: set[int] = set()
    waiting = list(pids)
    while waiting:
        pid = waiting.pop()
        if pid not in found:
            found.add(pid)
            waiting += children_of(pid)
    return found


def all_processes() -> Iterator[ProcessFacts]:
    if not os.path.isdir("/proc/self"):
        return
    for name in os.listdir("/proc"):
        if name.isdigit():
            facts = facts_of(int(name))
            if facts is not None:
                yield facts


def variable_of(pid: int, name: str) -> str:
    """Return what a process was given for an environment variable at its start; empty where we may not look."""
    start = name.encode() + b"="
    entries = _read(f"/proc/{pid}/environ").split(b"\0")
    return os.fsdecode(next((entry[len(start) :] for entry in entries if entry.startswith(start)), b""))


def exit_status_of(pidfd: int) -> int | None:
    """Return the wait status of a process that has ended and was reaped, child of ours or not; None if unknown.

    Linux 6.15 and later (PIDFD_GET_INFO with PIDFD_INFO_EXIT); elsewhere None.
    """
    answer = bytearray(_PIDFD_INFO.pack(_PIDFD_INFO_EXIT, *[0] * 13))
    try:
        fcntl.ioctl(pidfd, _PIDFD_GET_INFO, answer)
    except OSError:
        return None
    mask, *_, status = _PIDFD_INFO.unpack(answer)
    return int(status) if mask & _PIDFD_INFO_EXIT else None


def take_ended_children(told: Callable[[int, int], None]) -> None:
    """Call ``told`` with (pid, wait status) of each child that has ended, and only then let the system forget it."""
    with contextlib.suppress(ChildProcessError):
        if not hasattr(os, "waitid"):
            while (found := os.waitpid(-1, os.WNOHANG))[0]:
                told(*found)
            return
        while ended := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            is_exit, is_dump = ended.si_code == os.CLD_EXITED, ended.si_code == os.CLD_DUMPED
            told(ended.si_pid, ended.si_status << 8 if is_exit else ended.si_status | (_CORE_FLAG if is_dump else 0))
            os.waitpid(ended.si_pid, 0)


def command_of(pid: int) -> bytes:
    return _read(f"/proc/{pid}/cmdline")


def wait_for_embryos(*, patience_seconds: float) -> None:
    """Return when no process is still on its way to become another program, after its supervisor was killed.

    Until then it looks like a supervisor, and cannot be told by its environment.
    """
    supervisors = {os.getpid(), os.getppid()}
    commands = {command_of(pid) for pid in supervisors}
    give_up_at = time.monotonic() + patience_seconds
    while time.monotonic() < give_up_at and any(
        facts.pid not in supervisors and not facts.is_dead and command_of(facts.pid) in commands
        for facts in all_processes()
    ):
        # A start takes some milliseconds, and there is nothing to be told of its end.
        time.sleep(0.002)


def pipe_of(pid: int, number: int) -> int:
    """Return the inode of the pipe behind an open file of a process; -1 where there is none."""
    try:
        facts = os.stat(f"/proc/{pid}/fd/{number}")
    except OSError:
        return -1
    return facts.st_ino if stat.S_ISFIFO(facts.st_mode) else -1


def reopen_pipe(pid: int, number: int) -> int:
    """Open the reading end of a pipe that a process has open; -1 where that is impossible."""
    try:
        return os.open(f"/proc/{pid}/fd/{number}", os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return -1


def send_signal(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except (ProcessLookupError, PermissionError):
        return


def _read(path: str) -> bytes:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return b""
    try:
        data = os.read(fd, 65536)
        while len(data) >= 65536 and (more := os.read(fd, 1 << 20)):
            data += more
    except OSError:
        return b""
    finally:
        os.close(fd)
    return data
