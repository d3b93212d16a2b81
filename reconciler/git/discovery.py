"""Where a repository is: asked of Git once, with its check of who owns the folder."""

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

from msgspec import Struct

from reconciler.git.command import Finished, local_environment, run_git, user_environment
from reconciler.model.errors import CouldNot

_QUESTIONS = (
    *("rev-parse", "--is-bare-repository", "--is-inside-work-tree", "--git-dir", "--git-common-dir"),
    *("--show-object-format", "--show-cdup"),
)


class Place(Struct, frozen=True, kw_only=True):
    """``root`` is the work tree, or the Git directory of a bare repository."""

    root: Path
    git_dir: Path
    common_dir: Path
    is_bare: bool
    oid_bytes: int


def find_repository(folder: Path) -> Place:
    """Find the repository that ``folder`` is in, upwards as Git does. Raises CouldNot."""
    if not folder.is_dir():
        raise CouldNot(f"{folder}: folder does not exist")
    finished = run_git(_QUESTIONS, folder=folder, environment=local_environment())
    if "dubious ownership" in finished.err:
        finished = _ask_as_trusted(folder) or finished
    if finished.code:
        raise _explain(folder, finished)
    return _read_place(folder, finished.out)


def _read_place(folder: Path, out: bytes) -> Place:
    lines = os.fsdecode(out).split("\n")
    is_bare, in_work_tree, git_dir, common_dir, object_format, *up = lines
    git_path = Path(os.path.realpath(folder / git_dir))
    common_path = Path(os.path.realpath(folder / common_dir))
    if in_work_tree == "true":
        root = Path(os.path.realpath(folder / up[0]))
    elif is_bare == "false" and git_path.name == ".git":
        root = git_path.parent
    else:
        root = git_path
    return Place(
        root=root,
        git_dir=git_path,
        common_dir=common_path,
        is_bare=root == git_path,
        oid_bytes=32 if object_format == "sha256" else 20,
    )


def _ask_as_trusted(folder: Path) -> Finished | None:
    """Ask again with the folders that the user or the system has declared safe; None when there are none.

    Our git does not read their configuration.  Before 2.38 Git takes safe.directory from files only, so a file it is.
    """
    folders = [*_safe_directories("--system"), *_safe_directories("--global")]
    if not folders:
        return None
    with tempfile.NamedTemporaryFile("w", suffix=".gitconfig", encoding="utf-8") as config:
        config.writelines(f'[safe]\n\tdirectory = "{_quoted(path)}"\n' for path in folders)
        config.flush()
        return run_git(_QUESTIONS, folder=folder, environment=local_environment({"GIT_CONFIG_GLOBAL": config.name}))


def _safe_directories(scope: str) -> Iterable[str]:
    arguments = ["config", scope, "-z", "--get-all", "safe.directory"]
    finished = run_git(arguments, folder=Path(os.sep), environment=user_environment())
    return os.fsdecode(finished.out).split("\0")[:-1]


def _quoted(path: str) -> str:
    return path.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _explain(folder: Path, finished: Finished) -> CouldNot:
    if "dubious ownership" in finished.err:
        return CouldNot(
            f"{folder}: the repository belongs to another user, so Git does not open it",
            hint=f"If you trust it: git config --global --add safe.directory {folder}",
        )
    if "not a git repository" in finished.err:
        return CouldNot(
            f"{folder} is not in a Git repository",
            hint="Go into your clone, name it with -C DIR, or make one: git init && git add -A && git commit",
        )
    return CouldNot(f"{folder}: Git does not open this repository: {finished.complaint}")
