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


def read_folder(repository_root: Path, *, root: str) -> SourceTree:
    """Return the files under ``root`` as they lie there, with the blob ids that Git would give them.

    Symbolic links are listed and not followed. A missing folder has no files. Raises CouldNot.
    """
    try:
        files = tuple(sorted(_walk(repository_root, root), key=lambda file: file.path))
        settings = _read_settings(repository_root)
    except OSError as error:
        raise CouldNot(f"{error.filename}: {error.strerror}", hint="Check the folder and its permissions.") from error
    digest = hashlib.sha256()
    for file in files:
        digest.update(f"{file.mode} {file.blob} {file.path}\0".encode(errors="surrogateescape"))
    digest.update(settings if settings is not None else b"\0none")

    def read(wanted: list[SourceFile]) -> list[bytes]:
        return [_read_bytes(repository_root / file.path) for file in wanted]

    return SourceTree(root=root, files=files, commit="", digest=digest.hexdigest(), read=read, settings=settings)


def _walk(repository_root: Path, root: str) -> list[SourceFile]:
    found: list[SourceFile] = []
    folders = [repository_root / root]
    while folders:
        folder = folders.pop()
        try:
            entries = list(os.scandir(folder))
        except FileNotFoundError:
            continue
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                if entry.name != ".git":
                    folders.append(Path(entry.path))
                continue
            found.append(_source_file(repository_root, entry))
    return found


def _source_file(repository_root: Path, entry: "os.DirEntry[str]") -> SourceFile:
    path = Path(entry.path).relative_to(repository_root).as_posix()
    status = entry.stat(follow_symlinks=False)
    if stat.S_ISLNK(status.st_mode):
        data = os.fsencode(Path(entry.path).readlink())
        return SourceFile(path, blob_id(data), "120000", len(data))
    if not stat.S_ISREG(status.st_mode):
        return SourceFile(path, blob_id(b""), "000000", 0)
    mode = "100755" if status.st_mode & stat.S_IXUSR else "100644"
    if status.st_size > _HASHED_AT_ONCE:
        return SourceFile(path, _large_blob_id(Path(entry.path), status.st_size), mode, status.st_size)
    data = _read_bytes(Path(entry.path))
    return SourceFile(path, blob_id(data), mode, len(data))


def _read_bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise CouldNot(f"{path}: {error.strerror}", hint="Check the file and its permissions.") from error


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
