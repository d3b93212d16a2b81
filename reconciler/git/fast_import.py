"""One stream to ``git fast-import``: commits straight into the object database; index and work tree have no part."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from msgspec import Struct

from reconciler.git.command import IDENTITY_EMAIL, IDENTITY_NAME
from reconciler.model.errors import CouldNot

if TYPE_CHECKING:
    from reconciler.git.repository import Repository


class RefMoved(CouldNot):
    """Another process moved a ref meanwhile; nothing is lost: read again and write again."""


class NewFile(Struct, frozen=True):
    """A file to put at ``path``: content, or the id of a blob that is there already."""

    path: str
    data: bytes = b""
    blob: str = ""


class NewCommit(Struct, frozen=True, kw_only=True):
    """A commit to add to ``ref``: the tree of the first parent with ``files`` put into it."""

    ref: str
    message: str
    at: datetime
    parents: Sequence[str] = ()
    files: Sequence[NewFile] = ()
    is_empty_based: bool = False
    """Parents are kept for their history only; the tree begins empty."""


def import_commits(repository: "Repository", commits: Iterable[NewCommit]) -> list[str]:
    """Write ``commits``, each on a ref of its own; return their ids.

    A ref moves only when it is still where the parents say, or is new: otherwise RefMoved, and the others may have
    moved.  Raises CouldNot when Git cannot write.
    """
    stream: list[bytes] = []
    count = 0
    for commit in commits:
        count += 1
        stream += _commit_lines(commit, count)
    stream += [b"get-mark :%d\n" % mark for mark in range(1, count + 1)]
    stream.append(b"done\n")
    finished = repository.run("fast-import", "--quiet", "--done", data=b"".join(stream))
    if finished.code == 0:
        return finished.out.decode("ascii").split()
    _remove_crash_report(repository, finished.err)
    if "does not contain" in finished.err or "cannot lock ref" in finished.err:
        raise RefMoved(finished.complaint)
    raise CouldNot(
        f"{repository.root}: Git could not store the reports: {finished.complaint}",
        hint="They stay in the state database and are published by the next pass.",
    )


def _commit_lines(commit: NewCommit, mark: int) -> list[bytes]:
    message = commit.message.encode()
    identity = f"{IDENTITY_NAME} <{IDENTITY_EMAIL}> {int(commit.at.timestamp())} +0000"
    lines = [
        f"commit {commit.ref}\nmark :{mark}\ncommitter {identity}\ndata {len(message)}\n".encode(),
        message + b"\n",
    ]
    # Without `from` fast-import goes on from the ref itself, as it finds it: only right for a ref that is not there.
    lines += [f"{'merge' if at else 'from'} {parent}\n".encode() for at, parent in enumerate(commit.parents)]
    if commit.is_empty_based:
        lines.append(b"deleteall\n")
    for file in commit.files:
        if file.blob:
            lines.append(f"M 100644 {file.blob} {file.path}\n".encode())
        else:
            lines += [f"M 100644 inline {file.path}\ndata {len(file.data)}\n".encode(), file.data, b"\n"]
    return lines


def _remove_crash_report(repository: "Repository", complaint: str) -> None:
    """fast-import leaves a file in the Git directory when it fails; its text is in our message."""
    for word in complaint.split():
        if "fast_import_crash_" in word:
            (repository.git_dir / word.rpartition("/")[2]).unlink(missing_ok=True)
