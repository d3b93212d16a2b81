"""Processes as the system shows them: who lives, since when, whose child; and how to start one."""

import ctypes
import fcntl
import os
import signal
import stat
import struct
import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

_PR_SET_NAME = 15
_PR_SET_CHILD_SUBREAPER = 36
_PIDFD_INFO = struct.Struct("QQ11Ii")
_PIDFD_INFO_EXIT = 1 << 3
_PIDFD_GET_INFO = 0xC000FF0B | _PIDFD_INFO.size << 16
_DEFAULT_PATH = "/usr/local/bin:/usr/bin:/bin"
# Python ignores these, and what is ignored stays so over exec.
_DEFAULT_SIGNALS = tuple(
    getattr(signal, name) for name in ("SIGPIPE", "SIGXFSZ", "SIGCHLD", "SIGTERM", "SIGINT") if hasattr(signal, name)
)


class CannotStart(Exception):
    """A program could not be started: the text says what and why."""


class ProcessFacts(NamedTuple):
    """``started`` is in clock ticks since boot: with the pid and the boot id it names a process for ever."""

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
    if sys.platform != "linux":
        return
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    libc.prctl(_PR_SET_NAME, name.encode(), 0, 0, 0)


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


def children_of(pid: int) -> list[int]:
    """Return the children of a process, zombies included; empty if it is gone."""
    try:
        with open(f"/proc/{pid}/task/{pid}/children", "rb") as file:
            return [int(child) for child in file.read().split()]
    except FileNotFoundError:
        # Either the process is gone or the kernel was built without this file.
        return [facts.pid for facts in all_processes() if facts.parent == pid]
    except OSError:
        return []


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


def carries_marker(pid: int, marker: bytes) -> bool:
    """Say whether a process was given ``NAME=value`` in its environment."""
    return marker in _read(f"/proc/{pid}/environ").split(b"\0")


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
        data = os.read(fd, 4096)
        while more := os.read(fd, 65536):
            data += more
    except OSError:
        return b""
    finally:
        os.close(fd)
    return data


def find_program(name: str, env: Mapping[str, str]) -> str:
    """Return the path to run for ``argv[0]``: as it is with a slash, else looked up in the PATH of ``env``."""
    if not name:
        raise CannotStart("no program is named")
    if "/" in name:
        return name
    refused = ""
    for folder in env.get("PATH", _DEFAULT_PATH).split(":"):
        path = f"{folder}/{name}"
        # A relative entry would run what happens to lie in the working directory.
        if not folder.startswith("/") or not os.path.isfile(path):
            continue
        if os.access(path, os.X_OK):
            return path
        refused = refused or path
    if refused:
        raise CannotStart(f"{refused}: Permission denied (not executable)")
    raise CannotStart(f"{name}: No such file or directory (not found in PATH)")


def start_program(
    argv: list[str], env: Mapping[str, str], *, cwd: str, home_fd: int, stdio: tuple[int, int, int]
) -> int:
    """Start a program in a session of its own and return its pid. Raises CannotStart.

    ``home_fd`` is the folder to be in afterwards: the process changes its own for a moment, because posix_spawn, which
    is three times as fast as the other ways, has no argument for it.
    """
    path = ""
    try:
        try:
            os.chdir(cwd)
        except (OSError, ValueError) as error:
            raise CannotStart(f"working directory {cwd!r}: {_reason(error)}") from error
        path = find_program(argv[0] if argv else "", env)
        return os.posix_spawn(
            path,
            argv,
            env,
            file_actions=[(os.POSIX_SPAWN_DUP2, fd, number) for number, fd in enumerate(stdio)],
            setsid=True,
            setsigmask=(),
            setsigdef=_DEFAULT_SIGNALS,
        )
    except (OSError, ValueError) as error:
        raise CannotStart(f"{path}: {_reason(error)}{_explain(path, error)}") from error
    finally:
        os.fchdir(home_fd)


def _reason(error: OSError | ValueError) -> str:
    return error.strerror or str(error) if isinstance(error, OSError) else str(error)


def _explain(path: str, error: OSError | ValueError) -> str:
    if not isinstance(error, OSError):
        return " (in an argument or the environment)"
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError):
        return ""
    if stat.S_ISDIR(mode):
        return " (is a directory)"
    if error.errno == 8:
        return " (no #! line, or built for another machine)"
    if error.errno == 2:
        return " (the interpreter it names is missing)"
    return ""
