"""Which commit brought what: one walk for many paths, that ends as soon as all are found."""

import os
import re
from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, datetime
from io import BufferedReader
from subprocess import Popen
from typing import TYPE_CHECKING, NamedTuple

from reconciler.git.command import stop_git
from reconciler.git.trees import parse_listing

if TYPE_CHECKING:
    from reconciler.git.repository import Repository

_COMMIT = re.compile(rb"\n?([0-9a-f]{40,64}) (\d+)")
_MOST_PATHSPECS = 200


class _Touch(NamedTuple):
    """A commit and one file it touched, with the content that it left there."""

    sha: str
    seconds: int
    path: str
    blob: str
    is_addition: bool


def last_changed(repository: "Repository", commit_sha: str, paths: Collection[str]) -> dict[str, str]:
    """See ``Repository.last_changed``."""
    wanted = _present_blobs(repository, commit_sha, paths)
    boundary = _shallow_commits(repository)
    found: dict[str, str] = {}
    # Of a merge only what differs from every parent is its own doing.
    for touch in _walk(repository, commit_sha, wanted, "-c"):
        # A change that lost against another in a merge left some other content: it is not the one.
        if wanted.get(touch.path) == touch.blob:
            del wanted[touch.path]
            if touch.sha not in boundary:
                found[touch.path] = touch.sha
            if not wanted:
                break
    return found


def first_added(repository: "Repository", commit_sha: str, paths: Collection[str]) -> dict[str, datetime]:
    """See ``Repository.first_added``."""
    wanted = _present_blobs(repository, commit_sha, paths)
    boundary = _shallow_commits(repository)
    found: dict[str, datetime] = {}
    for touch in _walk(repository, commit_sha, wanted, "--first-parent", "--diff-merges=first-parent"):
        if touch.is_addition and wanted.pop(touch.path, ""):
            if touch.sha not in boundary:
                found[touch.path] = datetime.fromtimestamp(touch.seconds, UTC)
            if not wanted:
                break
    return found


def _present_blobs(repository: "Repository", commit_sha: str, paths: Collection[str]) -> dict[str, str]:
    if not paths:
        return {}
    listing = repository.git("ls-tree", "-r", "-z", "--full-tree", commit_sha, "--", *_pathspecs(paths))
    asked = frozenset(paths)
    return {path: oid for _, oid, path in parse_listing(listing, "") if path in asked}


def _walk(repository: "Repository", commit_sha: str, paths: Collection[str], *options: str) -> Iterator[_Touch]:
    if not paths:
        return
    process = repository.start(
        [
            *("log", "-z", "--raw", "--no-abbrev", "--no-renames", "--root", "--format=%H %ct", *options),
            *("--no-show-signature", "--no-follow", "--no-relative", "--no-decorate", "--no-notes", "--no-mailmap"),
            *(commit_sha, "--", *_pathspecs(paths)),
        ]
    )
    try:
        yield from _read_touches(_read_fields(process))
    finally:
        stop_git(process)


def _read_touches(fields: Iterator[bytes]) -> Iterator[_Touch]:
    sha, seconds = "", 0
    for field in fields:
        commit = _COMMIT.fullmatch(field)
        if commit:
            sha, seconds = commit[1].decode(), int(commit[2])
        elif field:
            # One parent: ":mode mode id id S".  A merge of n: n colons, n+1 modes, n+1 ids, n letters.
            *_, blob, letters = field.decode("ascii").split(" ")
            path = next(fields).decode("utf-8", "backslashreplace")
            yield _Touch(sha, seconds, path, blob, letters.strip("A") == "")


def _read_fields(process: "Popen[bytes]") -> Iterator[bytes]:
    assert isinstance(process.stdout, BufferedReader)
    rest = b""
    while chunk := process.stdout.read1(1 << 16):
        *fields, rest = (rest + chunk).split(b"\0")
        yield from fields


def _pathspecs(paths: Collection[str]) -> Sequence[str]:
    if len(paths) <= _MOST_PATHSPECS:
        return sorted(paths)
    common = os.path.commonpath(paths)
    return [common] if common else []


def _shallow_commits(repository: "Repository") -> frozenset[str]:
    """The commits at which a shallow clone ends: they seem to add every file, and did not."""
    try:
        return frozenset((repository.common_dir / "shallow").read_text(encoding="ascii").split())
    except FileNotFoundError:
        return frozenset()
