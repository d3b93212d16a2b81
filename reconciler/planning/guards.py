"""Rules that hold a plan back before it can do harm: pruning that nobody meant."""

from collections import Counter
from collections.abc import Collection, Iterator, Sequence

from reconciler.model.change import Action, Change, Guard
from reconciler.model.forms import Kind
from reconciler.model.inventory import Applied

MAX_DELETE_SHARE = 0.30
MIN_EXISTING = 10
"""octoDNS: MAX_SAFE_DELETE_PCENT = .3 and MIN_EXISTING_RECORDS = 10."""


def check_guards(
    changes: Sequence[Change],
    inventory: Collection[Applied],
    *,
    digest: str,
    is_empty: bool,
    incomplete_targets: Collection[str],
) -> tuple[Guard, ...]:
    """Return the guards that hold back the deletions among ``changes``; ``digest`` is the plan's, for the override."""
    existing = Counter(item.target for item in inventory)
    deletions = Counter(change.target for change in changes if change.action is Action.DELETE)
    with_jobs = {change.target for change in changes if change.action is Action.DELETE and change.kind is Kind.JOB}
    return tuple(
        guard
        for target, count in sorted(deletions.items())
        for guard in _guard_target(
            target,
            deletions=count,
            existing=existing[target],
            override=f"--allow-deletes {digest[:12]}",
            is_empty=is_empty and target in with_jobs,
            is_incomplete=target in incomplete_targets,
        )
    )


def _guard_target(
    target: str, *, deletions: int, existing: int, override: str, is_empty: bool, is_incomplete: bool
) -> Iterator[Guard]:
    if is_incomplete:
        message = f"{target}: its listing is incomplete, so nothing is deleted there"
        yield Guard(code="GUARD003", target=target, message=message)
    elif is_empty:
        message = f"{target}: no job is declared at all, and {deletions} would be deleted"
        yield Guard(code="GUARD002", target=target, message=message, override=override)
    elif existing >= MIN_EXISTING and deletions > existing * MAX_DELETE_SHARE:
        share = f"{100 * deletions / existing:.0f} %, above {100 * MAX_DELETE_SHARE:.0f} %"
        message = f"{target}: plan deletes {deletions} of {existing} jobs ({share})"
        yield Guard(code="GUARD001", target=target, message=message, override=override)
