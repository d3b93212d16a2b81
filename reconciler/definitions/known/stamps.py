"""Which files of a folder may have changed since they were last looked at: by what the file system says of them."""

import os
import stat
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from typing import NamedTuple, Protocol

import msgspec
from msgspec import Struct

from reconciler.definitions.folder import Folder
from reconciler.definitions.known.index import piece_number
from reconciler.definitions.known.shelf import Damaged
from reconciler.model.desired import SourceFile
from reconciler.model.errors import CouldNot

_PIECE_FILES = 2000
_UNSURE_NS = 2_000_000_000
"""A file that changed so shortly before it was looked at may change again without showing it."""
_MOST_LOOKED_AT = 500
"""When so many files, and a fiftieth of all, are looked at after a glance, the next glance needs a new index."""

Stamp = tuple[str, int, int, int, int, int]
"""Name, when inode and content changed, size, inode, mode."""
FolderStamp = tuple[int, ...]
"""When inode and names changed, inode; nothing where a glance at the folder never suffices."""
_GLANCED = "glanced"
_ENCODER = msgspec.msgpack.Encoder()
_STAMPS = msgspec.msgpack.Decoder(list[Stamp])
_PIECE = msgspec.msgpack.Decoder(dict[str, bytes])
_NO_STAMPS = _ENCODER.encode([])
_NO_FOLDERS = _ENCODER.encode({})


class Glance(Protocol):
    """A quick look at all files of a folder, begun before it is known whether it suffices."""

    @property
    def index(self) -> str:
        """The name of what is compared with; empty where no look was begun."""

    @property
    def is_under_way(self) -> bool:
        """Whether ``changed`` would have to wait."""

    def changed(self) -> Collection[str] | None:
        """Return which files are not as the index has them, by their paths in the folder; None: that is unknown."""

    def can_keep(self, root: str) -> bool:
        """Whether there can be an index of the folder ``root``."""

    def note(self, path: str, status: os.stat_result) -> bool:
        """Note a file for the next index; False: it cannot be in one."""

    def keep(self, root: str) -> str:
        """Make an index of what was noted, and return its name; empty where that fails."""


class Seen(NamedTuple):
    """What may differ from what is on a shelf, None for a file that is gone, and the pieces for the next time."""

    files: Mapping[str, SourceFile | None]
    pieces: Mapping[str, bytes]


class _Glanced(Struct, frozen=True, array_like=True):
    """For what a glance suffices: an index by its name, and the folders by what they were when it was made.

    The stamps of all ``files`` are in so many pieces.
    """

    index: str
    files: int
    pieces: int
    folders: dict[str, FolderStamp]


_GLANCED_DECODER = msgspec.msgpack.Decoder(_Glanced)


class Stamps:
    """The stamps of all files under ``root`` as they are now; only where these differ from others are files read.

    ``clock_ns`` is the time now; a stamp of another time is never the same as one that is unsure.  A missing folder has
    no files.  Raises CouldNot for what cannot be looked at.

    Where ``glance`` says which files are as they were, only those folders are looked at that have another one in them,
    or other names.  ``meanwhile`` is called where that takes its time.
    """

    def __init__(
        self,
        repository_root: Path,
        *,
        root: str,
        clock_ns: int,
        glance: Glance | None = None,
        meanwhile: Callable[[], None] = lambda: None,
    ) -> None:
        self._folder = Folder(repository_root)
        self._prefix = os.path.join(repository_root, "")  # noqa: PTH118 - as in Folder
        self._root = root
        self._clock_ns = clock_ns
        self._glance = glance
        self._meanwhile = meanwhile

    def pieces(self) -> Mapping[str, bytes]:
        """Look at all files, and return their stamps for a shelf."""
        try:
            return self._pieces(self._look_at_all())
        except OSError as error:
            raise _unreadable(error) from error

    def changed(self, names: Iterable[str], get: Callable[[str], bytes | None]) -> Seen:
        """Return which files may differ from those on a shelf. Raises Damaged."""
        try:
            return self._glance_at(get) or self._compare_all([name for name in names if name.startswith("s")], get)
        except msgspec.DecodeError:
            raise Damaged from None
        except OSError as error:
            raise _unreadable(error) from error

    def read(self, files: list[SourceFile]) -> list[bytes]:
        return self._folder.read(files)

    def _compare_all(self, names: Collection[str], get: Callable[[str], bytes | None]) -> Seen:
        before: dict[str, bytes] = {}
        for name in names:
            before |= _PIECE.decode(get(name) or _NO_FOLDERS)
        look = self._look_at_all()
        files = self._compare(before, look.stamps, before.keys() | look.stamps.keys())
        return Seen(files, dict.fromkeys(names, b"") | self._pieces(look))

    def _look_at_all(self) -> "_Look":
        is_able = self._glance is not None and self._glance.can_keep(self._root)
        look = self._new_look(self._glance if is_able else None)
        look.look_under(self._root)
        return look

    def _new_look(self, glance: Glance | None) -> "_Look":
        return _Look(self._prefix, self._root, self._clock_ns, glance)

    def _pieces(self, look: "_Look") -> dict[str, bytes]:
        count = look.files // _PIECE_FILES + 1
        pieces: dict[str, dict[str, bytes]] = {f"s{number}": {} for number in range(count)}
        for folder, stamps in look.stamps.items():
            pieces[_piece_of(folder, count)][folder] = stamps
        encoded = {name: _ENCODER.encode(content) for name, content in pieces.items()}
        index = look.glance.keep(self._root) if look.glance is not None else ""
        glanced = _ENCODER.encode(_Glanced(index, look.files, count, look.folders)) if index else b""
        return {**encoded, _GLANCED: glanced}

    def _glance_at(self, get: Callable[[str], bytes | None]) -> Seen | None:
        """Look where something is not as it was; None where it takes a look at everything."""
        data = get(_GLANCED) if self._glance is not None and self._glance.index else None
        known = _GLANCED_DECODER.decode(data) if data else None
        if self._glance is None or known is None or known.index != self._glance.index:
            return None
        look = self._new_look(None)
        suspects = {folder for folder, was in known.folders.items() if not was or look.folder_stamp(folder) != was}
        if self._glance.is_under_way:
            self._meanwhile()
        others = self._glance.changed()
        if others is None:
            return None
        suspects.update(self._folder_of(path) for path in others)
        gone = look.look_again(suspects, known.folders)
        touched = gone | look.stamps.keys()
        place = {folder: _piece_of(folder, known.pieces) for folder in touched}
        pieces = {name: _PIECE.decode(get(name) or _NO_FOLDERS) for name in set(place.values())}
        before = {folder: pieces[place[folder]].pop(folder, _NO_STAMPS) for folder in touched}
        files = self._compare(before, look.stamps, touched)
        folders = {folder: was for folder, was in known.folders.items() if folder not in touched}
        for folder, stamps in look.stamps.items():
            pieces[place[folder]][folder] = stamps
            is_as_in_index = known.folders.get(folder) and _names(before[folder]) == _names(stamps)
            folders[folder] = look.folders[folder] if is_as_in_index else ()
        told = _Glanced(known.index, known.files, known.pieces, folders)
        is_enough = look.files <= max(_MOST_LOOKED_AT, known.files // 50)
        encoded = {name: _ENCODER.encode(content) for name, content in pieces.items()}
        return Seen(files, {**encoded, _GLANCED: _ENCODER.encode(told) if is_enough else b""})

    def _folder_of(self, path: str) -> str:
        folder = path.rpartition("/")[0]
        return f"{self._root}/{folder}" if folder else self._root

    def _compare(
        self, before: Mapping[str, bytes], now: Mapping[str, bytes], folders: Iterable[str]
    ) -> dict[str, SourceFile | None]:
        found: dict[str, SourceFile | None] = {}
        for folder in folders:
            if before.get(folder) == now.get(folder):
                continue
            old = {stamp[0]: stamp for stamp in _STAMPS.decode(before.get(folder, _NO_STAMPS))}
            new = {stamp[0]: stamp for stamp in _STAMPS.decode(now.get(folder, _NO_STAMPS))}
            found |= {f"{folder}/{name}": None for name in old if name not in new}
            for entry in _scan(self._prefix + folder) if new else ():
                if entry.name in new and old.get(entry.name) != new[entry.name]:
                    found[f"{folder}/{entry.name}"] = self._folder.source_file(entry)
        return found


class _Look:
    """One look: the stamps of the files in each folder that was looked at, and that of the folder itself."""

    def __init__(self, prefix: str, root: str, clock_ns: int, glance: Glance | None) -> None:
        self.glance = glance
        self.stamps: dict[str, bytes] = {}
        self.folders: dict[str, FolderStamp] = {}
        self.files = 0
        self._prefix = prefix
        self._root = root
        self._clock_ns = clock_ns
        self._unsure_from = clock_ns - _UNSURE_NS
        self._device = _device_of(prefix + root)

    def look_under(self, folder: str) -> None:
        folders = [folder]
        while folders:
            folders += self._look_at(folders.pop())

    def look_again(self, suspects: Collection[str], known: Mapping[str, FolderStamp]) -> set[str]:
        """Look at those of the ``known`` folders that are suspect, and at new ones in them; return those that are gone.

        A folder that is gone, or is a link now, is missing among the names of the one that it was in.
        """
        gone: set[str] = set()
        inside: dict[str, list[str]] = {}
        for folder in sorted(known):
            parent = folder.rpartition("/")[0]
            if parent in gone or folder not in inside.get(parent, (folder,)):
                gone.add(folder)
            elif folder in suspects:
                inside[folder] = self._look_at(folder)
        for folder in [found for here in inside.values() for found in here if found not in known]:
            self.look_under(folder)
        return gone

    def folder_stamp(self, folder: str) -> FolderStamp:
        try:
            status = os.lstat(self._prefix + folder)
        except FileNotFoundError:
            return ()
        # What another file system does is not known, and behind a link may be one.
        if not stat.S_ISDIR(status.st_mode) or status.st_dev != self._device:
            return ()
        if max(status.st_ctime_ns, status.st_mtime_ns) >= self._unsure_from:
            return (-self._clock_ns,)
        return (status.st_ctime_ns, status.st_mtime_ns, status.st_ino)

    def _look_at(self, folder: str) -> list[str]:
        """Take the stamps of the files in a folder; return the folders in it."""
        here = self.folder_stamp(folder)  # before its names are read: what comes meanwhile is seen the next time
        note = self.glance.note if self.glance is not None else None
        inside = f"{folder}/"[len(self._root) + 1 :]
        is_noted = True
        folders: list[str] = []
        stamps: list[Stamp] = []
        for entry in _scan(self._prefix + folder):
            name = entry.name
            if entry.is_dir(follow_symlinks=False):
                if name != ".git":
                    folders.append(f"{folder}/{name}")
                continue
            status = entry.stat(follow_symlinks=False)
            changed, written = status.st_ctime_ns, status.st_mtime_ns
            if changed >= self._unsure_from or written >= self._unsure_from:
                changed = -self._clock_ns
                is_noted &= note is None
            elif note is not None and not note(inside + name, status):
                is_noted = False
            stamps.append((name, changed, written, status.st_size, status.st_ino, status.st_mode))
        stamps.sort()
        self.stamps[folder] = _ENCODER.encode(stamps)
        self.folders[folder] = here if is_noted else ()
        self.files += len(stamps)
        return folders


def _device_of(path: str) -> int:
    try:
        return os.lstat(path).st_dev
    except FileNotFoundError:
        return -1


def _scan(path: str) -> list["os.DirEntry[str]"]:
    try:
        return list(os.scandir(path))
    except FileNotFoundError:
        return []


def _names(stamps: bytes) -> list[str]:
    return [stamp[0] for stamp in _STAMPS.decode(stamps)]


def _piece_of(folder: str, count: int) -> str:
    return f"s{piece_number(folder, count)}"


def _unreadable(error: OSError) -> CouldNot:
    return CouldNot(f"{error.filename}: {error.strerror}", hint="Check the folder and its permissions.")
