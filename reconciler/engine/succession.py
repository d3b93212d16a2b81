"""Hands the runs of one version of this program to a supervisor of another, without an end to any of them.

What is passed on is named by the numbers of open files, in a JSON document that is itself an open file: the interface
between versions, together with the journal.
"""

import fcntl
import json
import os
import socket
from typing import Any, NoReturn

from reconciler.engine.book import Book
from reconciler.engine.guardian import Legacy, Orphan, Renewal
from reconciler.engine.worker import Place

FLAG = "--succeed"


def succeed(place: Place, idle_seconds: float, legacy: Legacy, renewal: Renewal) -> NoReturn:
    """Become a supervisor of the other version."""
    assert legacy.channel is not None
    assert legacy.book is not None
    state = {
        "path": place.path,
        "folder": place.fd,
        "lock": place.lock_fd,
        "listener": place.listener.fileno(),
        "idle_seconds": idle_seconds,
        "guardian_pid": legacy.guardian_pid,
        "channel": legacy.channel.fileno(),
        "book": legacy.book.fds,
        "pipes": [[uid, index, *fds] for (uid, index), fds in legacy.pipes.items()],
        "found": list(legacy.found.items()),
        "orphans": [[output_path, *orphan] for output_path, orphan in legacy.orphans.items()],
        "exits": [[*process, status] for process, status in legacy.exits.items()],
        "stops": legacy.stops,
    }
    for fd in _open_files(state):
        os.set_inheritable(fd, True)
    document = os.memfd_create("legacy", 0)
    os.write(document, json.dumps(state).encode())
    # The path is for those who look at the list of processes.
    command = [*renewal.command, FLAG, str(document), place.path]
    os.execve(command[0], command, renewal.env)  # noqa: S606 - no shell, rightly


def resume(document: int) -> tuple[Place, float, Legacy]:
    """Read what ``succeed`` has passed on."""
    state = json.loads(os.pread(document, os.fstat(document).st_size, 0))
    for fd in (document, *_open_files(state)):
        fcntl.fcntl(fd, fcntl.F_SETFD, fcntl.FD_CLOEXEC)
    os.close(document)
    legacy = Legacy(
        guardian_pid=state["guardian_pid"],
        channel=socket.socket(fileno=state["channel"]),
        book=Book(state["book"]),
        pipes={(uid, index): (out, err) for uid, index, out, err in state["pipes"]},
        found=dict(state["found"]),
        orphans={path: Orphan(pid, started, (out, err)) for path, pid, started, (out, err) in state["orphans"]},
        exits={(pid, started): status for pid, started, status in state["exits"]},
        stops=state["stops"],
    )
    place = Place(state["path"], state["folder"], state["lock"], socket.socket(fileno=state["listener"]))
    return place, state["idle_seconds"], legacy


def _open_files(state: dict[str, Any]) -> list[int]:
    pipes = [fd for _, _, *fds in state["pipes"] for fd in fds]
    found = [fd for _, fd in state["found"]]
    return [state["folder"], state["lock"], state["listener"], state["channel"], *state["book"], *pipes, *found]
