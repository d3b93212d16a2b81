"""Where a task's script lies, and the file that RECONCILER_OUTPUT names.

For a task with the engine's own account that is the spool.  Nobody else may enter the engine's folder; so for a task
with another account it is a folder of root's, which all may pass and nobody may list, with files of that account.
"""

import contextlib
import hashlib
import os
import socket
import stat
from typing import NamedTuple

from reconciler.engine.spawner import CannotStart
from reconciler.engine.spool import read_regular, remove_files
from reconciler.engine.wire import SOCKET_NAME, listen_in
from reconciler.engine.work import Order, Task, output_file, scratch_files, script_file

_NEW_FILE = os.O_CREAT | os.O_TRUNC | os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC
_RUNTIME_FOLDERS = ("/run", "/var/run", "/tmp")  # noqa: S108 - it is refused where it is not ours


class Account(NamedTuple):
    name: str
    uid: int
    gid: int
    home: str


def find_account(name: str | None) -> Account | None:
    """Return the account to change to; None where it is our own. Raises CannotStart."""
    if name is None:
        return None
    # Few runs need it, and its import would slow down the start of every supervisor.
    import pwd  # noqa: PLC0415

    try:
        entry = pwd.getpwnam(name)
    except (KeyError, ValueError):
        raise CannotStart(f"account {name!r} does not exist on this machine") from None
    if entry.pw_uid == os.geteuid():
        return None
    if os.geteuid() != 0:
        raise CannotStart(f"only root may run tasks as {name!r}")
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid, entry.pw_dir)


class Scratch:
    def __init__(self, engine_path: str, spool_path: str, spool_fd: int) -> None:
        self._spool = (spool_path, spool_fd)
        self._open: tuple[str, int] | None = None
        parent = next(path for path in _RUNTIME_FOLDERS if os.path.isdir(path))
        # The same for every supervisor of this engine: a run is found again by this path.
        self._open_path = f"{parent}/reconciler-{hashlib.sha256(os.fsencode(engine_path)).hexdigest()[:16]}"

    def output_path(self, uid: str, index: int, task: Task) -> str:
        folder = self._spool[0] if task.account is None else self._open_path
        return f"{folder}/{output_file(uid, index)}"

    def prepare(self, uid: str, index: int, task: Task, account: Account | None) -> str:
        """Write down the task's script, and make what its account needs; return the script's path or nothing.

        Raises OSError.
        """
        path, fd = self._folder(task)
        if task.account is not None:
            self._write(fd, output_file(uid, index), "", 0o600, account)
        if task.script is None:
            return ""
        name = script_file(uid, index, task.script_suffix)
        self._write(fd, name, task.script, 0o700, account)
        return f"{path}/{name}"

    def _write(self, folder_fd: int, name: str, text: str, mode: int, account: Account | None) -> None:
        with open(os.open(name, _NEW_FILE, mode, dir_fd=folder_fd), "w", encoding="utf-8",
                  errors="surrogateescape", newline="") as file:  # fmt: skip
            if account is not None:
                os.fchown(file.fileno(), account.uid, account.gid)
            file.write(text)

    def read_output(self, uid: str, index: int, task: Task, *, limit: int) -> bytes | None:
        try:
            _, fd = self._folder(task)
        except OSError:
            return None
        return read_regular(fd, output_file(uid, index), limit=limit)

    def remove(self, order: Order) -> None:
        names = list(scratch_files(order))
        remove_files(self._spool[1], names)
        if any(task.account is not None for task in order.tasks):
            with contextlib.suppress(OSError):
                remove_files(self._open_folder()[1], names)

    def listen(self) -> tuple[socket.socket, str]:
        """Return a socket that tasks with other accounts can reach, and its path. Raises OSError."""
        path, fd = self._open_folder()
        listener = listen_in(path, fd)
        os.chmod(SOCKET_NAME, 0o666, dir_fd=fd)  # noqa: S103 - the token says who may ask
        return listener, f"{path}/{SOCKET_NAME}"

    def close(self) -> None:
        """Take away the open folder where nothing is left in it."""
        if self._open is not None:
            with contextlib.suppress(OSError):
                os.unlink(SOCKET_NAME, dir_fd=self._open[1])
            with contextlib.suppress(OSError):
                os.rmdir(self._open_path)

    def _folder(self, task: Task) -> tuple[str, int]:
        return self._spool if task.account is None else self._open_folder()

    def _open_folder(self) -> tuple[str, int]:
        if self._open is None:
            with contextlib.suppress(FileExistsError):
                os.mkdir(self._open_path, 0o711)
            fd = os.open(self._open_path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
            facts = os.fstat(fd)
            if facts.st_uid != os.geteuid() or stat.S_IMODE(facts.st_mode) & 0o066:
                os.close(fd)
                raise PermissionError(13, "is not a folder of ours alone", self._open_path)
            self._open = (self._open_path, fd)
        return self._open
