"""How each target stands, kept from pass to pass: what was attempted, what was applied, and what is in the way."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from reconciler.loop.apply import ApplyFailure
from reconciler.model.change import Action, Plan
from reconciler.store.store import Store

_NOTE = "standings"
_MOST_KEPT = 50


class HeldChange(Struct, frozen=True):
    """A change that waits, and why."""

    kind: str
    id: str
    reason: str


class Standing(Struct, frozen=True, kw_only=True, rename="camel"):
    """``applied`` is the last commit of which nothing was left undone at the target, empty where there is none."""

    attempted: str
    attempted_at: datetime
    applied: str = ""
    applied_at: datetime | None = None
    errors: tuple[str, ...] = ()
    held: tuple[HeldChange, ...] = ()

    @property
    def is_applied(self) -> bool:
        return self.attempted == self.applied and not self.errors


def standings(store: Store) -> dict[str, Standing]:
    """Return how the targets stood after the last pass, by name."""
    note = store.recall(_NOTE)
    return msgspec.json.decode(note, type=dict[str, Standing]) if note else {}


def note_standings(
    store: Store,
    plan: Plan,
    targets: Collection[str],
    failures: Sequence[ApplyFailure],
    unavailable: Mapping[str, str],
    *,
    problems: int,
    now: datetime,
) -> None:
    """Keep how applying ``plan`` went at ``targets``; ``problems`` are errors in its definitions."""
    with store.transaction():
        before = standings(store)
        after = {
            name: _standing(
                before.get(name), plan, name, tuple(_errors(name, failures, unavailable, problems)), now=now
            )
            for name in {*targets, *unavailable}
        }
        store.remember(_NOTE, msgspec.json.encode(after, order="sorted").decode())


def note_refusal(store: Store, commit: str, targets: Collection[str], message: str, *, now: datetime) -> None:
    """Keep that ``commit`` was not applied to ``targets`` at all, and why."""
    with store.transaction():
        known = standings(store)
        for name in targets:
            fresh = Standing(attempted=commit, attempted_at=now)
            known[name] = replace(known.get(name, fresh), attempted=commit, attempted_at=now, errors=(message,))
        store.remember(_NOTE, msgspec.json.encode(known, order="sorted").decode())


def _standing(before: Standing | None, plan: Plan, target: str, errors: tuple[str, ...], *, now: datetime) -> Standing:
    held = tuple(
        HeldChange(change.kind.value, change.id, change.reason)
        for change in plan.changes
        if change.target == target and change.action is Action.HELD
    )
    known = before or Standing(attempted=plan.commit, attempted_at=now)
    standing = replace(known, attempted=plan.commit, attempted_at=now, errors=errors, held=held[:_MOST_KEPT])
    return standing if errors else replace(standing, applied=plan.commit, applied_at=now)


def _errors(
    target: str, failures: Sequence[ApplyFailure], unavailable: Mapping[str, str], problems: int
) -> Iterator[str]:
    if target in unavailable:
        yield unavailable[target]
    own = [failure for failure in failures if failure.change.target == target]
    for failure in own[:_MOST_KEPT]:
        yield f"{failure.change.action.value} {failure.change.kind.value} {failure.change.id}: {failure.message}"
    if problems:
        what = "1 problem" if problems == 1 else f"{problems} problems"
        yield f"{what} in the definitions; what is invalid keeps its applied form"
