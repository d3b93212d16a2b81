"""One publisher at a time in a repository, so that none is overtaken for ever."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from reconciler.git.repository import Repository

LOCK_FILE = "publish.lock"


@contextmanager
def publishing_lock(repository: "Repository") -> Iterator[None]:
    """Wait until no other process of this machine publishes in ``repository``, then keep others waiting.

    Where there is no such lock (a folder that cannot be written, a file system without locks) nobody waits: Git's own
    check of each ref keeps reports from being lost, the lock only keeps the order.
    """
    file = _open_lock(repository)
    try:
        yield
    finally:
        if file:
            file.close()


def _open_lock(repository: "Repository") -> IO[str] | None:
    if sys.platform == "win32":
        return None
    import fcntl  # noqa: PLC0415 - not there on Windows

    folder = repository.common_dir / "reconciler"
    try:
        folder.mkdir(exist_ok=True)
        file = (folder / LOCK_FILE).open("a")
    except OSError:
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
    except OSError:
        file.close()
        return None
    return file
