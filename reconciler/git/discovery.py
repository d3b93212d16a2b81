"""Where a repository is: asked of Git once, with its check of who owns the folder."""

import os
from pathlib import Path

from msgspec import Struct

from reconciler.git.command import INSTALL_HINT, Finished, local_environment, run_git
from reconciler.git.user_settings import SAFE_FOLDER_KEYS, as_global_settings, read_user_settings
from reconciler.model.errors import CouldNot

# Before 2.31 Git would not take our settings from the environment, and so start hooks; it answers the first question
# by repeating it.
_FIRST_QUESTION = "--path-format=absolute"
_QUESTIONS = (
    *("rev-parse", _FIRST_QUESTION, "--is-bare-repository", "--is-inside-work-tree", "--git-dir", "--git-common-dir"),
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
    if finished.out.startswith(_FIRST_QUESTION.encode()):
        raise CouldNot("git is too old for this program", hint=INSTALL_HINT)
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
    """Ask again with the folders that the user or the system has declared safe; None when there are none."""
    with as_global_settings(read_user_settings(SAFE_FOLDER_KEYS)) as environment:
        return run_git(_QUESTIONS, folder=folder, environment=local_environment(environment)) if environment else None


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
