"""The process that runs jobs: ``python -m reconciler.engine.supervisor FOLDER [IDLE_SECONDS]``.

It lives apart from whoever started it, so that the daemon may die, restart or be upgraded while runs go on.  Standard
library only: it starts in some 50 ms.  The call returns when clients can connect: 0, also where another supervisor
already serves the folder; else 1 and the reason on standard error.

There are two processes, the guardian (``guardian.py``) and under it the supervisor (``worker.py``).  Children are the
supervisor's, and their output comes through pipes, which cost nothing to speak of and hold a child back that writes too
fast; files would do neither, and would hold secrets before they could be masked.  What that lacks the guardian makes
good: it inherits the children of a supervisor that was killed, with their exit codes, and holds the other ends of their
pipes.  When both are killed a run is found again by the pid, start time and boot id in the journal, and its output by
the pipe that it still holds; its exit code is known on Linux 6.15 and later.

FOLDER (mode 0700) holds: ``lock``, with flock for as long as either lives; ``socket`` (``wire.py``), at which only our
own user is heard; ``journal`` (``journal.py``, ``recall.py``), one mark per line; ``spool/`` (``spool.py``), the
output; ``seen`` (``seen.py``), uids that are never to be started again; ``log``, what went wrong.
"""

import fcntl
import os
import resource
import socket
import stat
import sys
import time

from reconciler.engine.guardian import Legacy, guard
from reconciler.engine.journal import read_journal
from reconciler.engine.processes import hide_memory
from reconciler.engine.recall import FORMAT
from reconciler.engine.succession import FLAG, resume, succeed
from reconciler.engine.wire import IS_LINUX, listen_in, socket_address
from reconciler.engine.worker import LOCK_NAME, Place, Worker
from reconciler.model.instant import utc_now

IDLE_SECONDS = 30.0
_LOCK_PATIENCE_SECONDS = 10.0


def main(arguments: list[str]) -> int:
    if arguments[0] == FLAG:
        hide_memory()
        place, idle_seconds, legacy = resume(int(arguments[1]))
        Worker(place, legacy, clock=utc_now, idle_seconds=idle_seconds).run()
        return 0
    path = os.path.abspath(arguments[0])
    idle_seconds = float(arguments[1]) if len(arguments) > 1 else IDLE_SECONDS
    try:
        folder_fd = open_folder(path)
        lock_fd = take_lock(path, folder_fd)
        if lock_fd is None:
            return 0
        refuse_newer(path, folder_fd)
        listener = listen_in(path, folder_fd)  # an old socket has no owner, because we hold the lock
    except OSError as error:
        sys.stderr.write(f"{error.filename or path}: {error.strerror or error}\n")
        return 1
    if os.fork():
        return 0
    detach(folder_fd)
    place = Place(path, folder_fd, lock_fd, listener)

    def serve(legacy: Legacy) -> None:
        Worker(place, legacy, clock=utc_now, idle_seconds=idle_seconds).run()

    if IS_LINUX:
        guard(serve, lambda legacy, renewal: succeed(place, idle_seconds, legacy, renewal))
    else:
        serve(Legacy(0, None, None, {}, {}, {}, {}, 0))
    return 0


def open_folder(path: str) -> int:
    """Make the engine's folder where it is missing and open it. Raises OSError if others may look into it."""
    os.makedirs(path, mode=0o700, exist_ok=True)
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    facts = os.fstat(fd)
    if facts.st_uid != os.geteuid():
        raise PermissionError(13, f"belongs to user {facts.st_uid}, not to us", path)
    if stat.S_IMODE(facts.st_mode) & 0o077:
        os.fchmod(fd, 0o700)
    return fd


def refuse_newer(path: str, folder_fd: int) -> None:
    """Raise OSError where the journal was written by a later version, whose runs we might not understand."""
    first = next(read_journal(folder_fd), {})
    if first.get("format", FORMAT) > FORMAT:
        reason = f"was written by a later version of this program (format {first['format']}, this one reads {FORMAT})"
        raise OSError(0, reason, f"{path}/journal")


def take_lock(path: str, folder_fd: int) -> int | None:
    """Return the folder's lock, held for as long as that file is open anywhere; None if another serves already."""
    flags = os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC
    lock_fd = os.open(LOCK_NAME, flags, 0o600, dir_fd=folder_fd)
    give_up_at = time.monotonic() + _LOCK_PATIENCE_SECONDS
    while True:
        try:
            fcntl.flock(lock_fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return lock_fd
        except BlockingIOError:
            if is_served(path, folder_fd):
                return None
            if time.monotonic() > give_up_at:
                raise
            # Its owner is on its way in or out: neither takes longer than some milliseconds.
            time.sleep(0.005)


def is_served(path: str, folder_fd: int) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(socket_address(path, folder_fd))
        except OSError:
            return False
        return True


def detach(folder_fd: int) -> None:
    """Leave the caller's session, folder and files; what goes wrong from here on is in the folder's log."""
    os.setsid()
    os.chdir("/")
    os.umask(0o022)
    # No dump, neither of ours nor of a job's, shall hold a secret.
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    hide_memory()
    log_fd = os.open("log", os.O_CREAT | os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW, 0o600, dir_fd=folder_fd)
    null_fd = os.open("/dev/null", os.O_RDWR)
    for number, fd in enumerate((null_fd, null_fd, log_fd)):
        os.dup2(fd, number)
    for fd in {null_fd, log_fd} - {0, 1, 2}:
        os.close(fd)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
