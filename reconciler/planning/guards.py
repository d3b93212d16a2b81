"""Rules that hold a plan back before it can do harm: pruning that nobody meant."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from reconciler.model.change import Action, Change, Guard
from reconciler.model.forms import Kind

MAX_DELETE_SHARE = 0.30
MIN_EXISTING = 10
"""octoDNS: MAX_SAFE_DELETE_PCENT = .3 and MIN_EXISTING_RECORDS = 10."""

_WRITTEN = frozenset({Action.UPDATE, Action.MOVE, Action.SUSPEND, Action.RESUME, Action.DRIFT})


def check_guards(
    changes: Sequence[Change], existing: Mapping[str, int], *, digest: str, is_empty: bool
) -> tuple[Guard, ...]:
    """Return the guards that hold back the deletions among ``changes``; ``digest`` is the plan's, for the override.

    ``existing`` counts what is applied, by target.  ``is_empty``: no job is declared at all.
    """
    deletions = [change for change in changes if is_deletion(change)]
    counts = Counter(change.target for change in deletions)
    with_jobs = {change.target for change in deletions if change.kind is Kind.JOB}
    updates = Counter(change.target for change in changes if change.action in _WRITTEN and not change.retires)
    override = f"--allow-deletes {digest[:12]}"
    guards: list[Guard] = []
    for target in sorted({*counts, *updates}):
        total = existing.get(target, 0)
        guards += _guard_deletions(target, counts[target], total, override, is_empty and target in with_jobs)
        guards += _warn_of_updates(target, updates[target], total)
    return tuple(guards)


def is_deletion(change: Change) -> bool:
    """Return whether ``change`` is where somebody's job begins to go; the end of its grace was judged then."""
    if change.action is Action.DELETE:
        return not change.retires
    return change.retires or change.action is Action.REPLACE


def _guard_deletions(target: str, count: int, existing: int, override: str, is_empty: bool) -> Iterator[Guard]:
    if not count:
        return
    if is_empty:
        message = f"{target}: no job is declared at all, and {count} would be deleted"
        yield Guard(code="GUARD002", target=target, message=message, override=override)
    elif _is_many(count, existing):
        message = f"{target}: plan deletes {count} of {existing} jobs ({_share(count, existing)})"
        yield Guard(code="GUARD001", target=target, message=message, override=override)


def _warn_of_updates(target: str, count: int, existing: int) -> Iterator[Guard]:
    if _is_many(count, existing):
        message = f"{target}: plan changes {count} of {existing} jobs ({_share(count, existing)})"
        yield Guard(code="GUARD004", target=target, message=message, warning=True)


def _is_many(count: int, existing: int) -> bool:
    return existing >= MIN_EXISTING and count > existing * MAX_DELETE_SHARE


def _share(count: int, existing: int) -> str:
    return f"{100 * count / existing:.0f} %, above {100 * MAX_DELETE_SHARE:.0f} %"
