"""A tree with one file as an editor holds it, not yet saved."""

from msgspec.structs import replace

from reconciler.definitions.folder import blob_id
from reconciler.model.desired import SourceFile, SourceTree


def with_file(tree: SourceTree, path: str, data: bytes) -> SourceTree:
    """Return ``tree`` with the file at ``path``, relative to the repository's root, as ``data``."""
    others = [file for file in tree.files if file.path != path]
    added = SourceFile(path, blob_id(data), "100644", len(data))

    def read(wanted: list[SourceFile]) -> list[bytes]:
        saved = iter(tree.read([file for file in wanted if file.path != path]))
        return [data if file.path == path else next(saved) for file in wanted]

    files = tuple(sorted([*others, added], key=lambda file: file.path))
    return replace(tree, files=files, read=read, digest="")
