"""What Linux can tell about a database file: who writes to it now, and whether its locks can be trusted."""

import os
from pathlib import Path

from reconciler.model.errors import CouldNot

_WRITE_LOCK = "120"  # the byte of the -shm file that SQLite's one writer locks ("WAL-Index Shared-Memory", fileformat)
_NETWORK = frozenset({"nfs", "nfs4", "cifs", "smb3", "smbfs", "afs", "ceph", "lustre", "glusterfs"})


def name_writer(path: Path) -> str:
    """Return who holds the write lock of the database at ``path``: ``process 4711 (reconciler)``, as far as known."""
    try:
        shared = os.stat(f"{path}-shm")  # noqa: PTH116 - a name, not a path of ours
        locks = Path("/proc/locks").read_text(encoding="ascii")
    except (OSError, ValueError):
        return "another process"
    place = f"{os.major(shared.st_dev):02x}:{os.minor(shared.st_dev):02x}:{shared.st_ino}"
    for line in locks.splitlines():
        words = line.split()
        if words[-4:] == [words[-4], place, _WRITE_LOCK, _WRITE_LOCK] and "WRITE" in words:
            return _name_process(words[-4])
    return "another process"


def _name_process(pid: str) -> str:
    try:
        name = Path(f"/proc/{pid}/comm").read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return f"process {pid}"
    return f"process {pid} ({name})"


def refuse_network(folder: Path) -> None:
    """Raise CouldNot where ``folder`` lies on a network file system, whose locks do not bind other machines."""
    kind = _file_system(folder)
    if kind in _NETWORK or kind.startswith("fuse.sshfs"):
        raise CouldNot(
            f"{folder}: the state cannot lie on a network file system ({kind}): locks there do not bind other machines",
            hint="Choose a folder on a local disk for the state.",
        )


def _file_system(folder: Path) -> str:
    """Return the type of the file system that ``folder`` is on; empty where the system does not say."""
    try:
        table = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="replace")
        device = os.stat(folder).st_dev  # noqa: PTH116 - beside the other look-ups by device
    except OSError:
        return ""
    place = f"{os.major(device)}:{os.minor(device)}"
    for line in table.splitlines():
        before, _, after = line.partition(" - ")
        if before.split()[2] == place:
            return after.split()[0]
    return ""
