"""The runs that led to a run: whose tasks asked for it, whose end or event started it."""

from collections.abc import Iterator
from itertools import islice

from reconciler.model.run import Run
from reconciler.store.store import Store

_LONGEST_CHAIN = 100


def line_of(store: Store, run: Run) -> list[Run]:
    """Return ``run`` and the runs that led to it, the latest first, as far as they are kept."""
    return list(islice(_line(store, run), _LONGEST_CHAIN))


def _line(store: Store, run: Run | None) -> Iterator[Run]:
    while run is not None:
        yield run
        run = store.run(run.parent_uid) if run.parent_uid else None


def depth_after(store: Store, run: Run) -> int:
    """Return how many runs led to what ``run`` brings about: to its end, or to an event that it tells of.

    Those before the last event of its line are counted in that event.
    """
    depth = 0
    for each in islice(_line(store, run), _LONGEST_CHAIN):
        depth += 1
        if "depth" in each.event:
            return depth + int(each.event["depth"])
    return depth
