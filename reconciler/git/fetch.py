"""Fetching: what a remote has, kept apart from the user's own refs."""

import re
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.git.names import check_branch
from reconciler.git.network import Remote, open_remote

if TYPE_CHECKING:
    from reconciler.git.repository import Repository

_NAMESPACE = "refs/reconciler/remotes"
_LOCKED = re.compile(r"Unable to create '([^'\n]+\.lock)': File exists")
_OPTIONS = ("--quiet", "--no-tags", "--no-write-fetch-head", "--no-auto-maintenance", "--no-recurse-submodules")


def fetch_branch(repository: "Repository", remote: str, branch: str, *, seconds: float) -> str:
    """See ``Repository.fetch``."""
    ref = f"refs/heads/{check_branch(branch)}"
    with open_remote(repository, remote, for_push=False, seconds=seconds) as link:
        fetch_refs(link, [ref])
    return repository.resolve(seen_ref(remote, ref)).sha


def fetch_refs(link: Remote, refs: Iterable[str]) -> None:
    """Bring ``seen_ref`` of each of ``refs`` to where it is at the remote, forwards or not. Raises CouldNot."""
    specs = [f"+{ref}:{seen_ref(link.name, ref)}" for ref in refs]
    finished = link.run("fetch", _OPTIONS, specs)
    if finished.code and _remove_dead_locks(link, finished.err):
        finished = link.run("fetch", _OPTIONS, specs)
    if finished.code:
        raise link.failure("fetch", finished)


def _remove_dead_locks(link: Remote, said: str) -> bool:
    """Take away what a fetch that was killed has left; True where there was something.

    Only locks of our own refs, and none younger than any fetch may last: the user's own, and those of the living, stay.
    """
    removed = False
    for path in map(Path, _LOCKED.findall(said)):
        with suppress(OSError):
            age = time.time() - path.stat().st_mtime
            if f"/{_NAMESPACE}/" in path.as_posix() and age > link.seconds:
                path.unlink()
                removed = True
    return removed


def seen_ref(remote: str, ref: str) -> str:
    """Where we keep what a remote had: apart from the user's refs/remotes, which we leave alone."""
    return f"{_NAMESPACE}/{remote}/{ref.removeprefix('refs/')}"
