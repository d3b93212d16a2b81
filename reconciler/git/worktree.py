"""What of the work tree is not committed: asked without touching the index, and without filters."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from reconciler.git.command import stop_git
from reconciler.model.errors import CouldNot

if TYPE_CHECKING:
    from reconciler.git.repository import Repository


def start_changed_files(repository: "Repository", *paths: str) -> Callable[[], int]:
    """Begin to compare ``paths`` with HEAD; the function that comes back waits for how many files differ."""
    if repository.is_bare:
        return lambda: 0
    process = repository.start(
        [
            *("status", "--porcelain=v1", "-z", "--untracked-files=all", "--ignore-submodules=all", "--no-renames"),
            *("--no-ahead-behind", "--", *paths),
        ],
        settings=_without_filters(repository),
    )

    def wait() -> int:
        try:
            out, _ = process.communicate()
        finally:
            stop_git(process)
        if process.returncode:
            raise CouldNot(f"{repository.root}: git status failed", hint="Look with `git status`.")
        return out.count(b"\0")

    return wait


def _without_filters(repository: "Repository") -> list[tuple[str, str]]:
    """Return settings that switch off every filter of this clone: .gitattributes would have status start them."""
    finished = repository.run("config", "--name-only", "-z", "--get-regexp", r"^filter\.")
    names = finished.out.decode("utf-8", "surrogateescape").split("\0")[:-1]
    return [(name, "false" if name.endswith(".required") else "") for name in names]
