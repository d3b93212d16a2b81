"""The files of a work tree as a source tree: what `validate` reads while they are edited."""

import hashlib
import os
import stat
from pathlib import Path

from reconciler.definitions.document import MAX_BYTES
from reconciler.model.desired import SourceFile, SourceTree
from reconciler.model.errors import CouldNot

_SETTINGS = "reconciler.toml"
_HASHED_AT_ONCE = 4 * MAX_BYTES
"""Of a larger file nothing is read: its size alone is a problem."""
_BINARY = getattr(os, "O_BINARY", 0)
_KEPT_BYTES = 64 << 20
"""So much of what was read to find the ids is kept; the rest is read again when it is asked for."""


def read_folder(repository_root: Path, *, root: str) -> SourceTree:
    """Return the files under ``root`` as they lie there, with the blob ids that Git would give them.

    Symbolic links are listed and not followed. A missing folder has no files. Raises CouldNot, and so does reading a
    file that has changed since.
    """
    folder = Folder(repository_root)
    try:
        files = tuple(sorted(folder.walk(root), key=lambda file: file.path))
        settings = _read_settings(repository_root)
    except OSError as error:
        raise CouldNot(f"{error.filename}: {error.strerror}", hint="Check the folder and its permissions.") from error
    digest = hashlib.sha256()
    for file in files:
        digest.update(f"{file.mode} {file.blob} {file.path}\0".encode(errors="surrogateescape"))
    digest.update(settings if settings is not None else b"\0none")
    return SourceTree(root=root, files=files, commit="", digest=digest.hexdigest(), read=folder.read, settings=settings)


def list_paths(repository_root: Path, path: str, *, root: str) -> list[str]:
    """Return the file at ``path``, or all that are under it, of those that `read_folder` lists; none: nothing is there.

    No folder on the way to ``path`` is a symbolic link.
    """
    if path == "." or f"{root}/".startswith(f"{path}/"):
        path = root
    elif not path.startswith(f"{root}/") or ".git" in path.split("/")[:-1]:
        return []
    full = repository_root / path
    if path != root and (full.is_symlink() or not full.is_dir()):
        return [path] if os.path.lexists(full) else []
    prefix = len(os.path.join(repository_root, ""))  # noqa: PTH118 - as in Folder
    found: list[str] = []
    folders = [os.fspath(full)] if full.name != ".git" else []
    while folders:
        try:
            entries = list(os.scandir(folders.pop()))
        except FileNotFoundError:
            continue
        for entry in entries:
            if not entry.is_dir(follow_symlinks=False):
                found.append(entry.path[prefix:].replace(os.sep, "/"))
            elif entry.name != ".git":
                folders.append(entry.path)
    return found


class Folder:
    """The files of a folder; the content that was read first is the content that counts."""

    def __init__(self, repository_root: Path) -> None:
        self._prefix = os.path.join(repository_root, "")  # noqa: PTH118 - path objects cost as much as reading
        self._contents: dict[str, bytes] = {}
        self._bytes = 0

    def walk(self, root: str) -> list[SourceFile]:
        found: list[SourceFile] = []
        folders = [self._prefix + root]
        while folders:
            try:
                entries = list(os.scandir(folders.pop()))
            except FileNotFoundError:
                continue
            for entry in entries:
                if not entry.is_dir(follow_symlinks=False):
                    found.append(self.source_file(entry))
                elif entry.name != ".git":
                    folders.append(entry.path)
        return found

    def read(self, wanted: list[SourceFile]) -> list[bytes]:
        return [self._read(file) for file in wanted]

    def source_file(self, entry: "os.DirEntry[str]") -> SourceFile:
        """Read a file, not a folder, for its id. Raises OSError."""
        path = entry.path[len(self._prefix) :].replace(os.sep, "/")
        status = entry.stat(follow_symlinks=False)
        if stat.S_ISLNK(status.st_mode):
            data = os.fsencode(Path(entry.path).readlink())
            return SourceFile(path, blob_id(data), "120000", len(data))
        if not stat.S_ISREG(status.st_mode):
            return SourceFile(path, blob_id(b""), "000000", 0)
        mode = "100755" if status.st_mode & stat.S_IXUSR else "100644"
        if status.st_size > _HASHED_AT_ONCE:
            return SourceFile(path, _large_blob_id(Path(entry.path), status.st_size), mode, status.st_size)
        data = _read_bytes(entry.path, status.st_size)
        self._bytes += len(data)
        if self._bytes <= _KEPT_BYTES:
            self._contents[path] = data
        return SourceFile(path, blob_id(data), mode, len(data))

    def _read(self, file: SourceFile) -> bytes:
        data = self._contents.get(file.path)
        if data is None:
            data = _read_bytes(self._prefix + file.path, file.size)
            if blob_id(data) != file.blob:
                raise CouldNot(f"{file.path} changed while it was read", hint="Try again.")
        return data


def _read_bytes(path: str, size: int) -> bytes:
    """Return the content of a file that had ``size`` bytes a moment ago; a file object would ask for that twice."""
    try:
        file = os.open(path, os.O_RDONLY | _BINARY)
        try:
            data = piece = os.read(file, size + 1)
            while len(data) > size and piece:
                piece = os.read(file, _HASHED_AT_ONCE)
                data += piece
        finally:
            os.close(file)
    except OSError as error:
        raise CouldNot(f"{path}: {error.strerror}", hint="Check the file and its permissions.") from error
    return data


def _read_settings(repository_root: Path) -> bytes | None:
    path = repository_root / _SETTINGS
    return path.read_bytes() if path.is_file() and not path.is_symlink() else None


def blob_id(data: bytes) -> str:
    """Return Git's id of a blob with this content."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


def _large_blob_id(path: Path, size: int) -> str:
    digest = hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False)
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()
