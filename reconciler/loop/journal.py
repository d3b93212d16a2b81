"""The journal of an apply: what is about to be done at a target is written down first, so a kill leaves a trace."""

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime

import msgspec

from reconciler.loop.world import World
from reconciler.model.change import Action, Change
from reconciler.model.forms import Kind
from reconciler.planning.surroundings import Place


class _Entry(msgspec.Struct, frozen=True, rename="camel"):
    """``is_ours``: what the target has there, if anything, was made by us, though the inventory may lack it."""

    action: Action
    kind: Kind
    id: str
    path: str
    digest: str
    is_ours: bool


def begin_changes(world: World, target: str, changes: Sequence[Change], *, now: datetime) -> None:
    """Write down what will be done at ``target``, in the place of what is left there of an earlier apply.

    The plan was made with a look at the target: what an earlier apply left undone is in it, or is no longer wanted.
    """
    with world.store.transaction():
        begun = frozenset(begun_places(world, target))
        world.store.clear_journal(target)
        world.store.open_journal(target, [(_key(change), _data(change, begun)) for change in changes], now)


def close_change(world: World, change: Change) -> None:
    world.store.close_journal_entry(change.target, _key(change))


def begun_places(world: World, target: str) -> Iterator[Place]:
    """Yield what an apply that was cut off may have made at ``target``: ours, though the inventory lacks it."""
    for entry in world.store.open_entries(target):
        data = msgspec.json.decode(entry.data, type=_Entry)
        if data.is_ours:
            yield target, data.kind, data.id


def _key(change: Change) -> str:
    return f"{change.kind}/{change.id}"


def _data(change: Change, begun: Collection[Place]) -> bytes:
    entry = _Entry(
        action=change.action,
        kind=change.kind,
        id=change.id,
        path=change.path,
        digest=change.digest,
        is_ours=_makes_new(change) or (change.target, change.kind, change.id) in begun,
    )
    return msgspec.json.encode(entry)


def _makes_new(change: Change) -> bool:
    if change.action in (Action.MOVE, Action.REPLACE):
        return change.live is None or change.live.id != change.id
    return change.action is Action.CREATE
