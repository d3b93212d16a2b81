"""Which files of a folder may have changed since they were last looked at: by what the file system says of them."""

import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import msgspec

from reconciler.definitions.folder import Folder
from reconciler.definitions.known.index import piece_number
from reconciler.definitions.known.shelf import Damaged
from reconciler.model.desired import SourceFile
from reconciler.model.errors import CouldNot

_PIECE_FILES = 2000
_UNSURE_NS = 2_000_000_000
"""A file that changed so shortly before it was looked at may change again without showing it."""

Stamp = tuple[str, int, int, int, int, int]
"""Name, when inode and content changed, size, inode, mode."""
_ENCODER = msgspec.msgpack.Encoder()
_STAMPS = msgspec.msgpack.Decoder(list[Stamp])
_PIECE = msgspec.msgpack.Decoder(dict[str, bytes])


class Stamps:
    """The stamps of all files under ``root`` as they are now; only where these differ from others are files read.

    ``clock_ns`` is the time now; a stamp of another time is never the same as one that is unsure.  A missing folder has
    no files.  Raises CouldNot for what cannot be looked at.
    """

    def __init__(self, repository_root: Path, *, root: str, clock_ns: int) -> None:
        self._folder = Folder(repository_root)
        self._prefix = os.path.join(repository_root, "")  # noqa: PTH118 - as in Folder
        self._clock_ns = clock_ns
        self._stamps: dict[str, bytes] = {}
        self._files = 0
        try:
            for folder, stamps in self._walk(root):
                self._stamps[folder] = _ENCODER.encode(stamps)
                self._files += len(stamps)
        except OSError as error:
            raise _unreadable(error) from error

    def pieces(self) -> dict[str, bytes]:
        """Return the stamps for a shelf."""
        count = self._files // _PIECE_FILES + 1
        pieces: dict[str, dict[str, bytes]] = {f"s{number}": {} for number in range(count)}
        for folder, stamps in self._stamps.items():
            pieces[f"s{piece_number(folder, count)}"][folder] = stamps
        return {name: _ENCODER.encode(content) for name, content in pieces.items()}

    def changed(self, names: Iterable[str], get: Callable[[str], bytes | None]) -> dict[str, SourceFile | None]:
        """Return the files that may differ from those on a shelf, and None for those that are gone. Raises Damaged."""
        before: dict[str, bytes] = {}
        try:
            for name in names:
                if name.startswith("s"):
                    before |= _PIECE.decode(get(name) or b"")
            found: dict[str, SourceFile | None] = {}
            for folder in before.keys() | self._stamps.keys():
                if before.get(folder) != self._stamps.get(folder):
                    found |= self._compare(folder, before.get(folder, b"\x90"))
        except msgspec.DecodeError:
            raise Damaged from None
        except OSError as error:
            raise _unreadable(error) from error
        return found

    def paths_at(self, path: str) -> list[str]:
        """Return the file at ``path``, or all that are under it; none where there is nothing."""
        parent, _, name = path.rpartition("/")
        if name in self._names(parent):
            return [path]
        folders = [folder for folder in self._stamps if f"{folder}/".startswith(f"{path}/") or path == "."]
        return [f"{folder}/{name}" for folder in folders for name in self._names(folder)]

    def _names(self, folder: str) -> list[str]:
        return [stamp[0] for stamp in _STAMPS.decode(self._stamps.get(folder, b"\x90"))]

    def read(self, files: list[SourceFile]) -> list[bytes]:
        return self._folder.read(files)

    def _walk(self, root: str) -> Iterator[tuple[str, list[Stamp]]]:
        folders = [root]
        unsure_from = self._clock_ns - _UNSURE_NS
        while folders:
            folder = folders.pop()
            stamps: list[Stamp] = []
            for entry in self._scan(folder):
                if entry.is_dir(follow_symlinks=False):
                    if entry.name != ".git":
                        folders.append(f"{folder}/{entry.name}")
                    continue
                status = entry.stat(follow_symlinks=False)
                changed, written = status.st_ctime_ns, status.st_mtime_ns
                if changed >= unsure_from or written >= unsure_from:
                    changed = -self._clock_ns
                stamps.append((entry.name, changed, written, status.st_size, status.st_ino, status.st_mode))
            stamps.sort()
            yield folder, stamps

    def _scan(self, folder: str) -> list["os.DirEntry[str]"]:
        try:
            return list(os.scandir(self._prefix + folder))
        except FileNotFoundError:
            return []

    def _compare(self, folder: str, before: bytes) -> dict[str, SourceFile | None]:
        old = {stamp[0]: stamp for stamp in _STAMPS.decode(before)}
        new = {stamp[0]: stamp for stamp in _STAMPS.decode(self._stamps.get(folder, b"\x90"))}
        found: dict[str, SourceFile | None] = {f"{folder}/{name}": None for name in old if name not in new}
        for entry in self._scan(folder):
            if entry.name in new and old.get(entry.name) != new[entry.name]:
                found[f"{folder}/{entry.name}"] = self._folder.source_file(entry)
        return found


def _unreadable(error: OSError) -> CouldNot:
    return CouldNot(f"{error.filename}: {error.strerror}", hint="Check the folder and its permissions.")
