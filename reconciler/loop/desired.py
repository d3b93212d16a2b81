"""The desired state at a commit, or as the files lie in the work tree."""

from datetime import datetime
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from reconciler.definitions.checked import check_file
from reconciler.definitions.folder import read_folder
from reconciler.definitions.load import load_definitions
from reconciler.definitions.settings import read_settings
from reconciler.definitions.targets import TargetChecks
from reconciler.definitions.verdicts import Verdicts
from reconciler.git.repository import Repository
from reconciler.model.desired import Loaded, SourceTree
from reconciler.model.errors import CouldNot, DefinitionsInvalid
from reconciler.model.forms import Kind, Target
from reconciler.model.settings import Settings
from reconciler.targets.registry import provider_rules

SETTINGS_FILE = "reconciler.toml"


class CommitState(Struct, frozen=True, kw_only=True):
    """What was read: the tree, the repository's settings in it, and what it declares. ``commit`` is empty for files."""

    commit: str
    tree: SourceTree
    settings: Settings
    loaded: Loaded

    @property
    def tree_digest(self) -> str:
        return self.tree.digest


def read_commit(repository: Repository, commit: str, *, now: datetime, verdicts: Verdicts | None = None) -> CommitState:
    """Read the definitions at ``commit`` from the object database; the work tree has no part in it.

    ``verdicts`` of earlier readings spare work, and change nothing.
    """
    settings = read_settings_at(repository, commit)
    tree = repository.read_tree(commit, root=settings.definitions)
    return _load(tree, settings, commit=commit, now=now, where=f"commit {commit[:12]}", verdicts=verdicts)


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
        if isinstance(form, Target) and not checks.check(form) and checks.accepts_settings(form):
            found[form.id] = form
    return found


def read_files(root: Path, *, now: datetime, verdicts: Verdicts | None = None) -> CommitState:
    """Read the definitions as they lie under the repository's folder ``root``, saved but perhaps not committed."""
    settings = read_file_settings(root)
    tree = read_folder(root, root=settings.definitions)
    return _load(tree, settings, commit="", now=now, where=str(root), verdicts=verdicts)


def read_definitions(folder: Path, *, now: datetime) -> CommitState:
    """Read a definitions folder by itself, without a repository around it; settings are the defaults."""
    settings = replace(Settings(), definitions=folder.name)
    tree = read_folder(folder.absolute().parent, root=folder.name)
    return _load(tree, settings, commit="", now=now, where=str(folder.absolute().parent))


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
    commit: str,
    now: datetime,
    where: str,
    verdicts: Verdicts | None = None,
) -> CommitState:
    if not tree.files:
        folder = settings.definitions
        raise DefinitionsInvalid(
            f"there are no definitions: {where} has no folder {folder}/ with files",
            hint=f"Write a job to {folder}/jobs/NAME.yaml and commit it, or name another folder in {SETTINGS_FILE}: "
            'definitions = "FOLDER".',
        )
    loaded = load_definitions(tree, settings=settings, providers=provider_rules(), now=now, verdicts=verdicts)
    return CommitState(commit=commit, tree=tree, settings=settings, loaded=loaded)


def _checked_settings(data: bytes | None) -> Settings:
    settings, problems = read_settings(data)
    if problems:
        raise DefinitionsInvalid(f"{SETTINGS_FILE} is invalid", problems=problems)
    return settings
