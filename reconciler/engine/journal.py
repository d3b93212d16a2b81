"""The engine's memory on disk: an append-only file of marks, and a thread that makes them durable in groups.

A line is a CRC and a JSON object; a line that does not match its CRC is left out.  What is written survives the death
of the process at once, and that of the machine once ``sync`` has called back.
"""

import json
import os
import threading
import time
import zlib
from collections.abc import Callable, Iterable, Iterator
from queue import SimpleQueue
from typing import Any, NamedTuple

from reconciler.engine.spool import read_regular

Entry = dict[str, Any]
NAME = "journal"
_REST_SECONDS = 0.004
"""From one sync to the next, for more to come together."""

_encode = json.JSONEncoder(separators=(",", ":")).encode
_FLAGS = os.O_CREAT | os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC


class _Request(NamedTuple):
    files: tuple[str, ...]
    on_durable: Callable[[], None]
    on_failure: Callable[[], None] | None


class Journal:
    """``wake`` is called, from another thread, when ``run_callbacks`` has something to do.

    ``problem`` says why nothing can be made durable at present, or is empty.
    """

    def __init__(self, folder_fd: int, spool_fd: int, *, wake: Callable[[], None]) -> None:
        self._folder_fd = folder_fd
        self._spool_fd = spool_fd
        self._wake = wake
        self._fd = os.open(NAME, _FLAGS, 0o600, dir_fd=folder_fd)
        self._requests: SimpleQueue[_Request | None] = SimpleQueue()
        self._done: SimpleQueue[_Request] = SimpleQueue()
        self._open_requests = 0
        self._failed: list[_Request] = []
        self._thread = threading.Thread(target=self._serve, name="journal", daemon=True)
        self._thread.start()
        self.size = os.fstat(self._fd).st_size
        self.problem = ""

    def write(self, entries: Iterable[Entry]) -> bool:
        """Write entries down, so that they survive this process; False where that was not possible."""
        data = b"".join(map(_encode_line, entries))
        if self.problem:
            return False
        try:
            written = os.write(self._fd, data)
            self.size += written
            if written < len(data):
                raise OSError(28, "No space left on device")
        except OSError as error:
            self.problem = f"journal: {error.strerror}"
        return not self.problem

    def sync(
        self,
        on_durable: Callable[[], None],
        *,
        files: Iterable[str] = (),
        on_failure: Callable[[], None] | None = None,
    ) -> None:
        """Have everything written so far made durable, and ``files`` of the spool before it; then call back.

        Where that fails ``on_failure`` is called; without it, ``on_durable`` is, once ``replace`` has succeeded.
        """
        self._open_requests += 1
        self._requests.put(_Request(tuple(files), on_durable, on_failure))

    def run_callbacks(self) -> None:
        while not self._done.empty():
            request = self._done.get()
            self._open_requests -= 1
            if self.problem and request.on_failure is not None:
                request.on_failure()
            elif self.problem:
                self._failed.append(request)
            else:
                request.on_durable()

    @property
    def is_quiet(self) -> bool:
        return self._open_requests == 0

    def replace(self, entries: Iterable[Entry]) -> None:
        """Write the journal anew, durably, to hold ``entries`` alone; only while quiet. Raises OSError."""
        data = b"".join(map(_encode_line, entries))
        fd = os.open(f"{NAME}.new", _FLAGS | os.O_TRUNC, 0o600, dir_fd=self._folder_fd)
        try:
            write_whole(fd, data)
            os.fsync(fd)
            os.rename(f"{NAME}.new", NAME, src_dir_fd=self._folder_fd, dst_dir_fd=self._folder_fd)
            os.fsync(self._folder_fd)
        except OSError:
            os.close(fd)
            raise
        os.close(self._fd)
        self._fd, self.size, self.problem = fd, len(data), ""
        failed, self._failed = self._failed, []
        for request in failed:
            request.on_durable()

    def close(self) -> None:
        """Return when everything asked for has been made durable."""
        self._requests.put(None)
        self._thread.join()
        self.run_callbacks()
        os.close(self._fd)

    def _serve(self) -> None:
        rests_until = 0.0
        while True:
            group = [self._requests.get()]
            # To make one run durable takes the system longer than to run it; to make ten so takes no longer.
            time.sleep(max(rests_until - time.monotonic(), 0))
            while not self._requests.empty():
                group.append(self._requests.get())
            requests = [request for request in group if request is not None]
            if requests:
                self._make_durable(requests)
                rests_until = time.monotonic() + _REST_SECONDS
            if len(requests) < len(group):
                return

    def _make_durable(self, requests: list[_Request]) -> None:
        try:
            for request in requests:
                for name in request.files:
                    sync_file(self._spool_fd, name)
            os.fdatasync(self._fd)
        except OSError as error:
            # After a failed fsync the kernel may have dropped the pages: only a new file can be trusted.
            self.problem = f"journal: {error.strerror}"
        for request in requests:
            self._done.put(request)
        self._wake()


def sync_file(folder_fd: int, name: str) -> None:
    """Make a file's content durable; where that fails, or there is none, the outcome of the run still counts."""
    try:
        fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder_fd)
    except OSError:
        return
    try:
        os.fdatasync(fd)
    except OSError:
        return
    finally:
        os.close(fd)


def write_whole(fd: int, data: bytes) -> None:
    while data:
        data = data[os.write(fd, data) :]


def read_journal(folder_fd: int) -> Iterator[Entry]:
    """Yield the entries, oldest first, without those that a crash has torn."""
    for line in (read_regular(folder_fd, NAME) or b"").split(b"\n"):
        entry = _decode_line(line)
        if entry is not None:
            yield entry


def runs_under_way(entries: Iterable[Entry]) -> set[str]:
    """Return the uids of runs that were accepted and have not ended."""
    uids: set[str] = set()
    for entry in entries:
        if entry.get("kind") == "accept":
            uids.add(str(entry.get("uid")))
        elif entry.get("kind") == "end":
            uids.discard(str(entry.get("uid")))
    return uids


def _encode_line(entry: Entry) -> bytes:
    data = _encode(entry).encode()
    return b"%08x %s\n" % (zlib.crc32(data), data)


def _decode_line(line: bytes) -> Entry | None:
    checksum, _, data = line.partition(b" ")
    if checksum != b"%08x" % zlib.crc32(data):
        return None
    try:
        entry = json.loads(data)
    except ValueError:
        return None
    return entry if isinstance(entry, dict) else None
