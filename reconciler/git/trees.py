"""What Git says about trees, read: listings, sizes and differences."""

import re
import stat
from collections.abc import Iterator

from msgspec import Struct

from reconciler.git.names import is_plain_part
from reconciler.git.objects import MISSING_HINT
from reconciler.model.desired import SourceFile
from reconciler.model.errors import CouldNot, DefinitionsInvalid
from reconciler.model.text import escape_text

REGULAR_MODES = frozenset({"100644", "100755"})
SUBMODULE = "160000"
SYMLINK = "120000"
FOLDER = "40000"
_MARKS_OF_SPECIAL_PARTS = ("/.", "\t.", "//", "\t/", "/\0")
_SPECIAL_PARTS = re.compile(r"(?:\A|/)(?:\.{0,2}|\.[gG][iI][tT])(?:/|\Z)")


class TreeEntry(Struct, frozen=True):
    """One name in a folder at a commit; ``mode`` is one of Git's five, 40000 for a folder."""

    mode: str
    oid: str

    @property
    def kind(self) -> str:
        """What it is, in a word for messages."""
        return _KINDS.get(self.mode, "a file")


_KINDS = {SYMLINK: "a symbolic link", SUBMODULE: "a submodule", FOLDER: "a folder"}


class TreeChange(Struct, frozen=True):
    """One path that differs between two commits.

    ``status`` is Git's letter: A added, D deleted, M changed, T changed type.  A blob id is empty where the path is
    not there; ``mode`` is the new one, empty for a deletion.
    """

    status: str
    path: str
    old_blob: str
    new_blob: str
    mode: str


def find_entry(tree: bytes, name: bytes, oid_bytes: int) -> TreeEntry | None:
    """Return the entry ``name`` of a tree object, given as Git stores it."""
    at = 0
    while at < len(tree):
        end = tree.index(b"\0", at)
        mode, _, entry_name = tree[at:end].partition(b" ")
        at = end + 1 + oid_bytes
        if entry_name == name:
            return TreeEntry(_plain_mode(mode), tree[end + 1 : at].hex())
    return None


def _plain_mode(raw: bytes) -> str:
    """Return the mode as Git itself takes it (``canon_mode``): of five kinds, however it is written in the tree."""
    try:
        mode = int(raw, 8)
    except ValueError:
        return SUBMODULE
    if stat.S_ISREG(mode):
        return "100755" if mode & stat.S_IXUSR else "100644"
    if stat.S_ISLNK(mode):
        return SYMLINK
    return FOLDER if stat.S_ISDIR(mode) else SUBMODULE


def parse_listing(listing: bytes, prefix: str) -> list[tuple[str, str, str]]:
    """Read ``ls-tree -r -z``: (mode, id, path), the path with ``prefix`` in front."""
    text = listing.decode("utf-8", "backslashreplace")
    if any(mark in text for mark in _MARKS_OF_SPECIAL_PARTS):
        for line in text.split("\0")[:-1]:
            _check_parts(prefix + line.partition("\t")[2])
    lines = text.split("\0")[:-1]
    start = len("100644 blob ")
    end = lines[0].index("\t") if lines else 0
    if f"\0{SUBMODULE} " not in text and not text.startswith(SUBMODULE):
        # All columns stand at the same place: a hundred thousand lines are cut, not parsed.
        return [(line[:6], line[start:end], prefix + line[end + 1 :]) for line in lines]
    return [(*_mode_and_oid(line), prefix + line.partition("\t")[2]) for line in lines]


def _mode_and_oid(line: str) -> tuple[str, str]:
    mode, _, oid = line.partition("\t")[0].split(" ")
    return mode, oid


def parse_changes(raw: bytes) -> Iterator[TreeChange]:
    """Read ``diff-tree --raw -z --no-renames --no-abbrev``."""
    fields = raw.split(b"\0")[:-1]
    for head, path in zip(fields[::2], fields[1::2], strict=True):
        _, mode, old, new, status = head.decode("ascii").lstrip(":").split(" ")
        yield TreeChange(
            status=status,
            path=decode_path(path),
            old_blob=old if old.strip("0") else "",
            new_blob=new if new.strip("0") else "",
            mode=mode if mode.strip("0") else "",
        )


def parse_sizes(replies: bytes, entries: list[tuple[str, str, str]]) -> list[int]:
    """Read ``cat-file --batch-check=%(objectsize)`` for ``entries``, in their order."""
    lines = replies.split(b"\n")[:-1]
    try:
        return [int(line) for line in lines]
    except ValueError:
        path = next(path for line, (_, _, path) in zip(lines, entries, strict=False) if not line.isdigit())
        raise CouldNot(
            f"the content of {escape_text(path)} is not in this clone",
            hint=MISSING_HINT,
        ) from None


def decode_path(raw: bytes) -> str:
    """Return a path as text: a byte that is not UTF-8 shows as ``\\xff``, so the text always can be written.

    Raises DefinitionsInvalid for a path that Git itself never makes and that would lead elsewhere.
    """
    path = raw.decode("utf-8", "backslashreplace")
    _check_parts(path)
    return path


def _check_parts(path: str) -> None:
    if _SPECIAL_PARTS.search(path):
        part = next(part for part in path.split("/") if not is_plain_part(part))
        raise DefinitionsInvalid(
            f"the commit has an entry named '{part}' in {escape_text(path)}",
            hint="Git itself would not add it: remove the commit that brought it.",
        )


def source_files(entries: list[tuple[str, str, str]], sizes: dict[str, int]) -> tuple[SourceFile, ...]:
    """Return the files of a listing; what has no size (a submodule) has 0."""
    return tuple([SourceFile(path, oid, mode, sizes.get(oid, 0)) for mode, oid, path in entries])
