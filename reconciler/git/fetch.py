"""Fetching: what a remote has, kept apart from the user's own refs."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from reconciler.git.names import check_branch
from reconciler.git.network import Remote, open_remote

if TYPE_CHECKING:
    from reconciler.git.repository import Repository

_OPTIONS = ("--quiet", "--no-tags", "--no-write-fetch-head", "--no-auto-maintenance", "--no-recurse-submodules")


def fetch_branch(repository: "Repository", remote: str, branch: str, *, seconds: float) -> str:
    """See ``Repository.fetch``."""
    ref = f"refs/heads/{check_branch(branch)}"
    with open_remote(repository, remote, for_push=False, seconds=seconds) as link:
        fetch_refs(link, [ref])
    return repository.resolve(seen_ref(remote, ref)).sha


def fetch_refs(link: Remote, refs: Iterable[str]) -> None:
    """Bring ``seen_ref`` of each of ``refs`` to where it is at the remote, forwards or not. Raises CouldNot."""
    finished = link.run("fetch", _OPTIONS, [f"+{ref}:{seen_ref(link.name, ref)}" for ref in refs])
    if finished.code:
        raise link.failure("fetch", finished)


def seen_ref(remote: str, ref: str) -> str:
    """Where we keep what a remote had: apart from the user's refs/remotes, which we leave alone."""
    return f"refs/reconciler/remotes/{remote}/{ref.removeprefix('refs/')}"
