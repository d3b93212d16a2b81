"""Where two lines of commits part."""

from reconciler.git.names import check_sha
from reconciler.git.repository import Repository


def merge_base(repository: Repository, first_sha: str, second_sha: str) -> str | None:
    """Return the commit from which both came; None where they share none, or this clone does not reach it."""
    finished = repository.run("merge-base", check_sha(first_sha), check_sha(second_sha))
    return None if finished.code else finished.out.decode().strip()
