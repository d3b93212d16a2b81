"""Named pieces of bytes in one file, each with its checksum: what is not asked for is not read.

The head of the file says where its table is, the table where the pieces are. Changed pieces and a new table go to the
end, then the head is written: a reader sees the old state or the new one, and what was only half written is not seen.
Whatever is wrong with the file, there is nothing on the shelf then.
"""

import contextlib
import os
import struct
import sys
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec

if sys.platform != "win32":
    import fcntl

_HEAD = struct.Struct("<8s16sQII")
_MAGIC = b"shelf\0\0\1"
_SPARE_BYTES = 4 << 20
"""So much of a file may be out of date whatever its size; beyond, as much as is in use."""
_MOST_BYTES = 2 << 30


class Damaged(Exception):
    """A piece is not what was put on the shelf."""


class _Place(msgspec.Struct, frozen=True, array_like=True):
    offset: int
    length: int
    checksum: int


_ENCODER = msgspec.msgpack.Encoder()
_TABLE = msgspec.msgpack.Decoder(dict[str, _Place])


class Shelf:
    """The pieces in the file at ``path``, as they were when it was opened; of another ``owner`` none is seen."""

    def __init__(self, path: Path, *, owner: bytes, is_frozen: bool = False) -> None:
        """What is put on a frozen shelf is not kept."""
        self._is_frozen = is_frozen
        self._path = path
        self._owner = owner
        self._file: int | None = None
        self._head = b""
        self._table: dict[str, _Place] = {}
        with contextlib.suppress(OSError):
            self._file = os.open(path, os.O_RDONLY | _BINARY)
            self._read_table(self._file)

    def clear(self) -> None:
        """Take everything off: what is put next stands alone."""
        self._table = {}
        self._head = b""

    def close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def names(self) -> Iterable[str]:
        return self._table

    def get(self, name: str) -> bytes | None:
        """Return a piece, None where there is none. Raises Damaged."""
        place = self._table.get(name)
        if place is None or self._file is None:
            return None
        return _checked(_read(self._file, place.offset, place.length), place.checksum)

    def put(self, pieces: Mapping[str, bytes]) -> None:
        """Write ``pieces``, an empty one for what is no longer.

        Where that is not possible, or another process has written in between, nothing is written.
        """
        if self._is_frozen:
            return
        with contextlib.suppress(OSError, Damaged):
            if not self._head or self._is_crowded(pieces):
                kept = {name: self.get(name) or b"" for name in self._table if name not in pieces}
                self._replace({name: data for name, data in {**kept, **pieces}.items() if data})
            else:
                self._append(pieces)

    def _read_table(self, file: int) -> None:
        head = os.read(file, _HEAD.size)
        if len(head) != _HEAD.size:
            return
        magic, owner, offset, length, checksum = _HEAD.unpack(head)
        if magic != _MAGIC or owner != self._owner or os.fstat(file).st_size > _MOST_BYTES:
            return
        with contextlib.suppress(Damaged, msgspec.DecodeError):
            self._table = _TABLE.decode(_checked(_read(file, offset, length), checksum))
            self._head = head

    def _is_crowded(self, pieces: Mapping[str, bytes]) -> bool:
        assert self._file is not None
        used = sum(place.length for place in self._table.values()) + sum(map(len, pieces.values()))
        return os.fstat(self._file).st_size > 2 * used + _SPARE_BYTES

    def _append(self, pieces: Mapping[str, bytes]) -> None:
        file = os.open(self._path, os.O_RDWR | _BINARY)
        try:
            _lock(file)
            if os.read(file, _HEAD.size) != self._head:
                return
            end = os.lseek(file, 0, os.SEEK_END)
            table = {name: place for name, place in self._table.items() if name not in pieces}
            content, head = self._lay_out(table, pieces, end)
            _write(file, content, end)
            _write(file, head, 0)
        finally:
            os.close(file)

    def _replace(self, pieces: Mapping[str, bytes]) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        content, head = self._lay_out({}, pieces, _HEAD.size)
        import tempfile  # noqa: PLC0415 - late, as it is needed only to begin anew

        file, name = tempfile.mkstemp(dir=self._path.parent, prefix=self._path.name)
        try:
            try:
                _write(file, head + content, 0)
            finally:
                os.close(file)
            Path(name).replace(self._path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise

    def _lay_out(self, table: dict[str, _Place], pieces: Mapping[str, bytes], at: int) -> tuple[bytes, bytes]:
        """Return what is to be written at ``at``, with the table at its end, and the head for it."""
        written = []
        for name, data in pieces.items():
            if data:
                table[name] = _Place(at, len(data), zlib.crc32(data))
                written.append(data)
                at += len(data)
        last = _ENCODER.encode(table)
        return b"".join([*written, last]), _HEAD.pack(_MAGIC, self._owner, at, len(last), zlib.crc32(last))


def _checked(data: bytes, checksum: int) -> bytes:
    if zlib.crc32(data) != checksum:
        raise Damaged
    return data


if sys.platform == "win32":
    _BINARY = os.O_BINARY

    def _read(file: int, offset: int, length: int) -> bytes:
        os.lseek(file, offset, os.SEEK_SET)
        return os.read(file, length)

    def _lock(file: int) -> None:
        """Two that write at once spoil the file for one another, which is noticed by the checksums."""
else:
    _BINARY = 0

    def _read(file: int, offset: int, length: int) -> bytes:
        return os.pread(file, length, offset)

    def _lock(file: int) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _write(file: int, data: bytes, at: int) -> None:
    os.lseek(file, at, os.SEEK_SET)
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(file, rest) :]
