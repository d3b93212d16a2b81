"""Small records beside the reports, on their branch: which state reconciles a target, and what it has started once."""

from typing import TYPE_CHECKING

from reconciler.git.names import check_branch, check_path
from reconciler.git.report_branch import read_tips
from reconciler.git.trees import parse_listing

if TYPE_CHECKING:
    from reconciler.git.repository import Repository

LOOK_SECONDS = 60.0


def look_at_remote(repository: "Repository", remote: str, *, branch: str) -> None:
    """See what ``remote`` has on the branch of reports, if it has one. Raises CouldNot when it cannot be asked."""
    from reconciler.git.fetch import fetch_refs  # noqa: PLC0415 - loads GitPython, and few repositories push
    from reconciler.git.network import open_remote  # noqa: PLC0415

    ref = f"refs/heads/{check_branch(branch)}"
    with open_remote(repository, remote, for_push=False, seconds=LOOK_SECONDS) as link:
        finished = link.run("ls-remote", ["--refs"], [ref])
        if finished.code:
            raise link.failure("ls-remote", finished)
        if finished.out.strip():
            fetch_refs(link, [ref])


def read_records(repository: "Repository", folder: str, *, branch: str, remote: str) -> dict[str, bytes]:
    """Return the files under ``folder`` of the branch of reports, here and as ``remote`` had it last, by path.

    Each file is written once and never changed, so where both have one it is the same.
    """
    from reconciler.git.fetch import seen_ref  # noqa: PLC0415

    ref = f"refs/heads/{check_branch(branch)}"
    refs = [ref, seen_ref(remote, ref)] if remote else [ref]
    blobs: dict[str, str] = {}
    for tip in read_tips(repository, *refs).values():
        listing = repository.git("ls-tree", "-r", "-z", "--full-tree", tip, "--", check_path(folder))
        blobs |= {path: oid for _, oid, path in parse_listing(listing, "")}
    contents = repository.objects.contents(list(blobs.values())) if blobs else []
    return dict(zip(blobs, contents, strict=True))
