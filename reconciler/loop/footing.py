"""What the next plan can stand on: which definitions all that is applied was found to equal, and what does not."""

import hashlib
from collections.abc import Collection, Iterable, Mapping
from functools import cache

import msgspec
from msgspec import Struct

from reconciler.definitions.program import program_id
from reconciler.loop.desired import CommitState
from reconciler.model.change import Action, Change, Plan
from reconciler.model.forms import Form, Kind
from reconciler.model.job import Job, Retention
from reconciler.model.settings import Settings
from reconciler.store.store import Store

Key = tuple[Kind, str]
_MOST_OPEN = 1000
_COUNTED = frozenset({Action.CREATE, Action.ADOPT, Action.DELETE, Action.REPLACE})
"""By others the number of what is applied stays the same."""


class Footing(Struct, frozen=True, kw_only=True):
    """All that is applied is as the folder ``tree`` declares it, and all that it declares is applied, but for ``open``.

    ``tree`` is Git's id.  ``rules`` stand for the settings and the program by which that was found.  ``counts`` is how
    many objects are applied, by target.  Not ``retaining``: no job says how long its runs are kept.
    """

    tree: str
    rules: str
    counts: Mapping[str, int]
    retaining: bool
    open: tuple[Key, ...] = ()


def read_footing(store: Store, settings: Settings) -> Footing | None:
    """Return what is known of all that is applied; None where nothing is, or not by these settings and this program."""
    note = store.footing()
    footing = msgspec.json.decode(note, type=Footing) if note else None
    return footing if footing is not None and footing.rules == _rules(settings) else None


def note_footing(
    store: Store,
    source: CommitState,
    plan: Plan,
    *,
    before: Footing | None,
    done: Collection[Change],
    unreadable: Iterable[Key],
    retaining: bool,
) -> None:
    """Keep that ``plan``, made for ``source``, was carried out: all of it that is in ``done``.

    ``before`` is what it was made on, if so; ``unreadable`` are invalid, and keep their applied form.  ``retaining`` is
    as it was before.
    """
    carried_out = {(change.target, change.kind, change.id): change.action for change in done}
    left = [
        change
        for change in plan.changes
        if change.retires or (change.target, change.kind, change.id) not in carried_out
    ]
    left = [change for change in left if change.action is not Action.ONE_OFF]
    is_open = {(change.kind, change.id) for change in left} | set(unreadable)
    # What was to take its place keeps another object from being removed.
    is_open |= {(change.kind, change.before.id) for change in left if change.before is not None}
    if not source.tree_id or len(is_open) > _MOST_OPEN:
        return
    is_counted = before is not None and not _COUNTED & {*carried_out.values()}
    counts = before.counts if before is not None and is_counted else store.count_objects()
    footing = Footing(
        tree=source.tree_id,
        rules=_rules(source.settings),
        counts=counts,
        retaining=retaining or any(retains(change.after) for change in done),
        open=tuple(sorted(is_open)),
    )
    note = msgspec.json.encode(footing, order="sorted").decode()
    if note != store.footing():
        store.note_footing(note)


def retains(form: Form | None) -> bool:
    """Return whether a form says how long its runs are kept."""
    return isinstance(form, Job) and form.retention != Retention()


def _rules(settings: Settings) -> str:
    return hashlib.sha256(_program() + repr(settings).encode()).hexdigest()


@cache
def _program() -> bytes:
    return program_id("planning", "loop")
