"""The definitions at a commit, read no further than is asked for where an earlier reading is kept."""

from datetime import datetime

from reconciler.cli.cache import Cache
from reconciler.cli.checking import CommitDefinitions
from reconciler.git.repository import Repository
from reconciler.loop.desired import CommitState, Whole, read_commit, read_settings_at
from reconciler.targets.registry import provider_rules


def read_narrowly(repository: Repository, commit: str, *, now: datetime) -> CommitState:
    """Return what is declared at ``commit``, and keep what was read for the next time. Raises as ``read_commit``."""
    cache = Cache(repository.common_dir / "reconciler", now=now)
    settings = read_settings_at(repository, commit)
    root = settings.definitions
    definitions = CommitDefinitions(repository, commit, root=root, settings=repository.read_settings(commit))

    def read_all() -> CommitState:
        state = read_commit(
            repository,
            commit,
            now=now,
            verdicts=cache.verdicts,
            keep=lambda tree: cache.keeper(definitions, lambda: tree),
        )
        cache.save()
        return state

    def read_rest() -> Whole:
        whole = read_all()
        return Whole(whole.tree, whole.loaded)

    known = cache.known(definitions, settings=settings, providers=provider_rules())
    if known is None:
        return read_all()
    return CommitState(
        commit=commit,
        settings=settings,
        tree_digest=repository.tree_digest(commit, root=root),
        tree_id=definitions.tree_id,
        read=read_rest,
        known=known,
    )
