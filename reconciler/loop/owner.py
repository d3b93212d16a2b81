"""Who holds a lease, in a way that tells whether that process still lives: ``host:pid:start``."""

import os
from pathlib import Path


def name_owner(host: str) -> str:
    """Return how this process signs: with when it started, so that a recycled pid is not taken for it."""
    return f"{host}:{os.getpid()}:{_start_of(os.getpid())}"


def is_gone(owner: str, *, host: str) -> bool:
    """Return whether ``owner`` was a process of this host that no longer lives; of other hosts nothing is known."""
    where, pid, start = _parts(owner)
    return where == host and pid.isdigit() and start != "" and _start_of(int(pid)) != start


def show_owner(owner: str) -> str:
    """Return the owner as people know it: ``host:pid``."""
    where, pid, _ = _parts(owner)
    return f"{where}:{pid}"


def _parts(owner: str) -> tuple[str, str, str]:
    rest, _, start = owner.rpartition(":")
    where, _, pid = rest.rpartition(":")
    return where, pid, start


def _start_of(pid: int) -> str:
    """Return when a process started, in the kernel's ticks; empty when it is gone, or the system has no /proc."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return ""
    # The second field is the program's name in brackets, and may hold anything; the start is the 22nd (proc(5)).
    return stat.rpartition(b")")[2].split()[19].decode("ascii")
