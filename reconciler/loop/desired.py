"""The desired state at a commit, or as the files lie in the work tree."""

import contextlib
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from functools import cached_property
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from reconciler.definitions.checked import check_file
from reconciler.definitions.folder import read_folder
from reconciler.definitions.known.affected import TooMuch
from reconciler.definitions.known.declaring import KnownDefinitions
from reconciler.definitions.known.shelf import Damaged
from reconciler.definitions.load import Found, load_definitions
from reconciler.definitions.settings import read_settings
from reconciler.definitions.targets import TargetChecks
from reconciler.definitions.verdicts import Verdicts
from reconciler.git.repository import Repository
from reconciler.model.desired import DesiredState, Loaded, SourceTree
from reconciler.model.errors import CouldNot, DefinitionsInvalid
from reconciler.model.forms import Kind, Target
from reconciler.model.problem import Problem, Severity
from reconciler.model.settings import Settings
from reconciler.targets.registry import provider_rules

SETTINGS_FILE = "reconciler.toml"


class Whole(Struct, frozen=True):
    """All files, and all that they declare."""

    tree: SourceTree
    loaded: Loaded


class CommitState:
    """What a commit declares, or the files as they lie: ``commit`` and ``tree_id``, that of its folder, are empty then.

    ``known`` declares some of it by what is kept of an earlier reading; None where everything has to be read.
    """

    def __init__(
        self,
        *,
        commit: str,
        settings: Settings,
        tree_digest: str,
        read: Callable[[], Whole],
        tree_id: str = "",
        known: KnownDefinitions | None = None,
    ) -> None:
        self.commit = commit
        self.settings = settings
        self.tree_digest = tree_digest
        self.tree_id = tree_id
        self.known = known
        self._read = read

    @cached_property
    def _whole(self) -> Whole:
        return self._read()

    @property
    def tree(self) -> SourceTree:
        return self._whole.tree

    @property
    def loaded(self) -> Loaded:
        """Everything; to ask for it reads everything."""
        return self._whole.loaded

    @property
    def problems(self) -> tuple[Problem, ...]:
        return self.known.problems if self.known is not None else self.loaded.problems

    @property
    def errors(self) -> int:
        return sum(problem.severity is Severity.ERROR for problem in self.problems)

    @cached_property
    def of_targets(self) -> DesiredState:
        """What the files of targets declare, at least."""
        if self.known is not None:
            with contextlib.suppress(TooMuch, Damaged):
                return self.known.of_targets()
        return self.loaded.desired

    @property
    def targets(self) -> dict[str, Target]:
        """The declared targets, by name."""
        return {name: item.form for name, item in self.of_targets.targets.items()}

    @cached_property
    def jobs(self) -> dict[str, int]:
        """How many jobs are declared, by target."""
        if self.known is not None:
            return self.known.jobs
        return dict(Counter(name for item in self.loaded.desired.jobs.values() for name in {*item.form.targets}))

    @property
    def job_count(self) -> int:
        return self.known.job_count if self.known is not None else len(self.loaded.desired.jobs)


Keep = Callable[[SourceTree], Callable[[Found], None]]


def read_commit(
    repository: Repository,
    commit: str,
    *,
    now: datetime,
    verdicts: Verdicts | None = None,
    keep: Keep | None = None,
) -> CommitState:
    """Read the definitions at ``commit`` from the object database; the work tree has no part in it.

    ``verdicts`` of earlier readings spare work, and change nothing.  ``keep`` makes what is called with what was found
    in a tree, for who wants to know it later.
    """
    settings = read_settings_at(repository, commit)
    tree = repository.read_tree(commit, root=settings.definitions)
    where = f"commit {commit[:12]}"
    loaded = _load(tree, settings, now=now, where=where, verdicts=verdicts, keep=keep(tree) if keep else None)
    return CommitState(
        commit=commit,
        settings=settings,
        tree_digest=tree.digest,
        tree_id=repository.folder_id(commit, root=settings.definitions),
        read=lambda: Whole(tree, loaded),
    )


def read_settings_at(repository: Repository, commit: str) -> Settings:
    """Return the repository's settings at ``commit``. Raises DefinitionsInvalid when they are wrong."""
    return _checked_settings(repository.read_file(commit, SETTINGS_FILE))


def read_targets_at(repository: Repository, commit: str, settings: Settings) -> dict[str, Target]:
    """Return the valid targets declared at ``commit``, by name, without reading anything else."""
    tree = repository.read_tree(commit, root=f"{settings.definitions}/targets")
    checks = TargetChecks(provider_rules())
    found: dict[str, Target] = {}
    for file, data in zip(tree.files, tree.read(list(tree.files)), strict=True):
        form = check_file(Kind.TARGET, file.path.rpartition("/")[2], data).form
        if isinstance(form, Target) and _is_valid(form, checks):
            found[form.id] = form
    return found


def _is_valid(target: Target, checks: TargetChecks) -> bool:
    return not checks.check(target) and not checks.check_contents(target) and checks.accepts_settings(target)


def read_files(root: Path, *, now: datetime, verdicts: Verdicts | None = None) -> CommitState:
    """Read the definitions as they lie under the repository's folder ``root``, saved but perhaps not committed."""
    settings = read_file_settings(root)
    tree = read_folder(root, root=settings.definitions)
    return _state_of_files(tree, settings, _load(tree, settings, now=now, where=str(root), verdicts=verdicts))


def read_definitions(folder: Path, *, now: datetime) -> CommitState:
    """Read a definitions folder by itself, without a repository around it; settings are the defaults."""
    settings = replace(Settings(), definitions=folder.name)
    tree = read_folder(folder.absolute().parent, root=folder.name)
    return _state_of_files(tree, settings, _load(tree, settings, now=now, where=str(folder.absolute().parent)))


def _state_of_files(tree: SourceTree, settings: Settings, loaded: Loaded) -> CommitState:
    return CommitState(commit="", settings=settings, tree_digest=tree.digest, read=lambda: Whole(tree, loaded))


def read_file_settings(root: Path) -> Settings:
    path = root / SETTINGS_FILE
    try:
        return _checked_settings(path.read_bytes() if path.is_file() else None)
    except OSError as error:
        raise CouldNot(f"cannot read {path}: {error.strerror}", hint="Check the file's permissions.") from None


def _load(
    tree: SourceTree,
    settings: Settings,
    *,
    now: datetime,
    where: str,
    verdicts: Verdicts | None = None,
    keep: Callable[[Found], None] | None = None,
) -> Loaded:
    if not tree.files:
        folder = settings.definitions
        raise DefinitionsInvalid(
            f"there are no definitions: {where} has no folder {folder}/ with files",
            hint=f"Write a job to {folder}/jobs/NAME.yaml and commit it, or name another folder in {SETTINGS_FILE}: "
            'definitions = "FOLDER".',
        )
    return load_definitions(tree, settings=settings, providers=provider_rules(), now=now, verdicts=verdicts, keep=keep)


def _checked_settings(data: bytes | None) -> Settings:
    settings, problems = read_settings(data)
    if problems:
        raise DefinitionsInvalid(f"{SETTINGS_FILE} is invalid", problems=problems)
    return settings
