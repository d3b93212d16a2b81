"""Components of the account against those that Git declares: what differs, field by field."""

from collections.abc import Collection, Iterator, Sequence
from typing import Any

from reconciler.definitions.checks.secrets import holds_secret, is_secret_name
from reconciler.model.change import FieldCause, FieldChange
from reconciler.model.forms import Component
from reconciler.model.job import Parameter
from reconciler.model.live import ComponentState, ComponentWord
from reconciler.model.secret import SecretRef
from reconciler.targets.datto.bundle import MARK, fingerprint, live_default, live_type
from reconciler.targets.datto.dialect import LiveComponent, LiveVariable

_NO_MARK = "one without our mark"


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
        fields = tuple(_differences(component, found[0]))
        word = ComponentWord.DIFFERS if fields else ComponentWord.AS_DECLARED
        return ComponentState(id=component.id, uid=found[0].uid, state=word, fields=fields, notes=clashes)
    if found:
        reason = f"several have its name: {', '.join(sorted(one.uid for one in found))}"
        return ComponentState(id=component.id, state=ComponentWord.AMBIGUOUS, reason=reason, notes=clashes)
    reason = f"no component of the account has its {'uid' if component.uid else 'name'}"
    return ComponentState(id=component.id, state=ComponentWord.MISSING, reason=reason, notes=clashes)


def _matching(component: Component, live: Sequence[LiveComponent]) -> list[LiveComponent]:
    if component.uid:
        return [one for one in live if one.uid == component.uid]
    name = (component.name or component.id).casefold()
    return [one for one in live if one.name.casefold() == name]


def _differences(component: Component, live: LiveComponent) -> Iterator[FieldChange]:
    """Yield what differs; what Git says nothing of is the account's own."""
    if component.name and live.name != component.name:
        yield _field("name", component.name, live.name)
    said, _, mark = live.description.partition(f"[{MARK}")
    if component.description and said.strip() != component.description.strip():
        yield _field("description", component.description.strip(), said.strip())
    if component.script is not None and f"[{MARK}{mark}".strip() != fingerprint(component):
        there = f"version {mark.strip().rstrip(']')}" if mark else _NO_MARK
        yield _field("script", f"version {fingerprint(component)[len(MARK) + 1 : -1]}", there)
    there_are = {variable.name: variable for variable in live.variables}
    for variable in component.variables:
        yield from _variable_differences(variable, there_are.pop(variable.name, None))
    for name, theirs in sorted(there_are.items()):
        yield _field(f"variables.{name}", None, theirs.type or "string")


def _variable_differences(variable: Parameter, theirs: LiveVariable | None) -> Iterator[FieldChange]:
    path = f"variables.{variable.name}"
    if theirs is None:
        yield _field(path, live_type(variable), None)
        return
    if theirs.type and theirs.type not in {live_type(variable), "date"}:
        yield _field(f"{path}.type", live_type(variable), theirs.type)
    if theirs.default != live_default(variable):
        yield _field(f"{path}.defaultValue", live_default(variable), _shown_default(variable, theirs.default))


def _shown_default(variable: Parameter, live: str) -> str:
    """Return a default as it may be shown to all who read a plan."""
    is_secret = isinstance(variable.default, SecretRef) or is_secret_name(variable.name) or holds_secret(live)
    return "***" if live and is_secret else live


def _field(json_path: str, declared: Any, live: Any) -> FieldChange:
    return FieldChange(json_path, declared or None, declared or None, live or None, FieldCause.THEIRS)
