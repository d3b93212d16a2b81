"""The commits that changed a few files, as a person would list them."""

from collections.abc import Collection
from datetime import UTC, datetime
from typing import NamedTuple

from reconciler.git.names import check_sha
from reconciler.git.repository import Repository

_FIELDS = ("%H", "%ct", "%an", "%s")


class FileCommit(NamedTuple):
    """A commit that changed one of the files; ``author`` and ``subject`` are foreign words."""

    sha: str
    at: datetime
    author: str
    subject: str


def file_history(repository: Repository, commit_sha: str, paths: Collection[str], *, limit: int) -> list[FileCommit]:
    """Return the latest commits up to ``commit_sha`` that changed one of ``paths``, newest first."""
    if not paths:
        return []
    listing = repository.git(
        *("log", "-z", f"--format={'%x00'.join(_FIELDS)}", f"--max-count={limit}"),
        *("--no-show-signature", "--no-follow", "--no-relative", "--no-decorate", "--no-notes", "--no-mailmap"),
        *(check_sha(commit_sha), "--", *sorted(paths)),
    )
    fields = listing.decode("utf-8", "backslashreplace").split("\0")
    return [
        FileCommit(sha, datetime.fromtimestamp(int(seconds), UTC), author, subject)
        for sha, seconds, author, subject in zip(*(fields[start::4] for start in range(4)), strict=False)
    ]
