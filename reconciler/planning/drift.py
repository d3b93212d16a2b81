"""Drift: what targets hold against what was last applied there; Git has no part in it."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from reconciler.model.change import FieldChange
from reconciler.model.forms import Kind
from reconciler.model.inventory import Applied
from reconciler.model.live import ComponentWord
from reconciler.planning.by_hand import ManualStep
from reconciler.planning.diff import diff_live, fields_left_alone
from reconciler.planning.judgement_texts import default_in
from reconciler.planning.surroundings import Surroundings, TargetView

_NOTHING: tuple[Any, ...] = (None, "", (), [], {})


class DriftState(StrEnum):
    CHANGED = "changed"
    MISSING = "missing"
    FOREIGN = "foreign"


_STATES = {
    ComponentWord.DIFFERS: DriftState.CHANGED,
    ComponentWord.MISSING: DriftState.MISSING,
    ComponentWord.AMBIGUOUS: DriftState.FOREIGN,
}


class Drift(Struct, frozen=True, kw_only=True):
    """One object that is not as it was applied, from ``path`` at ``commit``; ``reason`` says why it is foreign, or
    what a person has to do: of components that a target keeps, no apply brings anything back.

    ``defaults`` says by JSON path what an absent value of ``fields`` means.
    """

    state: DriftState
    kind: Kind
    id: str
    path: str
    commit: str
    fields: tuple[FieldChange, ...] = ()
    defaults: Mapping[str, Any] = {}
    reason: str = ""


class TargetDrift(Struct, frozen=True, kw_only=True):
    """What was found at one target; ``unavailable`` says why nothing was.

    ``left_alone`` holds, by kind and id, the fields of ours that have more than we know; ``not_ours`` what was not made
    from here and could be declared; ``foreign`` what cannot be managed, and why.
    """

    target: str
    unavailable: str = ""
    is_complete: bool = True
    applied: int = 0
    items: tuple[Drift, ...] = ()
    left_alone: Mapping[tuple[Kind, str], tuple[FieldChange, ...]] = {}
    not_ours: tuple[tuple[Kind, str], ...] = ()
    foreign: Mapping[tuple[Kind, str], str] = {}


def find_drift(inventory: Collection[Applied], around: Surroundings) -> tuple[TargetDrift, ...]:
    """Return what each target that holds objects has, by name, against what was last applied there."""
    found = []
    silent = {target: (frozenset({kind}), why) for (target, kind), why in around.silent.items()}
    silent |= {target: (frozenset(Kind), why) for target, why in around.unavailable.items()}
    for target in sorted({*around.live, *silent}):
        view = around.live.get(target)
        kinds, why = silent[target] if view is None else (view.kinds, "")
        ours = (item for item in inventory if item.target == target and item.kind in kinds)
        applied = {(item.kind, item.id): item for item in ours}
        if view is None:
            found.append(TargetDrift(target=target, unavailable=why, applied=len(applied)))
        else:
            found.append(_of_target(target, applied, view))
    return tuple(found)


def merge_drift(found: Iterable[TargetDrift]) -> tuple[TargetDrift, ...]:
    """Return one drift for each target, in order of first appearance, of what different looks at it found."""
    merged: dict[str, TargetDrift] = {}
    for item in found:
        known = merged.get(item.target)
        merged[item.target] = item if known is None else _merged(known, item)
    return tuple(merged.values())


def _merged(one: TargetDrift, other: TargetDrift) -> TargetDrift:
    return TargetDrift(
        target=one.target,
        unavailable="; ".join(why for why in (one.unavailable, other.unavailable) if why),
        is_complete=one.is_complete and other.is_complete,
        applied=one.applied + other.applied,
        items=(*one.items, *other.items),
        left_alone={**one.left_alone, **other.left_alone},
        not_ours=(*one.not_ours, *other.not_ours),
        foreign={**one.foreign, **other.foreign},
    )


def component_drift(
    target: str, inventory: Iterable[Applied], steps: Sequence[ManualStep], compared: int, *, unseen: str = ""
) -> TargetDrift:
    """Return ``steps`` as the drift of a target that keeps its own components; ``compared`` of them were looked at."""
    applied = {item.id: item for item in inventory if item.kind is Kind.COMPONENT}
    items = tuple(
        replace(_drift(_STATES[step.state], applied[step.component]), fields=step.fields, reason=_step_words(step))
        for step in steps
    )
    return TargetDrift(target=target, unavailable=unseen, applied=compared, items=items)


def _step_words(step: ManualStep) -> str:
    command = f" ({step.command})" if step.command else ""
    return "; ".join(part for part in (step.reason, *step.notes, f"{step.what}{command}") if part)


def _of_target(target: str, applied: Mapping[tuple[Kind, str], Applied], view: TargetView) -> TargetDrift:
    objects = view.state.objects
    alone = {key: fields_left_alone(objects[key]) for key in sorted(applied.keys() & objects.keys())}
    return TargetDrift(
        target=target,
        is_complete=view.state.complete,
        applied=len(applied),
        items=tuple(_drifts(applied, view)),
        left_alone={key: fields for key, fields in alone.items() if fields},
        not_ours=tuple(sorted(objects.keys() - applied.keys())),
        foreign={key: why for key, why in sorted(view.state.foreign.items()) if key not in applied},
    )


def _drifts(applied: Mapping[tuple[Kind, str], Applied], view: TargetView) -> Iterator[Drift]:
    for key, item in sorted(applied.items()):
        live = view.state.objects.get(key)
        if live is not None:
            fields = diff_live(view.normalise(item.form), live.form)
            if fields:
                drift = _drift(DriftState.CHANGED, item)
                found = {field.json_path: default_in(item.form, field.json_path) for field in fields}
                defaults = {path: default for path, default in found.items() if default not in _NOTHING}
                yield replace(drift, fields=fields, defaults=defaults)
        elif key in view.state.foreign:
            yield _drift(DriftState.FOREIGN, item, reason=view.state.foreign[key])
        elif view.state.complete:
            yield _drift(DriftState.MISSING, item)


def _drift(state: DriftState, item: Applied, *, reason: str = "") -> Drift:
    return Drift(
        state=state,
        kind=item.kind,
        id=item.id,
        path=item.origin.path,
        commit=item.origin.commit,
        reason=reason,
    )
