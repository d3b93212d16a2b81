"""Reading objects over long-lived ``git cat-file`` pipes: no process per object, no work tree, no filter."""

import re
import subprocess
from collections.abc import Callable, Sequence
from threading import Lock, Thread
from typing import IO, NamedTuple, TypeVar

from reconciler.model.errors import CouldNot

_HEADER = re.compile(rb"([0-9a-f]{40}(?:[0-9a-f]{24})?) (commit|tree|blob|tag) ([0-9]+)\n")

# What is asked for and not yet answered must fit into a pipe (16 KiB at least): else each waits for the other.
_WINDOW = 200

# From here on two gits read at a time.  The second costs its start, some 3 ms.
_MANY = 1_000

MAX_OBJECT_BYTES = 64 << 20
"""Nothing larger is read into memory."""

MISSING_HINT = "Is this a partial clone? Then fetch it whole: git fetch --refetch --no-filter."
DAMAGED_HINT = "Look with `git fsck --full`; if it complains, clone the repository anew."

Process = subprocess.Popen[bytes]
T = TypeVar("T")


class ObjectHeader(NamedTuple):
    oid: str
    type: str
    size: int


class _Unreadable(Exception):
    """Git ended when it was asked for this object."""


class _Pipe:
    """One ``git cat-file --batch`` or ``--batch-check`` with its two ends. After an error it is of no more use."""

    def __init__(self, process: Process) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self.process = process
        self._requests: IO[bytes] = process.stdin
        self._replies: IO[bytes] = process.stdout

    def ask(self, name: str) -> ObjectHeader | None:
        """Return the header of an object, None where there is none; with ``--batch`` its content is to be taken."""
        self._send(f"{name}\n".encode())
        return self._header(name)

    def take(self, header: ObjectHeader) -> bytes:
        if header.size > MAX_OBJECT_BYTES:
            raise CouldNot(
                f"object {header.oid} has {header.size:,} bytes, more than the {MAX_OBJECT_BYTES:,} that are read"
            )
        data = self._replies.read(header.size + 1)
        if len(data) != header.size + 1:
            raise _Unreadable(header.oid)
        return data[:-1]

    def contents(self, oids: Sequence[str]) -> list[bytes]:
        requests = [f"{oid}\n".encode() for oid in oids]
        half = _WINDOW // 2
        found: list[bytes] = []
        self._send(b"".join(requests[:half]))
        for start in range(0, len(oids), half):
            self._send(b"".join(requests[start + half : start + _WINDOW]))
            for oid in oids[start : start + half]:
                header = self._header(oid)
                if header is None:
                    raise CouldNot(f"object {oid} is not in the repository", hint=MISSING_HINT)
                found.append(self.take(header))
        return found

    def _header(self, name: str) -> ObjectHeader | None:
        line = self._replies.readline()
        match = _HEADER.fullmatch(line)
        if match:
            return ObjectHeader(match[1].decode(), match[2].decode(), int(match[3]))
        if line.endswith((b" missing\n", b" ambiguous\n")):
            return None
        raise _Unreadable(name)

    def _send(self, data: bytes) -> None:
        try:
            self._requests.write(data)
            self._requests.flush()
        except BrokenPipeError:
            # It ended over an earlier question, so the answer to this one will be missing too: see _header.
            return


class ObjectReader:
    """Objects of one repository by id, or by ``<commit>:<path>`` and the like; safe to share between threads."""

    def __init__(
        self,
        start: Callable[[Sequence[str]], Process],
        stop: Callable[[Process], None],
        explain: Callable[[str], CouldNot],
    ) -> None:
        """``explain`` says why git ended when it was asked for an object."""
        self._start = start
        self._stop = stop
        self._explain = explain
        self._pipes: dict[str, _Pipe] = {}
        self._lock = Lock()

    def header(self, name: str) -> ObjectHeader | None:
        """Return what ``name`` stands for, without its content; None where there is no such object."""
        return self._with_pipes(lambda: self._pipe("--batch-check").ask(name))

    def content(self, name: str, type_: str) -> tuple[str, bytes] | None:
        """Return id and content; None where there is no such object, or it is of another type.

        ``<name>^{commit}`` follows a tag.  A second look at the same object costs some 30 microseconds, no process.
        """

        def read() -> tuple[str, bytes] | None:
            pipe = self._pipe("--batch")
            header = pipe.ask(name)
            if header is None:
                return None
            data = pipe.take(header)
            return (header.oid, data) if header.type == type_ else None

        return self._with_pipes(read)

    def contents(self, oids: Sequence[str]) -> list[bytes]:
        """Return the contents of objects in the order asked for. Raises CouldNot for one that is not there."""
        if len(oids) < _MANY:
            return self._with_pipes(lambda: self._pipe("--batch").contents(oids))
        return self._with_pipes(lambda: self._contents_by_two(oids))

    def close(self) -> None:
        with self._lock:
            self._drop_pipes()

    def _contents_by_two(self, oids: Sequence[str]) -> list[bytes]:
        first, second = self._pipe("--batch"), self._pipe("--batch", number=2)
        middle = len(oids) // 2
        ends: list[list[bytes] | Exception] = []

        def read_second_half() -> None:
            try:
                ends.append(second.contents(oids[middle:]))
            except (CouldNot, _Unreadable) as error:
                ends.append(error)

        reader = Thread(target=read_second_half)
        reader.start()
        try:
            beginning = first.contents(oids[:middle])
        finally:
            reader.join()
        (end,) = ends
        if isinstance(end, Exception):
            raise end
        return beginning + end

    def _with_pipes(self, read: Callable[[], T]) -> T:
        with self._lock:
            try:
                return read()
            except _Unreadable as error:
                self._drop_pipes()
                raise self._explain(str(error)) from None
            except BaseException:
                # Answers may be on their way that nobody reads any more: the next question gets new pipes.
                self._drop_pipes()
                raise

    def _pipe(self, mode: str, *, number: int = 1) -> _Pipe:
        key = f"{mode} {number}"
        if key not in self._pipes:
            self._pipes[key] = _Pipe(self._start(["cat-file", mode]))
        return self._pipes[key]

    def _drop_pipes(self) -> None:
        while self._pipes:
            self._stop(self._pipes.popitem()[1].process)
