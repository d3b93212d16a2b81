"""A child's stdout or stderr, read: masked, counted, hashed, and handed to the spool.

A piece that has been read and not yet been written when the supervisor is killed is lost: some microseconds' worth.
"""

import hashlib
import os
from collections.abc import Callable
from typing import Any

from reconciler.engine.masks import Masker, Silence
from reconciler.engine.spool import Record
from reconciler.engine.wire import IS_LINUX

TAIL_BYTES = 4096
_READ_BYTES = 1 << 16
NO_OUTPUT = {"bytes": 0, "sha256": hashlib.sha256().hexdigest(), "tail": ""}


def open_pipe() -> tuple[int, int]:
    """Return (our end, which does not block; the child's end).

    The child's end can also be read, so that a child that writes while no supervisor lives waits, and does not die of
    SIGPIPE; what it wrote is there for the next supervisor, which finds the pipe by the child's own open files.
    """
    if not IS_LINUX:
        ours, theirs = os.pipe()
        os.set_blocking(ours, False)
        return ours, theirs
    ours, theirs = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    os.close(theirs)
    # Opened anew it has flags of its own, so the child's end blocks.
    return ours, os.open(f"/proc/self/fd/{ours}", os.O_RDWR | os.O_CLOEXEC)


class OutputStream:
    """``keep`` gets what may be shown, and how many bytes had been read; None: it is only counted and hashed.

    ``fd`` is -1 once the stream has ended.
    """

    def __init__(self, fd: int, masker: Masker | Silence | None, keep: Callable[[bytes, int], None] | None) -> None:
        self.fd = fd
        self.count = 0
        self._masker = masker
        self._keep = keep
        self._hash: hashlib._Hash | None = None
        self._is_hash_known = True
        self._tail = b""

    def resume(self, records: list[Record], *, is_all: bool) -> None:
        """Go on after what an earlier supervisor has kept of this stream; ``is_all``: it kept every byte."""
        data = b"".join(record.data for record in records)
        self.count = records[-1].written if records else 0
        self._tail = data[-TAIL_BYTES:]
        self._hash = hashlib.sha256(data)
        self._is_hash_known = is_all

    def hide(self, forms: list[bytes]) -> None:
        """Show none of these forms from now on."""
        if self._masker is None:
            self._masker = Masker(forms)
        elif isinstance(self._masker, Masker):
            self._masker.hide(forms)

    def read(self) -> bool:
        """Read a piece; False when there was nothing. At the end of the stream ``fd`` is closed."""
        try:
            data = os.read(self.fd, _READ_BYTES)
        except BlockingIOError:
            return False
        except OSError:
            data = b""
        if not data:
            self.close()
            return False
        self.count += len(data)
        self._take(self._masker.feed(data) if self._masker else data)
        return True

    def _take(self, shown: bytes) -> None:
        if shown:
            # First of all: what was read and not yet kept would go down with this process.
            if self._keep is not None:
                self._keep(shown, self.count)
                self._tail = (self._tail + shown)[-TAIL_BYTES:] if len(shown) < TAIL_BYTES else shown[-TAIL_BYTES:]
            if self._hash is None:
                self._hash = hashlib.sha256()
            self._hash.update(shown)

    def close(self) -> None:
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1
            if self._masker:
                self._take(self._masker.flush())

    def summary(self) -> dict[str, Any]:
        """Return bytes as the child wrote them, and the hash and the end of what was shown.

        The hash is of the masked bytes, so that it can be checked against what is kept, and a short secret cannot be
        guessed from it.  It is empty where the middle went by before this supervisor lived.
        """
        if self._hash is None:
            return NO_OUTPUT | {"bytes": self.count}
        return {
            "bytes": self.count,
            "sha256": self._hash.hexdigest() if self._is_hash_known else "",
            "tail": self._tail.decode("utf-8", "replace"),
        }
