"""Reading objects over long-lived ``git cat-file`` pipes: no process per object, no work tree, no filter."""

import re
import subprocess
from collections.abc import Callable, Iterator, Sequence
from threading import Lock
from typing import IO, NamedTuple

from reconciler.model.errors import CouldNot

_HEADER = re.compile(rb"([0-9a-f]{40}(?:[0-9a-f]{24})?) (commit|tree|blob|tag) ([0-9]+)\n")

# What is asked for and not yet answered must fit into a pipe (16 KiB at least): else each waits for the other.
_WINDOW = 200

MAX_OBJECT_BYTES = 64 << 20
"""Nothing larger is read into memory."""

MISSING_HINT = "Is this a partial clone? Then fetch it whole: git fetch --refetch --no-filter."
DAMAGED_HINT = "Look with `git fsck --full`; if it complains, clone the repository anew."

StartGit = Callable[[Sequence[str]], "subprocess.Popen[bytes]"]


class ObjectHeader(NamedTuple):
    oid: str
    type: str
    size: int


class _Pipe:
    """One ``git cat-file --batch`` or ``--batch-check`` with its two ends."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self.process = process
        self.requests: IO[bytes] = process.stdin
        self.replies: IO[bytes] = process.stdout


class ObjectReader:
    """Objects of one repository by id, or by ``<commit>:<path>`` and the like; safe to share between threads."""

    def __init__(
        self,
        start: StartGit,
        stop: Callable[["subprocess.Popen[bytes]"], None],
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
        with self._lock:
            return self._ask("--batch-check", name)

    def content(self, name: str, type_: str) -> tuple[str, bytes] | None:
        """Return id and content; None where there is no such object, or it is of another type.

        ``<name>^{commit}`` follows a tag.  A second look at the same object costs some 30 microseconds, no process.
        """
        with self._lock:
            header = self._ask("--batch", name)
            if header is None:
                return None
            data = self._take(header)
            return (header.oid, data) if header.type == type_ else None

    def contents(self, oids: Sequence[str]) -> list[bytes]:
        """Return the contents of objects in the order asked for. Raises CouldNot for one that is not there."""
        with self._lock:
            return list(self._contents(oids))

    def close(self) -> None:
        with self._lock:
            while self._pipes:
                self._stop(self._pipes.popitem()[1].process)

    def _ask(self, mode: str, name: str) -> ObjectHeader | None:
        pipe = self._pipe(mode)
        self._send(pipe, f"{name}\n".encode())
        return self._header(pipe, name)

    def _contents(self, oids: Sequence[str]) -> Iterator[bytes]:
        pipe = self._pipe("--batch")
        requests = [f"{oid}\n".encode() for oid in oids]
        half = _WINDOW // 2
        self._send(pipe, b"".join(requests[:half]))
        for start in range(0, len(oids), half):
            self._send(pipe, b"".join(requests[start + half : start + _WINDOW]))
            for oid in oids[start : start + half]:
                header = self._header(pipe, oid)
                if header is None:
                    self._drop_all()
                    raise CouldNot(f"object {oid} is not in the repository", hint=MISSING_HINT)
                yield self._take(header)

    def _header(self, pipe: _Pipe, name: str) -> ObjectHeader | None:
        line = pipe.replies.readline()
        match = _HEADER.fullmatch(line)
        if match:
            return ObjectHeader(match[1].decode(), match[2].decode(), int(match[3]))
        if line.endswith((b" missing\n", b" ambiguous\n")):
            return None
        self._drop_all()
        raise self._explain(name)

    def _take(self, header: ObjectHeader) -> bytes:
        if header.size > MAX_OBJECT_BYTES:
            self._drop_all()
            raise CouldNot(
                f"object {header.oid} has {header.size:,} bytes, more than the {MAX_OBJECT_BYTES:,} that are read"
            )
        data = self._pipes["--batch"].replies.read(header.size + 1)
        if len(data) != header.size + 1:
            self._drop_all()
            raise self._explain(header.oid)
        return data[:-1]

    def _send(self, pipe: _Pipe, data: bytes) -> None:
        try:
            pipe.requests.write(data)
            pipe.requests.flush()
        except BrokenPipeError:
            # It ended over an earlier question, and the answer to this one will be missing too: see _header.
            return

    def _pipe(self, mode: str) -> _Pipe:
        pipe = self._pipes.get(mode)
        if pipe is None:
            pipe = self._pipes[mode] = _Pipe(self._start(["cat-file", mode]))
        return pipe

    def _drop_all(self) -> None:
        """Answers may be on their way that nobody reads any more: begin with new pipes."""
        while self._pipes:
            self._stop(self._pipes.popitem()[1].process)
