"""Which files of a folder are as they were: git looks at them, in threads, while we do something else.

What it compares with is an index of ours in a Git folder of ours, which holds what the file system said of each file
that was looked at.  The user's index, settings, attributes, filters and flags of files have no say, and no content is
read.  As with Git itself, a change could hide behind a clock that was set back to the very second of the last one.
"""

import contextlib
import os
import stat
import struct
import zlib
from pathlib import Path
from subprocess import Popen, TimeoutExpired

from reconciler.git.command import LOCAL_SECONDS, local_environment, start_git, stop_git
from reconciler.model.errors import CouldNot

_ENTRY = struct.Struct(">10I20sH")
_HEADER = struct.Struct(">4sII")
_UINT = 0xFFFFFFFF
_LONGEST_COUNTED = 0xFFF
_NS = 1_000_000_000
_MODES = {stat.S_IFREG: 0o100644, stat.S_IFLNK: 0o120000}
_NO_CONTENT = bytes.fromhex("e69de29bb2d1d6434b8b29ae775ad8c2e48c5391")
_SOME_CONTENT = b"\1" * 20
"""Of an empty file git wants to know that it is; of others no content is ever asked for."""

# On these a folder's own time changes whenever a name in it comes or goes; on others (FUSE, NFS, FAT) it may not.
_FILE_SYSTEMS = frozenset({"ext2", "ext3", "ext4", "xfs", "btrfs", "f2fs", "zfs", "tmpfs", "overlay"})
_MOUNTS = Path("/proc/self/mountinfo")


class Glance:
    """A look at the files of a folder.

    ``place`` is where what it needs is kept.  ``begin`` starts to look, ``changed`` tells what was seen; ``note`` and
    ``keep`` make ready for the next time.
    """

    def __init__(self, place: Path, repository_root: Path) -> None:
        self._place = place
        self._repository_root = repository_root
        self._process: Popen[bytes] | None = None
        self._entries: list[tuple[bytes, bytes]] = []
        self.index = ""
        """The name of the index that is compared with; empty where nothing is compared."""

    def begin(self) -> None:
        with contextlib.suppress(OSError, ValueError, CouldNot):
            index, root = (self._place / "current").read_text(encoding="utf-8", errors="surrogateescape").split("\n")
            folder = self._repository_root / root
            where = {
                "GIT_DIR": str(self._place),
                "GIT_WORK_TREE": str(folder),
                "GIT_INDEX_FILE": str(self._place / index),
            }
            self._process = start_git(
                ("diff-files", "--name-only", "-z"), folder=folder, environment=local_environment(where)
            )
            self.index = index

    @property
    def is_under_way(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def changed(self) -> list[str] | None:
        """Return the files that are not as the index has them, by their path in the folder; None: that is unknown."""
        process, self._process = self._process, None
        if process is None:
            return None
        try:
            is_whole = self._is_whole()
            out, _ = process.communicate(timeout=LOCAL_SECONDS)
        except TimeoutExpired:
            return None
        finally:
            stop_git(process)
        return [os.fsdecode(path) for path in out.split(b"\0")[:-1]] if is_whole and not process.returncode else None

    def close(self) -> None:
        """End a look that nobody waits for."""
        if self._process is not None:
            stop_git(self._process)
            self._process = None

    def can_keep(self, root: str) -> bool:
        """Whether a folder's own time tells of the names in it, on the file system where ``root`` is."""
        return "\n" not in root and _file_system_of(self._repository_root / root) in _FILE_SYSTEMS

    def note(self, path: str, status: os.stat_result) -> bool:
        """Note what is said of a file at ``path`` in the folder; False: this one cannot be compared."""
        mode = _MODES.get(stat.S_IFMT(status.st_mode))
        if mode is None:
            return False
        if mode == _MODES[stat.S_IFREG] and status.st_mode & stat.S_IXUSR:
            mode = 0o100755
        name = os.fsencode(path)
        changed, changed_ns = divmod(status.st_ctime_ns, _NS)
        written, written_ns = divmod(status.st_mtime_ns, _NS)
        entry = _ENTRY.pack(
            changed & _UINT,
            changed_ns,
            written & _UINT,
            written_ns,
            status.st_dev & _UINT,
            status.st_ino & _UINT,
            mode,
            status.st_uid & _UINT,
            status.st_gid & _UINT,
            status.st_size & _UINT,
            _SOME_CONTENT if status.st_size else _NO_CONTENT,
            min(len(name), _LONGEST_COUNTED),
        )
        self._entries.append((name, entry))
        return True

    def keep(self, root: str) -> str:
        """Keep what was noted of the folder ``root``; return the name of the index, or nothing where there is none."""
        content = _index_of(self._entries)
        index = _name_of(content)
        try:
            self._place.mkdir(parents=True, exist_ok=True)
            for folder in ("objects", "refs"):
                (self._place / folder).mkdir(exist_ok=True)
            for name, data in (("HEAD", b"ref: refs/heads/none\n"), (index, content)):
                self._write(name, data)
            self._write("current", f"{index}\n{root}".encode(errors="surrogateescape"))
            for old in self._place.glob("index-*"):
                if old.name != index:
                    old.unlink(missing_ok=True)
        except OSError:
            return ""  # the next run is slower, no more
        return index

    def _write(self, name: str, data: bytes) -> None:
        path = self._place / f".{name}-{os.getpid()}"
        path.write_bytes(data)
        path.replace(self._place / name)

    def _is_whole(self) -> bool:
        """Whether the index is what was written: git itself does not look."""
        try:
            return _name_of((self._place / self.index).read_bytes()) == self.index
        except OSError:
            return False


def _index_of(entries: list[tuple[bytes, bytes]]) -> bytes:
    """Return an index of version 2.  Source: Git's own gitformat-index(5)."""
    import hashlib  # noqa: PLC0415 - late: a look begins before all that can wait

    parts = [_HEADER.pack(b"DIRC", 2, len(entries))]
    for name, entry in sorted(entries):
        parts.append(entry + name + bytes(8 - (_ENTRY.size + len(name)) % 8))
    content = b"".join(parts)
    return content + hashlib.sha1(content, usedforsecurity=False).digest()


def _name_of(content: bytes) -> str:
    return f"index-{zlib.crc32(content):08x}-{len(content)}"


def _file_system_of(folder: Path) -> str:
    """Return the kind of file system at ``folder`` in Linux's words; elsewhere it is not known."""
    found, length = "", -1
    try:
        lines = _MOUNTS.read_bytes().split(b"\n")
    except OSError:
        return ""
    path = os.fsencode(os.path.realpath(folder)) + b"/"
    for line in lines:
        words, _, rest = line.partition(b" - ")
        point = words.split(b" ")[4:5]
        if point and path.startswith(_unescaped(point[0]).rstrip(b"/") + b"/") and len(point[0]) >= length:
            found, length = rest.split(b" ")[0].decode(errors="replace"), len(point[0])
    return found


def _unescaped(point: bytes) -> bytes:
    for code, char in ((b"\\040", b" "), (b"\\011", b"\t"), (b"\\012", b"\n"), (b"\\134", b"\\")):
        point = point.replace(code, char)
    return point
