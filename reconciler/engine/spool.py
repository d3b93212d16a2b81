"""A run's output on disk: records with their time, head and tail kept past a cap.

Files of a run in the spool folder: ``UID.head`` (up to half the cap), then ``UID.tail0`` and ``UID.tail1`` by turns,
each up to half the cap, so that the last half is always there.  A record is a header and its bytes; a torn one ends a
file.
"""

import contextlib
import os
import stat
import struct
from collections.abc import Iterable, Iterator
from typing import NamedTuple

_HEADER = struct.Struct("<BBHIQQQ")
_MAGIC = 0xA7
SPOOL_FOLDER = "spool"
PARTS = ("head", "tail0", "tail1")


class Record(NamedTuple):
    """``at`` is in microseconds since 1970.

    ``offset`` counts the bytes shown by the run before this record, ``written`` those that the child had written to
    this stream when it was read.
    """

    task: int
    stream: int
    at: int
    offset: int
    written: int
    data: bytes


class SpoolWriter:
    """Writes one run's records; opens no file before the first byte.

    ``problem`` is why bytes were not kept, or empty.
    """

    def __init__(self, folder_fd: int, uid: str, *, cap_bytes: int) -> None:
        self._folder_fd = folder_fd
        self._uid = uid
        self._half = max(cap_bytes // 2, 1)
        self._fd = -1
        self._part = 0
        self._data_bytes = 0
        self._file_bytes = 0
        self.offset = 0
        self.problem = ""

    def resume(self) -> list[Record]:
        """Go on where an earlier supervisor ended; return what is kept so far."""
        parts = [list(_read_part(self._folder_fd, f"{self._uid}.{part}")) for part in PARTS]
        latest = max(range(len(parts)), key=lambda part: parts[part][-1].offset if parts[part] else -1)
        if not parts[latest]:
            return []
        last = parts[latest][-1]
        self._part, self.offset = latest, last.offset + len(last.data)
        self._data_bytes = sum(len(record.data) for record in parts[latest])
        self._file_bytes = self._data_bytes + len(parts[latest]) * _HEADER.size
        self._fd = os.open(self._name, os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=self._folder_fd)
        # A record that was being written when it died.
        os.ftruncate(self._fd, self._file_bytes)
        return sorted((record for part in parts for record in part), key=lambda record: record.offset)

    @property
    def _name(self) -> str:
        return f"{self._uid}.{PARTS[self._part]}"

    def write(self, task: int, stream: int, at: int, data: bytes, *, written: int) -> None:
        while data:
            room = self._half - self._data_bytes
            # A child that writes single bytes would make the headers cost more than the cap: they count, too.
            if room <= 0 or self._file_bytes > 8 * self._half + 4096:
                self._turn()
                continue
            self._append(task, stream, at, data[:room], written)
            data = data[room:]

    def _append(self, task: int, stream: int, at: int, data: bytes, written: int) -> None:
        header = _HEADER.pack(_MAGIC, stream, task, len(data), at, self.offset, written)
        self.offset += len(data)
        self._data_bytes += len(data)
        self._file_bytes += len(header) + len(data)
        if self.problem:
            return
        try:
            if self._fd < 0:
                self._open()
            whole = os.writev(self._fd, (header, data)) == len(header) + len(data)
            if not whole:
                raise OSError(28, "No space left on device")
        except OSError as error:
            self.problem = f"output was not kept from byte {self.offset - len(data)} on: {error.strerror}"

    def _open(self) -> None:
        flags = os.O_CREAT | os.O_TRUNC | os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
        self._fd = os.open(self._name, flags, 0o600, dir_fd=self._folder_fd)

    def _turn(self) -> None:
        self.close()
        self._part = 2 if self._part == 1 else 1
        self._data_bytes = self._file_bytes = 0

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def read_spool(folder_fd: int, uid: str, *, cap_bytes: int) -> list[Record]:
    """Return what is kept of a run's output, in order: all, or the first and the last half of the cap."""
    head, *tails = (list(_read_part(folder_fd, f"{uid}.{part}")) for part in PARTS)
    tail = sorted((record for part in tails for record in part), key=lambda record: record.offset)
    return head + _last_bytes(tail, max(cap_bytes // 2, 1))


def _last_bytes(records: list[Record], limit: int) -> list[Record]:
    kept: list[Record] = []
    for record in reversed(records):
        if limit <= 0:
            break
        cut = max(len(record.data) - limit, 0)
        kept.append(record._replace(offset=record.offset + cut, data=record.data[cut:]))
        limit -= len(record.data)
    return kept[::-1]


def _read_part(folder_fd: int, name: str) -> Iterator[Record]:
    data = read_regular(folder_fd, name)
    place = 0
    while data is not None and place + _HEADER.size <= len(data):
        magic, stream, task, length, at, offset, written = _HEADER.unpack_from(data, place)
        place += _HEADER.size
        if magic != _MAGIC or place + length > len(data):
            return
        yield Record(task, stream, at, offset, written, data[place : place + length])
        place += length


def read_regular(folder_fd: int, name: str, *, limit: int | None = None) -> bytes | None:
    """Return the content of a regular file of ours, up to ``limit`` bytes; None where there is none.

    A link, pipe or device that a child put in its place is never opened for reading: it counts as none.
    """
    try:
        fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder_fd)
    except OSError:
        return None
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            return None
        with open(fd, "rb", closefd=False) as file:
            return file.read() if limit is None else file.read(limit)
    finally:
        os.close(fd)


def remove_files(folder_fd: int, names: Iterable[str]) -> None:
    """Remove what there is of ``names``; what cannot be removed is left for the next cleaning up."""
    for name in names:
        with contextlib.suppress(OSError):
            os.unlink(name, dir_fd=folder_fd)
