"""One Git repository, opened: commits, files at a commit, and what changed between two of them."""

import hashlib
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from functools import cached_property
from pathlib import Path
from subprocess import Popen
from typing import Self

from reconciler.git import history, worktree
from reconciler.git.command import Finished, local_environment, run_git, start_git, stop_git
from reconciler.git.commits import Commit, parse_commit
from reconciler.git.discovery import Place, find_repository
from reconciler.git.names import check_path, check_ref, check_sha
from reconciler.git.objects import DAMAGED_HINT, MAX_OBJECT_BYTES, MISSING_HINT, ObjectReader
from reconciler.git.trees import (
    FOLDER,
    REGULAR_MODES,
    SUBMODULE,
    TreeChange,
    TreeEntry,
    find_entry,
    parse_changes,
    parse_listing,
    parse_sizes,
    source_files,
)
from reconciler.model.desired import SourceFile, SourceTree
from reconciler.model.errors import CouldNot, DefinitionsInvalid, InternalError
from reconciler.model.text import escape_text

SETTINGS_FILE = "reconciler.toml"
FETCH_SECONDS = 60.0


class Repository:
    """A repository and the git processes that read it; close it, or use it in ``with``.

    Nothing here touches the work tree, the index or HEAD; no hook, filter or other program that the repository or a
    commit names is started, and nothing is fetched but by ``fetch``.
    """

    def __init__(self, place: Place) -> None:
        self.root = place.root
        self.git_dir = place.git_dir
        self.common_dir = place.common_dir
        self.is_bare = place.is_bare
        self._oid_bytes = place.oid_bytes
        self.where = {"GIT_DIR": str(place.git_dir)}
        if not place.is_bare:
            self.where["GIT_WORK_TREE"] = str(place.root)
        self._environment = local_environment(self.where)
        self.objects = ObjectReader(self.start, stop_git, self._explain_unreadable)

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Open the repository that ``folder`` is in, upwards as Git does. Raises CouldNot."""
        return cls(find_repository(folder))

    def close(self) -> None:
        self.objects.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @cached_property
    def name(self) -> str:
        """The URL of the remote ``origin`` without credentials and query, or else the name of the folder."""
        # Here and nowhere else on the way of a validation: to import GitPython costs as much as the validation.
        from reconciler.git.remotes import repository_name  # noqa: PLC0415

        return repository_name(self)

    def resolve(self, ref: str) -> Commit:
        """Return the commit that ``ref`` stands for; a tag is followed.

        Raises UsageError for what cannot be a ref, before Git is asked, and CouldNot for one that is not there.
        """
        found = self.objects.content(f"{check_ref(ref)}^{{commit}}", "commit")
        if found is None:
            raise self._no_such_commit(ref)
        return parse_commit(*found)

    def has_commit(self, sha: str) -> bool:
        """Whether this clone has the commit: not so after a shallow clone, or a rewritten history and ``git gc``."""
        header = self.objects.header(check_sha(sha))
        return header is not None and header.type == "commit"

    def find(self, commit_sha: str, path: str) -> TreeEntry | None:
        """Return what is at ``path`` at a commit, or None. Symbolic links are found, never followed."""
        parts = check_path(path).split("/")
        entry = TreeEntry(FOLDER, f"{check_sha(commit_sha)}^{{tree}}")
        for part in parts:
            if entry.mode != FOLDER:
                return None
            tree = self.objects.content(entry.oid, "tree")
            if tree is None:
                raise CouldNot(
                    f"{self.root}: commit {commit_sha} is not in this clone, or not whole", hint=MISSING_HINT
                )
            found = find_entry(tree[1], part.encode(), self._oid_bytes)
            if found is None:
                return None
            entry = found
        return entry

    def read_file(self, commit_sha: str, path: str) -> bytes | None:
        """Return the content of the regular file at ``path`` at a commit; None where there is none."""
        entry = self.find(commit_sha, path)
        return self._read_blobs([entry.oid])[0] if entry and entry.mode in REGULAR_MODES else None

    def tree_digest(self, commit_sha: str, *, root: str) -> str:
        """Return the digest of ``read_tree`` alone: a few objects read, however many files there are."""
        return _digest(self._find_folder(commit_sha, root), self._find_settings(commit_sha))

    def read_tree(self, commit_sha: str, *, root: str) -> SourceTree:
        """List the files under ``root`` at a commit, sorted as Git does; a folder that is not there has none.

        Symbolic links and submodules are listed with their mode, and never read.  A path that is not
        UTF-8 has its odd bytes as ``\\xff``.  Raises DefinitionsInvalid when ``root`` or reconciler.toml is neither
        absent nor what it should be, CouldNot when the clone is incomplete or damaged.
        """
        folder = self._find_folder(commit_sha, root)
        return SourceTree(
            root=root,
            files=self._list_files(folder.oid, f"{root}/") if folder else (),
            commit=commit_sha,
            digest=_digest(folder, self._find_settings(commit_sha)),
            read=self._read_files,
            settings=self.read_settings(commit_sha),
        )

    def read_settings(self, commit_sha: str) -> bytes | None:
        """Return the content of reconciler.toml at a commit, None where there is none. Raises as ``read_tree``."""
        settings = self._find_settings(commit_sha)
        return self._read_blobs([settings.oid])[0] if settings else None

    def folder_id(self, commit_sha: str, *, root: str) -> str:
        """Return Git's id of the folder ``root`` at a commit; empty where there is none."""
        folder = self._find_folder(commit_sha, root)
        return folder.oid if folder else ""

    def diff_folders(self, old: str, new: str, *, root: str) -> dict[str, SourceFile | None] | None:
        """Return what differs between two folders by their ids, None for a file that is gone.

        Paths begin with ``root``.  None when this clone does not have ``old`` any more.
        """
        finished = self.run("diff-tree", "-r", "-z", "--raw", "--no-renames", "--no-abbrev", old, new)
        if finished.code:
            return None
        found: dict[str, SourceFile | None] = {}
        for change in parse_changes(finished.out):
            path = f"{root}/{change.path}"
            found[path] = (
                SourceFile(path, change.new_blob, change.mode, self._size(change)) if change.new_blob else None
            )
        return found

    def _size(self, change: TreeChange) -> int:
        if change.mode == SUBMODULE:
            return 0
        header = self.objects.header(change.new_blob)
        if header is None:
            raise CouldNot(f"the content of {escape_text(change.path)} is not in this clone", hint=MISSING_HINT)
        return header.size

    def read_files(self, files: list[SourceFile]) -> list[bytes]:
        """Return the content of regular files, in their order."""
        return self._read_files(files)

    def diff_trees(self, old_sha: str, new_sha: str, *, root: str) -> list[TreeChange] | None:
        """Return what differs between two commits under ``root`` and in reconciler.toml, sorted by path.

        None when ``old_sha`` is not in this clone (any more), or not whole: there is nothing to compare with.
        """
        if not self.has_commit(old_sha):
            return None
        check_sha(new_sha)
        arguments = ["diff-tree", "-r", "-z", "--raw", "--no-renames", "--no-abbrev", old_sha, new_sha]
        finished = self.run(*arguments, "--", check_path(root), SETTINGS_FILE)
        return None if finished.code else list(parse_changes(finished.out))

    def changed_files(self, root: str) -> int:
        """Return how many files of the work tree under ``root`` and reconciler.toml differ from HEAD.

        Untracked files count, ignored ones do not.  0 for a bare repository.
        """
        return self.start_changed_files(root)()

    def start_changed_files(self, root: str) -> Callable[[], int]:
        """Begin what ``changed_files`` does, beside us; the function that comes back waits for the number."""
        return worktree.start_changed_files(self, check_path(root), SETTINGS_FILE)

    def last_changed(self, commit_sha: str, paths: Collection[str]) -> dict[str, str]:
        """Return, for each path, the commit that gave it the content it has at ``commit_sha``.

        A path that is not there is left out, and one whose last change lies beyond the end of a shallow clone.
        """
        return history.last_changed(self, check_sha(commit_sha), paths)

    def first_added(self, commit_sha: str, paths: Collection[str]) -> dict[str, datetime]:
        """Return, for each path, when the file that is there at ``commit_sha`` came onto this branch.

        That is the date of the commit, along first parents, that added the path (a merge, where it came by one); the
        latest such, when it was removed and added again.  Left out: as in ``last_changed``.
        """
        return history.first_added(self, check_sha(commit_sha), paths)

    def fetch(self, remote: str, branch: str, *, seconds: float = FETCH_SECONDS) -> str:
        """Fetch ``branch`` from ``remote``; return the commit it stands at there, also after a force-push.

        Branches, tags and remote-tracking refs of this clone stay as they are.  Raises CouldNot when the remote cannot
        be reached, has no such branch, sends a damaged object, or has not answered after ``seconds``.
        """
        from reconciler.git.fetch import fetch_branch  # noqa: PLC0415 - as in name

        return fetch_branch(self, remote, branch, seconds=seconds)

    def run(self, *arguments: str, data: bytes = b"", environment: Mapping[str, str] = {}) -> Finished:
        """Run git in this repository, whatever its exit code: for this room alone, with fixed arguments."""
        return run_git(arguments, folder=self.root, environment={**self._environment, **environment}, data=data)

    def git(self, *arguments: str, data: bytes = b"") -> bytes:
        """Run git in this repository; return its output. Raises CouldNot with its complaint when it fails."""
        finished = self.run(*arguments, data=data)
        if finished.code:
            raise self._failure(f"git {arguments[0]} failed", finished)
        return finished.out

    def start(self, arguments: Sequence[str], *, settings: Sequence[tuple[str, str]] = ()) -> Popen[bytes]:
        """Start git in this repository, with pipes: for this room alone, with fixed arguments."""
        environment = local_environment(self.where, settings=settings) if settings else self._environment
        return start_git(arguments, folder=self.root, environment=environment)

    def _find_folder(self, commit_sha: str, root: str) -> TreeEntry | None:
        folder = self.find(commit_sha, root)
        if folder and folder.mode != FOLDER:
            raise DefinitionsInvalid(
                f"{root} is {folder.kind} at {commit_sha[:12]}, not a folder",
                hint="Definitions are read from a folder of this repository itself: put one there.",
            )
        return folder

    def _find_settings(self, commit_sha: str) -> TreeEntry | None:
        settings = self.find(commit_sha, SETTINGS_FILE)
        if settings and settings.mode not in REGULAR_MODES:
            raise DefinitionsInvalid(
                f"{SETTINGS_FILE} is {settings.kind} at {commit_sha[:12]}, not a file",
                hint="Only regular files are read: put the text itself there.",
            )
        return settings

    def _list_files(self, tree: str, prefix: str) -> tuple[SourceFile, ...]:
        entries = parse_listing(self.git("ls-tree", "-r", "-z", "--full-tree", tree), prefix)
        blobs = [entry for entry in entries if entry[0] != SUBMODULE]
        # `ls-tree -l` gives sizes too, but takes as long again as both of these together.
        asked = "".join([f"{oid}\n" for _, oid, _ in blobs]).encode()
        replies = self.git("cat-file", "--batch-check=%(objectsize)", "--buffer", data=asked) if blobs else b""
        sizes = dict(zip([oid for _, oid, _ in blobs], parse_sizes(replies, blobs), strict=True))
        return source_files(entries, sizes)

    def _read_files(self, files: list[SourceFile]) -> list[bytes]:
        for file in files:
            if file.mode not in REGULAR_MODES:
                raise InternalError(f"{file.path}: an entry of mode {file.mode} is never read")
            if file.size > MAX_OBJECT_BYTES:
                raise CouldNot(f"{file.path} has {file.size:,} bytes; no more than {MAX_OBJECT_BYTES:,} are read")
        return self._read_blobs([file.blob for file in files])

    def _read_blobs(self, oids: Sequence[str]) -> list[bytes]:
        return self.objects.contents(oids)

    def _explain_unreadable(self, name: str) -> CouldNot:
        return self._failure(f"Git cannot read object {name}", self.run("cat-file", "-p", name))

    def _failure(self, what: str, finished: Finished) -> CouldNot:
        if "promisor" in finished.err or "transport " in finished.err:
            return CouldNot(f"{self.root}: {what}: the object is not in this clone", hint=MISSING_HINT)
        is_damaged = any(word in finished.err for word in ("corrupt", "inflate", "unpack", "bad object", "mismatch"))
        return CouldNot(f"{self.root}: {what}: {finished.complaint}", hint=DAMAGED_HINT if is_damaged else "")

    def _no_such_commit(self, ref: str) -> CouldNot:
        if not self.objects.header("HEAD"):
            return CouldNot(
                f"{self.root}: this branch has no commit yet", hint="Commit first: git add -A && git commit -m 'Begin'"
            )
        from reconciler.git.remotes import similar_refs  # noqa: PLC0415 - as in name

        similar = similar_refs(self, ref)
        return CouldNot(
            f"{self.root}: there is no commit '{ref}'",
            hint=f"Did you mean {similar[0]}?" if similar else "`git branch --all` and `git tag` list what there is.",
        )


def _digest(folder: TreeEntry | None, settings: TreeEntry | None) -> str:
    parts = [entry.oid if entry else "-" for entry in (folder, settings)]
    return hashlib.sha256(" ".join(parts).encode()).hexdigest()
