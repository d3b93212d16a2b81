"""The journal of an apply: what is about to be done at a target is written down first, so a kill leaves a trace."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec

from reconciler.loop.world import World
from reconciler.model.change import Action, Change
from reconciler.model.forms import Kind, digest_form
from reconciler.planning.surroundings import Place
from reconciler.targets.protocol import LiveTarget


class _Entry(msgspec.Struct, frozen=True, rename="camel"):
    """``written``: the digests of the forms that the target may have there from us, though the inventory lacks it."""

    action: Action
    kind: Kind
    id: str
    path: str
    digest: str
    written: tuple[str, ...] = ()


def begin_changes(world: World, target: str, changes: Sequence[Change], *, now: datetime) -> None:
    """Write down what will be done at ``target``, in the place of what is left there of an earlier apply.

    The plan was made with a look at the target: what an earlier apply left undone is in it, or is no longer wanted.
    """
    with world.store.transaction():
        begun = begun_forms(world, target)
        world.store.clear_journal(target)
        entries = [(_key(change), _data(change, begun, world.targets[target])) for change in changes]
        world.store.open_journal(target, entries, now)


def close_change(world: World, change: Change) -> None:
    world.store.close_journal_entry(change.target, _key(change))


def begun_forms(world: World, target: str) -> dict[Place, frozenset[str]]:
    """Return what an apply that was cut off may have made at ``target``, as the digests of its forms there."""
    entries = [msgspec.json.decode(entry.data, type=_Entry) for entry in world.store.open_entries(target)]
    return {(target, entry.kind, entry.id): frozenset(entry.written) for entry in entries if entry.written}


def _key(change: Change) -> str:
    return f"{change.kind}/{change.id}"


def _data(change: Change, begun: Mapping[Place, frozenset[str]], target: LiveTarget) -> bytes:
    written = begun.get((change.target, change.kind, change.id), frozenset())
    if change.after is not None and (written or _makes_new(change)):
        written |= {digest_form(target.normalise(change.after))}
    entry = _Entry(
        action=change.action,
        kind=change.kind,
        id=change.id,
        path=change.path,
        digest=change.digest,
        written=tuple(sorted(written)),
    )
    return msgspec.json.encode(entry)


def _makes_new(change: Change) -> bool:
    if change.action in (Action.MOVE, Action.REPLACE):
        return change.live is None or change.live.id != change.id
    return change.action is Action.CREATE
