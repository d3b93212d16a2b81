"""Rules that hold a plan back before it can do harm: pruning that nobody meant."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from reconciler.model.change import Action, Change, Guard
from reconciler.model.forms import Kind
from reconciler.model.inventory import Applied

MAX_DELETE_SHARE = 0.30
MIN_EXISTING = 10
"""octoDNS: MAX_SAFE_DELETE_PCENT = .3 and MIN_EXISTING_RECORDS = 10."""

JOBS, VARIABLES = "jobs", "variables"
Group = tuple[str, str]
"""A target, and what is counted there together: components with the jobs."""

_WRITTEN = frozenset({Action.UPDATE, Action.MOVE, Action.SUSPEND, Action.RESUME, Action.DRIFT})


def check_guards(
    changes: Sequence[Change], existing: Mapping[Group, int], *, digest: str, is_empty: bool
) -> tuple[Guard, ...]:
    """Return the guards that hold back the deletions among ``changes``; ``digest`` is the plan's, for the override.

    ``existing`` counts what is applied (``count_existing``): variables by themselves, so that many jobs do not make
    few of them.  ``is_empty``: no job is declared at all.
    """
    deletions = [change for change in changes if is_deletion(change)]
    counts = Counter(_group(change) for change in deletions)
    with_jobs = {change.target for change in deletions if change.kind is Kind.JOB}
    updates = Counter(_group(change) for change in changes if change.action in _WRITTEN)
    override = f"--allow-deletes {digest[:12]}"
    guards: list[Guard] = []
    for group in sorted({*counts, *updates}):
        total = existing.get(group, 0)
        has_none = is_empty and group[1] == JOBS and group[0] in with_jobs
        guards += _guard_deletions(group, counts[group], total, override, has_none)
        guards += _warn_of_updates(group, updates[group], total)
    return tuple(guards)


def count_existing(inventory: Iterable[Applied], others: Mapping[str, int] | None = None) -> Mapping[Group, int]:
    """Return how many objects are applied; ``others``: so many by target that are no variables, not all in sight."""
    counts = Counter((item.target, _noun(item.kind)) for item in inventory)
    return counts | {(target, JOBS): count for target, count in (others or {}).items()}


def _group(change: Change) -> Group:
    return change.target, _noun(change.kind)


def _noun(kind: Kind) -> str:
    return VARIABLES if kind is Kind.VARIABLE else JOBS


def is_deletion(change: Change) -> bool:
    """Return whether ``change`` is where somebody's job begins to go; the end of its grace was judged then."""
    if change.action is Action.DELETE:
        return not change.retires
    return change.action in {Action.RETIRE, Action.REPLACE}


def _guard_deletions(group: Group, count: int, existing: int, override: str, is_empty: bool) -> Iterator[Guard]:
    target, noun = group
    if not count:
        return
    if is_empty:
        message = f"{target}: no job is declared at all, and {count} would be deleted"
        yield Guard(code="GUARD002", target=target, message=message, override=override)
    elif _is_many(count, existing):
        message = f"{target}: plan deletes {count} of {existing} {noun} ({_share(count, existing)})"
        yield Guard(code="GUARD001", target=target, message=message, override=override)


def _warn_of_updates(group: Group, count: int, existing: int) -> Iterator[Guard]:
    target, noun = group
    if _is_many(count, existing):
        message = f"{target}: plan changes {count} of {existing} {noun} ({_share(count, existing)})"
        yield Guard(code="GUARD004", target=target, message=message, warning=True)


def _is_many(count: int, existing: int) -> bool:
    return existing >= MIN_EXISTING and count > existing * MAX_DELETE_SHARE


def _share(count: int, existing: int) -> str:
    return f"{100 * count / existing:.0f} %, above {100 * MAX_DELETE_SHARE:.0f} %"
