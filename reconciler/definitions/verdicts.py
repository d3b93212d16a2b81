"""What was found in each file by itself, kept between runs: a file is read and checked again only when it changed.

A verdict depends on the file's kind, name and content, and on the program; all of that is in its key. What depends on
other files, on the clock or on the host is never kept.

The file is a row of segments, each with its length and checksum: new verdicts are appended in one write, and what
cannot be read is forgotten. All verdicts are asked for in each run, and one file is read twice as fast as a database.
"""

import os
import struct
import zlib
from pathlib import Path
from typing import Protocol

import msgspec
from msgspec import Raw, Struct
from msgspec.msgpack import Decoder, Encoder

from reconciler.definitions.checked import CheckedFile
from reconciler.definitions.program import program_id
from reconciler.model.forms import FILE_KINDS, FORM_TYPES, Form, Kind
from reconciler.model.problem import Problem

_HEADER = struct.Struct("<8s16sQI")
_MAGIC = b"verdict1"
_MOST_SEGMENTS = 50
_SPARE = 1000
"""So many verdicts of other commits are kept whatever the number of files; beyond, as many as are in use."""
_LARGEST = 2 << 30


class Verdicts(Protocol):
    """Verdicts on single files, by kind, file name and blob id."""

    def find(self, kind: Kind, name: str, blob: str) -> CheckedFile | None: ...

    def keep(self, kind: Kind, name: str, blob: str, checked: CheckedFile) -> None: ...


class _Stored(Struct, frozen=True, array_like=True):
    form: Raw
    line: int
    problems: tuple[Problem, ...] = ()
    damaged: tuple[str, ...] = ()
    given_id: tuple[str, ...] = ()


_ENCODER = Encoder()
_NO_FORM = Raw(_ENCODER.encode(None))
_STORED = Decoder(_Stored)
_FORMS: dict[Kind, Decoder[Form]] = {kind: Decoder(FORM_TYPES[kind]) for kind in FILE_KINDS}
_SEGMENT = Decoder(dict[str, Raw])


class VerdictFile:
    """Verdicts in a file. Whatever is wrong with that file, it holds nothing then, and nobody is bothered."""

    def __init__(self, path: Path, *, program: bytes | None = None) -> None:
        self._path = path
        self._program = program or program_id()
        self._segments = 0
        self._stored: dict[str, Raw] = {}
        self._used: set[str] = set()
        self._new: dict[str, Raw] = {}
        self._is_whole = self._read()

    def find(self, kind: Kind, name: str, blob: str) -> CheckedFile | None:
        key = f"{kind.value}/{blob}/{name}"
        raw = self._stored.get(key)
        if raw is None:
            raw = self._new.get(key)
        if raw is None:
            return None
        try:
            stored = _STORED.decode(raw)
            form = _FORMS[kind].decode(stored.form) if stored.form != _NO_FORM else None
        except msgspec.DecodeError:
            return None
        if key in self._stored:
            self._used.add(key)
        return CheckedFile(form, stored.problems, stored.damaged, stored.line, stored.given_id)

    def keep(self, kind: Kind, name: str, blob: str, checked: CheckedFile) -> None:
        stored = _Stored(
            Raw(_ENCODER.encode(checked.form)), checked.line, checked.problems, checked.damaged, checked.given_id
        )
        self._new[f"{kind.value}/{blob}/{name}"] = Raw(_ENCODER.encode(stored))

    def save(self) -> None:
        """Write what is new; what has not been used for long is dropped."""
        unused = len(self._stored) - len(self._used)
        is_crowded = unused > len(self._used) + len(self._new) + _SPARE or self._segments >= _MOST_SEGMENTS
        if not self._new and not is_crowded:
            return
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            if self._is_whole and not is_crowded:
                self._append()
            else:
                self._replace()
        except OSError:
            return  # a folder that cannot be written to makes the next run slower, no more

    def _read(self) -> bool:
        """Read what is there; return whether more may be appended."""
        try:
            if self._path.stat().st_size > _LARGEST:
                return False
            data = memoryview(self._path.read_bytes())
        except OSError:
            return False
        at = 0
        while at < len(data):
            if len(data) - at < _HEADER.size:
                return False
            magic, program, length, checksum = _HEADER.unpack_from(data, at)
            content = data[at + _HEADER.size : at + _HEADER.size + length]
            if magic != _MAGIC or program != self._program or len(content) != length:
                return False
            if zlib.crc32(content) != checksum:
                return False
            self._stored |= _SEGMENT.decode(content)
            self._segments += 1
            at += _HEADER.size + length
        return True

    def _append(self) -> None:
        # One write to the end: what another process appends at the same time stays whole, and so does ours.
        handle = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
        try:
            segment = self._segment(self._new)
            if os.write(handle, segment) != len(segment):
                raise OSError("not written whole")
        finally:
            os.close(handle)

    def _replace(self) -> None:
        kept = {key: self._stored[key] for key in self._used} | self._new
        import tempfile  # noqa: PLC0415 - late, as it is needed only to begin anew

        handle, name = tempfile.mkstemp(dir=self._path.parent, prefix=self._path.name)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(self._segment(kept))
            Path(name).replace(self._path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise

    def _segment(self, verdicts: dict[str, Raw]) -> bytes:
        content = _ENCODER.encode(verdicts)
        return _HEADER.pack(_MAGIC, self._program, len(content), zlib.crc32(content)) + content
