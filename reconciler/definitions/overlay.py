"""A tree with some files as they are meant to be, not yet saved."""

from collections.abc import Mapping

from msgspec.structs import replace

from reconciler.definitions.folder import blob_id
from reconciler.model.desired import SourceFile, SourceTree


def with_file(tree: SourceTree, path: str, data: bytes) -> SourceTree:
    """Return ``tree`` with the file at ``path``, relative to the repository's root, as ``data``."""
    return with_files(tree, {path: data})


def with_files(tree: SourceTree, contents: Mapping[str, bytes]) -> SourceTree:
    """Return ``tree`` with the files of ``contents``, by path relative to the repository's root."""
    others = [file for file in tree.files if file.path not in contents]
    added = [SourceFile(path, blob_id(data), "100644", len(data)) for path, data in contents.items()]

    def read(wanted: list[SourceFile]) -> list[bytes]:
        saved = iter(tree.read([file for file in wanted if file.path not in contents]))
        return [contents[file.path] if file.path in contents else next(saved) for file in wanted]

    files = tuple(sorted([*others, *added], key=lambda file: file.path))
    return replace(tree, files=files, read=read, digest="")
