"""What `validate` looks at (work tree, commit, unsaved file), and which of the problems it tells."""

import os
import platform
import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from functools import cache as remember
from functools import cached_property
from pathlib import Path
from typing import NoReturn

from msgspec.structs import replace

from reconciler.cli.cache import Cache
from reconciler.definitions.checked import make_ready
from reconciler.definitions.folder import blob_id, list_paths, read_folder
from reconciler.definitions.known.shelf import Shelf
from reconciler.definitions.known.stamps import Glance, Seen, Stamps
from reconciler.definitions.listing import REGULAR_MODES
from reconciler.definitions.load import load_definitions
from reconciler.definitions.overlay import with_file
from reconciler.definitions.settings import SETTINGS_PATH, read_settings
from reconciler.git.repository import Repository
from reconciler.model.desired import DesiredState, Loaded, SourceFile, SourceTree
from reconciler.model.errors import CouldNot, DefinitionsInvalid, TargetRefused, UsageError
from reconciler.model.job import Task
from reconciler.model.problem import Problem
from reconciler.model.settings import Settings
from reconciler.targets.registry import provider_rules

_MOST_SHOWN_BYTES = 1024 * 1024


class Source:
    """Definitions to check. ``problems`` are those of reconciler.toml; with them nothing else can be judged.

    Files are listed only when they are asked for; ``state`` is there where that may not be needed.
    """

    def __init__(
        self,
        read_tree: Callable[[], SourceTree],
        settings: Settings,
        problems: tuple[Problem, ...] = (),
        *,
        state: "CommitDefinitions | FileDefinitions | UnsavedDefinitions | None" = None,
    ) -> None:
        self._read_tree = read_tree
        self.settings = settings
        self.problems = problems
        self.state = state

    @cached_property
    def tree(self) -> SourceTree:
        return self._read_tree()

    def read_text(self, path: str) -> str | None:
        """Return the text of a file for excerpts; None for one that is not there, no text, or very large."""
        if path == SETTINGS_PATH:
            settings = self.state.settings if self.state is not None else self.tree.settings
            return (settings or b"").decode(errors="replace")
        is_plain = path.isprintable() and "\\" not in path
        if self.state is not None and is_plain and "tree" not in self.__dict__:
            return self.state.read_text(path)
        file = next((file for file in self.tree.files if file.path == path), None)
        if file is None or file.mode not in REGULAR_MODES or file.size > _MOST_SHOWN_BYTES:
            return None
        return self.tree.read([file])[0].decode(errors="replace")


class CommitDefinitions:
    """The definitions at a commit, as ``State`` tells of them."""

    is_kept = True

    def __init__(self, repository: Repository, sha: str, *, root: str, settings: bytes | None) -> None:
        self.shelf = repository.common_dir / "reconciler" / "known-commits"
        self._repository = repository
        self._sha = sha
        self._root = root
        self.settings = settings

    @cached_property
    def tree_id(self) -> str:
        return self._repository.folder_id(self._sha, root=self._root)

    def pieces(self) -> Mapping[str, bytes]:
        return {}

    def diff(self, tree_id: str, kept: Shelf) -> Seen | None:
        if tree_id == self.tree_id:
            return Seen({}, {})
        files = self._repository.diff_folders(tree_id, self.tree_id, root=self._root)
        return Seen(files, {}) if files is not None else None

    def read(self, files: list[SourceFile]) -> list[bytes]:
        return self._repository.read_files(files)

    def read_text(self, path: str) -> str | None:
        data = self._repository.read_file(self._sha, path)
        return data.decode(errors="replace") if data is not None and len(data) <= _MOST_SHOWN_BYTES else None


class FileDefinitions:
    """The definitions in a work tree, as ``State`` tells of them; their files are known by their stamps."""

    tree_id = "files"
    is_kept = True

    def __init__(
        self, repository: Repository, *, folder: str, settings: bytes | None, glance: Glance | None = None
    ) -> None:
        # Beside the index of this work tree: another one of the same clone has other files.
        self.shelf = repository.git_dir / "reconciler" / "known-files"
        self._root = repository.root
        self._folder = folder
        self.settings = settings
        clock_ns = time.time_ns()
        self._stamps = Stamps(self._root, root=folder, clock_ns=clock_ns, glance=glance, meanwhile=make_ready)

    def pieces(self) -> Mapping[str, bytes]:
        return self._stamps.pieces()

    def diff(self, tree_id: str, kept: Shelf) -> Seen:
        return self._stamps.changed(kept.names(), kept.get)

    def read(self, files: list[SourceFile]) -> list[bytes]:
        return self._stamps.read(files)

    def paths_at(self, path: str) -> list[str]:
        """Return the file at ``path``, or all that are under it."""
        return list_paths(self._root, path, root=self._folder)

    def read_text(self, path: str) -> str | None:
        file = self._root / path
        if file.is_symlink() or not file.is_file() or file.stat().st_size > _MOST_SHOWN_BYTES:
            return None
        return file.read_bytes().decode(errors="replace")


class UnsavedDefinitions:
    """The definitions in a work tree with one file as it is not saved yet; they are known by what is saved."""

    is_kept = False

    def __init__(self, saved: FileDefinitions, path: str, data: bytes) -> None:
        self.saved = saved
        self.shelf = saved.shelf
        self.tree_id = saved.tree_id
        self.settings = saved.settings
        self._file = SourceFile(path, blob_id(data), "100644", len(data))
        self._data = data

    def pieces(self) -> Mapping[str, bytes]:
        return {}

    def diff(self, tree_id: str, kept: Shelf) -> Seen:
        return Seen({**self.saved.diff(tree_id, kept).files, self._file.path: self._file}, {})

    def read(self, files: list[SourceFile]) -> list[bytes]:
        saved = iter(self.saved.read([file for file in files if file != self._file]))
        return [self._data if file == self._file else next(saved) for file in files]

    def paths_at(self, path: str) -> list[str]:
        return [path] if path == self._file.path else self.saved.paths_at(path)

    def read_text(self, path: str) -> str | None:
        if path != self._file.path:
            return self.saved.read_text(path)
        return self._data.decode(errors="replace") if len(self._data) <= _MOST_SHOWN_BYTES else None


def read_source(repository: Repository, *, ref: str | None, glance: Glance | None = None) -> Source:
    """Return the definitions at ``ref``, or as they lie in the work tree. Raises UsageError where there is none.

    ``glance`` may be a look at the work tree that has begun.
    """
    if ref is not None:
        return _read_commit(repository, repository.resolve(ref).sha)
    if repository.is_bare:
        raise UsageError(f"{repository.root} has no work tree", hint="Name a commit with --ref, as in: --ref HEAD")
    data = _read_settings_file(repository.root / SETTINGS_PATH)
    settings, problems = read_settings(data)
    folder = settings.definitions
    state = FileDefinitions(repository, folder=folder, settings=data, glance=glance)
    return Source(lambda: read_folder(repository.root, root=folder), settings, problems, state=state)


def _read_commit(repository: Repository, sha: str) -> Source:
    data = repository.read_settings(sha)
    settings, problems = read_settings(data)
    root = settings.definitions
    state = CommitDefinitions(repository, sha, root=root, settings=data)
    return Source(lambda: repository.read_tree(sha, root=root), settings, problems, state=state)


def _read_settings_file(path: Path) -> bytes | None:
    try:
        return path.read_bytes() if path.is_file() else None
    except OSError as error:
        raise CouldNot(f"cannot read {path}: {error.strerror}", hint="Check the file's permissions.") from None


def with_unsaved(source: Source, path: str, data: bytes) -> Source:
    """Return ``source`` with the file at ``path`` as ``data``."""
    if path == SETTINGS_PATH:
        settings, problems = read_settings(data)
        return Source(lambda: replace(source.tree, settings=data), settings, problems)
    saved, root = source.state, source.settings.definitions
    is_inside = isinstance(saved, FileDefinitions) and _is_inside(path, root)
    state = UnsavedDefinitions(saved, path, data) if is_inside and isinstance(saved, FileDefinitions) else None
    return Source(lambda: with_file(source.tree, path, data), source.settings, source.problems, state=state)


def load_source(source: Source, *, now: datetime, cache: Cache | None = None, declare: bool = False) -> Loaded:
    """Return all that is wrong with ``source``. Raises DefinitionsInvalid where there is nothing to check."""
    if source.problems:
        return Loaded(desired=DesiredState(), problems=source.problems, files=1)
    rules, state = provider_rules(), source.state
    if cache is not None and state is not None and not declare:
        known = cache.recheck(state, settings=source.settings, providers=rules)
        if known is not None:
            return known
    is_kept = cache is not None and state is not None and state.is_kept
    keep = cache.keeper(state, lambda: source.tree) if cache is not None and state is not None and is_kept else None
    if not source.tree.files:
        folder = source.settings.definitions
        raise DefinitionsInvalid(
            f"there are no definitions: no folder {folder}/ with files here",
            hint=f"Begin with: reconciler init.  Or write a job to {folder}/jobs/NAME.yaml, or name another folder in "
            f'{SETTINGS_PATH}: definitions = "FOLDER".',
        )
    return load_definitions(
        source.tree,
        settings=source.settings,
        providers=rules,
        now=now,
        verdicts=cache.verdicts if cache is not None else None,
        declare=declare,
        keep=keep,
    )


def resolve_path(repository: Repository, directory: Path, given: str) -> str:
    """Return a path as it was given, in ``directory``, relative to the repository's root. Raises UsageError."""
    full = Path(os.path.normpath(directory.absolute() / given))
    # Its own symbolic link is not followed: a definition that is one has a problem of its own.
    path = Path(os.path.realpath(full.parent)) / full.name
    if not path.is_relative_to(repository.root):
        raise UsageError(f"{given} is not in the repository {repository.root}", hint="Name a file of this repository.")
    return path.relative_to(repository.root).as_posix()


def select_files(source: Source, paths: Sequence[str]) -> list[SourceFile]:
    """Return the files of the tree that are at or under ``paths``. Raises UsageError for a path with none."""
    found: dict[str, SourceFile] = {}
    by_path = {file.path: file for file in source.tree.files}
    for path in paths:
        if path == SETTINGS_PATH:
            continue
        here = [by_path[path]] if path in by_path else [file for file in source.tree.files if _is_under(file, path)]
        if not here:
            _refuse_path(path, source.tree.root)
        found |= {file.path: file for file in here}
    return list(found.values())


def _refuse_path(path: str, root: str) -> NoReturn:
    where = f"there is no file {path}" if _is_inside(path, root) else f"{path} is not under {root}/"
    raise UsageError(where, hint=f"Definitions lie in {root}/jobs, components, targets and runs.")


def _is_under(file: SourceFile, folder: str) -> bool:
    return folder == "." or file.path.startswith(f"{folder}/")


def _is_inside(path: str, root: str) -> bool:
    return root in {"", "."} or path == root or path.startswith(f"{root}/")


def select_paths(source: Source, paths: Sequence[str]) -> set[str]:
    """Return what ``select_files`` does, by path; files that are saved are not read for it."""
    if not isinstance(source.state, FileDefinitions | UnsavedDefinitions) or "tree" in source.__dict__:
        return {file.path for file in select_files(source, paths)}
    found: set[str] = set()
    for path in paths:
        here = source.state.paths_at(path)
        if not here and path != SETTINGS_PATH:
            _refuse_path(path, source.settings.definitions)
        found.update(here)
    return found


def of_files(problems: Sequence[Problem], paths: Collection[str], source: Source) -> list[Problem]:
    """Return the problems of the files at ``paths``, and those that leave no file judged."""
    shown = {*paths, SETTINGS_PATH, source.settings.definitions}
    return [problem for problem in problems if problem.path in shown]


class Change:
    """What changed since another state of the same definitions."""

    def __init__(self, source: Source, base: Source, *, now: datetime, cache: Cache | None = None) -> None:
        self._now = now
        self._cache = cache
        self._source = source
        self._base = base
        self._before = _contents(base.tree)
        after = _contents(source.tree)
        self.paths = {path for path in self._before.keys() | after.keys() if self._before.get(path) != after.get(path)}
        if base.tree.settings != source.tree.settings:
            self.paths.add(SETTINGS_PATH)
        self._new_lines: dict[str, set[int]] = {}

    def caused(self, problems: Sequence[Problem]) -> list[Problem]:
        """Return the problems of changed files, and those of others that were not there before."""
        before: Counter[tuple[str, ...]] = Counter()
        if not self.paths:
            return []
        if self._base.tree.files:
            before.update(
                _key(problem) for problem in load_source(self._base, now=self._now, cache=self._cache).problems
            )
        kept = []
        for problem in problems:
            known = before[_key(problem)] > 0
            before[_key(problem)] -= known
            if problem.path in self.paths or not known:
                kept.append(problem)
        return kept

    def touches(self, problem: Problem) -> bool:
        """True where the problem's line was not in the file before."""
        if problem.path not in self.paths or not problem.line:
            return False
        if problem.path not in self._new_lines:
            known = set((self._base.read_text(problem.path) or "").split("\n"))
            lines = (self._source.read_text(problem.path) or "").split("\n")
            self._new_lines[problem.path] = {number for number, line in enumerate(lines, 1) if line not in known}
        return problem.line in self._new_lines[problem.path]


def _key(problem: Problem) -> tuple[str, ...]:
    return (problem.code, problem.path, problem.json_path, problem.message)


def _contents(tree: SourceTree) -> dict[str, tuple[str, str]]:
    """Return mode and content id by path; in a SHA-256 repository files of the work tree have other ids than blobs."""
    contents = {file.path: (file.mode, file.blob) for file in tree.files}
    wide = [file for file in tree.files if len(file.blob) != 40 and file.mode in REGULAR_MODES]
    for file, data in zip(wide, tree.read(wide), strict=True):
        contents[file.path] = (file.mode, blob_id(data))
    return contents


def read_base(repository: Repository, ref: str, *, head: str | None) -> Source:
    """Return the definitions where the line of ``head`` (HEAD when None) left that of ``ref``, or at ``ref``."""
    from reconciler.git.ancestry import merge_base

    other = repository.resolve(ref).sha
    base = merge_base(repository, other, repository.resolve(head or "HEAD").sha)
    return _read_commit(repository, base or other)


def check_host(source: Source, loaded: Loaded) -> list[Problem]:
    """Return the problems of jobs that start programs which this host does not have."""
    import shutil

    from reconciler.definitions.host import find_missing_programs

    system = {"Darwin": "macos"}.get(platform.system(), platform.system().lower())
    return list(
        find_missing_programs(
            source.tree,
            loaded.desired.jobs.values(),
            system=system,
            program_of=_program_of,
            is_there=remember(lambda program: shutil.which(program) is not None),
        )
    )


def _program_of(task: Task) -> str | None:
    from reconciler.targets.local.order import find_interpreter

    if task.script is None:
        return task.executable_path or task.command
    try:
        return find_interpreter(task)[0][0]
    except TargetRefused:
        return None
