"""Definitions of a commit or of a folder: every problem of every file, and the desired state of those without."""

import gc
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime

from msgspec import Struct

from reconciler.definitions.items import Item, read_items
from reconciler.definitions.listing import list_definitions
from reconciler.definitions.loading import Loading
from reconciler.definitions.verdicts import Verdicts
from reconciler.model.desired import Loaded, SourceTree
from reconciler.model.problem import Problem
from reconciler.model.provider import ProviderRules
from reconciler.model.settings import Settings


class Found(Struct, frozen=True):
    """What a loading found: the definition files, all problems, and by path until when the clock says nothing else."""

    items: Sequence[Item]
    problems: tuple[Problem, ...]
    until: Mapping[str, datetime]


def load_definitions(
    tree: SourceTree,
    *,
    settings: Settings,
    providers: Mapping[str, ProviderRules],
    now: datetime | None = None,
    verdicts: Verdicts | None = None,
    declare: bool = True,
    keep: Callable[[Found], None] | None = None,
) -> Loaded:
    """Return the desired state and all problems, sorted. Without ``now`` nothing is said that depends on the clock.

    ``verdicts`` of earlier runs spare the reading of files; they change nothing in what comes back. Without ``declare``
    only problems are wanted, and nothing is declared. ``keep`` is called with what a later run may know.
    """
    listing = list_definitions(tree, most_files=settings.limits.files)
    with _without_collector():
        items = list(read_items(tree, listing.candidates, verdicts))
        loading = Loading(tree, listing, items, settings=settings, providers=providers, now=now)
        loaded = loading.load(declare=declare)
        if keep is not None:
            keep(Found(items, loaded.problems, loading.until))
        return loaded


@contextmanager
def _without_collector() -> Iterator[None]:
    """Building many small values makes the collector look at all of them again and again: three times the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
