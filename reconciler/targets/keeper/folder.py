"""The agent's folder, touched with care: whole files or none, no link followed, nothing outside of it.

Every name is looked up below one open folder, so that a folder or file that is exchanged for a link in between leads
nowhere else.
"""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from errno import EEXIST, ELOOP, ENOENT, ENOTDIR
from pathlib import Path
from typing import NamedTuple

from reconciler.model.errors import TargetUnavailable
from reconciler.targets.keeper.reading import NotOurs

MAX_BYTES = 1 << 20
MAX_FILES = 20_000
_TEMPORARY = ".reconciler-"
_MODE = 0o644
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class Staged(NamedTuple):
    """A file beside the one it will be, still open."""

    name: str
    fd: int


class Folder:
    """An open folder; ``open_folder`` makes one."""

    def __init__(self, fd: int, path: str, target: str) -> None:
        self._fd = fd
        self._path = path
        self._target = target

    def names(self) -> list[str]:
        """Return the names of all that lies in the folder, ordered."""
        with self._telling("list"):
            return sorted(os.listdir(self._fd))  # noqa: PTH208 - a path would be looked up anew

    def read(self, name: str) -> bytes | None:
        """Return the content of a file, None where there is none. Raises NotOurs for what is no small regular file."""
        try:
            fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=self._fd)
        except OSError as error:
            if error.errno == ENOENT:
                return None
            raise NotOurs("it is a link" if error.errno == ELOOP else f"it cannot be read: {error.strerror}") from None
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            os.close(fd)
            raise NotOurs("it is no regular file")
        with os.fdopen(fd, "rb") as file:
            try:
                data = file.read(MAX_BYTES + 1)
            except OSError as error:
                raise NotOurs(f"it cannot be read: {error.strerror}") from None
        if len(data) > MAX_BYTES:
            raise NotOurs(f"it is larger than {MAX_BYTES:,} bytes")
        return data

    def stage(self, data: bytes, name: str) -> Staged:
        """Write ``data`` beside ``name``, where no agent looks at it; it is durable once it is settled."""
        temporary = f"{_TEMPORARY}{name}.tmp"
        with self._telling("write to"):
            fd = os.open(temporary, _NEW, _MODE, dir_fd=self._fd)
            staged = Staged(temporary, fd)
            try:
                _write_all(fd, data)
                if hasattr(os, "posix_fadvise"):
                    # It begins to write now, so that the disk has less to do when it is waited for.
                    os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
            except BaseException:
                self.discard(staged)
                raise
        return staged

    def settle(self, staged: Staged) -> None:
        """Wait until the disk has a staged file."""
        with self._telling("write to"):
            os.fsync(staged.fd)

    def discard(self, staged: Staged) -> None:
        with suppress(OSError):
            os.close(staged.fd)
        self._unlink(staged.name)

    def _unlink(self, name: str) -> None:
        with suppress(OSError):
            os.unlink(name, dir_fd=self._fd)

    def place(self, staged: Staged, name: str, *, is_new: bool) -> bool:
        """Give a staged file its name at once; False where it ``is_new`` and something has that name by now."""
        with self._telling(f"write {name} to"):
            try:
                if is_new:
                    return self._link(staged.name, name)
                os.rename(staged.name, name, src_dir_fd=self._fd, dst_dir_fd=self._fd)
            finally:
                self.discard(staged)
        return True

    def sync(self) -> None:
        """Wait until the disk has what was placed and removed."""
        with self._telling("write to"):
            os.fsync(self._fd)

    def _link(self, temporary: str, name: str) -> bool:
        try:
            os.link(temporary, name, src_dir_fd=self._fd, dst_dir_fd=self._fd, follow_symlinks=False)
        except OSError as error:
            if error.errno == EEXIST:
                return False
            # A file system without links (FAT, some shares): looking first is the best there is.
            with suppress(FileNotFoundError):
                os.stat(name, dir_fd=self._fd, follow_symlinks=False)
                return False
            os.rename(temporary, name, src_dir_fd=self._fd, dst_dir_fd=self._fd)
        return True

    def remove(self, name: str) -> None:
        """Remove a file; one that is gone already is as good."""
        with self._telling(f"remove {name} from"), suppress(FileNotFoundError):
            os.unlink(name, dir_fd=self._fd)

    def sweep(self) -> None:
        """Remove the temporary files that a kill left behind; only for who holds the folder alone."""
        for name in self.names():
            if name.startswith(_TEMPORARY) and name.endswith(".tmp"):
                self._unlink(name)

    def lock(self) -> None:
        """Keep other writers out until the folder is closed. Raises TargetUnavailable while there is one."""
        import fcntl  # noqa: PLC0415 - not on Windows, where definitions are only checked

        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            message = f"target {self._target}: another process is writing to {self._path}"
            raise TargetUnavailable(message, hint="Try again when it has ended.") from None
        except OSError:
            return  # a file system without locks: the lease of the state is what keeps others out then

    @contextmanager
    def _telling(self, verb: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            message = f"target {self._target}: cannot {verb} {self._path}: {error.strerror}"
            raise TargetUnavailable(message, hint="Mend that, then apply again.") from None


@contextmanager
def open_folder(path: str, *, target: str) -> Iterator[Folder]:
    """Open the folder of a target; it is never made. Raises TargetUnavailable."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        raise TargetUnavailable(f"target {target}: {_why(path, error)}", hint=_way_out(error)) from None
    try:
        yield Folder(fd, path, target)
    finally:
        os.close(fd)


def _write_all(fd: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(fd, rest) :]


def shares_files(path: str, other: str) -> bool:
    """Return whether two paths lead to the same folder, or to one within the other, whatever they look like."""
    first, second = (Path(os.path.realpath(name)) for name in (path, other))
    if first == second or first in second.parents or second in first.parents:
        return True
    with suppress(OSError):
        return first.samefile(second)  # one folder may be mounted at two places
    return False


def _why(path: str, error: OSError) -> str:
    if error.errno == ENOENT:
        return f"there is no folder {path}"
    if error.errno in {ENOTDIR, ELOOP}:
        return f"{path} is {'a link' if Path(path).is_symlink() else 'no folder'}"
    return f"cannot open {path}: {error.strerror}"


def _way_out(error: OSError) -> str:
    if error.errno == ENOENT:
        return "Is it mounted? It is not made by reconciler; settings.path of the target names it."
    return "Write the folder's own path into settings.path of the target."
