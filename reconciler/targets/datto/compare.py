"""Components of the account against those that Git declares: what differs, and what only a person can do about it."""

from collections.abc import Collection, Iterator, Sequence

from reconciler.model.forms import Component
from reconciler.targets.datto.bundle import MARK, fingerprint, live_default, live_type
from reconciler.targets.datto.dialect import LiveComponent
from reconciler.targets.protocol import ComponentState

_BY_HAND = "import it in the portal: reconciler targets bundle"


def compare_component(
    component: Component, live: Sequence[LiveComponent], *, taken_names: Collection[str]
) -> ComponentState:
    """Return how the account has ``component``; ``taken_names`` are those of account and site variables.

    It is found by its uid where Git pins one, else by its name.
    """
    found = _matching(component, live)
    clashes = tuple(
        f"variable {variable.name} hides the account's or a site's of that name, even when it is empty"
        for variable in component.variables
        if variable.name in taken_names
    )
    if len(found) == 1:
        differences = tuple(_differences(component, found[0]))
        word = "differs" if differences else "as declared"
        return ComponentState(id=component.id, uid=found[0].uid, state=word, notes=(*differences, *clashes))
    if found:
        uids = ", ".join(sorted(one.uid for one in found))
        return ComponentState(id=component.id, state="ambiguous", notes=(f"several have its name: {uids}", *clashes))
    what = _BY_HAND if component.script is not None else "no component of the account has its uid or name"
    return ComponentState(id=component.id, state="missing", notes=(what, *clashes))


def _matching(component: Component, live: Sequence[LiveComponent]) -> list[LiveComponent]:
    if component.uid:
        return [one for one in live if one.uid == component.uid]
    name = (component.name or component.id).casefold()
    return [one for one in live if one.name.casefold() == name]


def _differences(component: Component, live: LiveComponent) -> Iterator[str]:
    if component.name and live.name != component.name:
        yield f"name: {live.name!r}, declared {component.name!r}"
    said, _, mark = live.description.partition(f"[{MARK}")
    if component.description and said.strip() != component.description.strip():
        yield "description is another"
    if component.script is not None and f"[{MARK}{mark}".strip() != fingerprint(component):
        why = "has no mark of ours, so its script cannot be told" if not mark else "is of another version of its script"
        yield f"its description {why}; {_BY_HAND}"
    there = {variable.name: variable for variable in live.variables}
    for variable in component.variables:
        theirs = there.pop(variable.name, None)
        if theirs is None:
            yield f"variable {variable.name} is missing"
            continue
        if theirs.type and theirs.type not in {live_type(variable), "date"}:
            yield f"variable {variable.name}: type {theirs.type}, declared {live_type(variable)}"
        if theirs.default != live_default(variable):
            yield f"variable {variable.name}: another default"
    for name in sorted(there):
        yield f"variable {name} is not declared"
