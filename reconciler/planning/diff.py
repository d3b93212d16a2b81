"""Differences between forms, field by field: of two, and of what was applied, what is declared and what is live."""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
from msgspec.structs import replace

from reconciler.model.change import FieldCause, FieldChange
from reconciler.model.forms import Form, Variable
from reconciler.model.live import LiveObject
from reconciler.model.secret import MASK


def diff_forms(before: Form, after: Form) -> tuple[FieldChange, ...]:
    """Return the fields in which the forms differ, in the order of their JSON paths' first appearance."""
    if before == after:
        return ()  # most, where live objects are compared
    fields = tuple(_diff(msgspec.to_builtins(before), msgspec.to_builtins(after), ""))
    return _without_fingerprint(fields) if isinstance(after, Variable) else fields


def _without_fingerprint(fields: tuple[FieldChange, ...]) -> tuple[FieldChange, ...]:
    """Return the fields of a variable without what nobody can read anything from."""
    return tuple(field for field in fields if field.json_path != "fingerprint")


def diff_live(applied: Form, live: Form) -> tuple[FieldChange, ...]:
    """Return the fields that somebody changed at the target, of the form that was ``applied`` there (normalised)."""
    if isinstance(applied, Variable) and isinstance(live, Variable) and applied.masked:
        live = replace(live, value=MASK)  # somebody may have made it anew, for all to read: not here
    return tuple(
        FieldChange(field.json_path, field.before, field.before, field.after, FieldCause.THEIRS)
        for field in diff_forms(applied, live)
    )


def merge_causes(ours: tuple[FieldChange, ...], theirs: tuple[FieldChange, ...]) -> tuple[FieldChange, ...]:
    """Return the changes of both sides, ours first; a field that both changed is told once."""
    live = {field.json_path: field.live for field in theirs}
    mine = {field.json_path for field in ours}
    return (
        *(
            FieldChange(field.json_path, field.before, field.after, live[field.json_path], FieldCause.BOTH)
            if field.json_path in live
            else field
            for field in ours
        ),
        *(field for field in theirs if field.json_path not in mine),
    )


def fields_left_alone(live: LiveObject) -> tuple[FieldChange, ...]:
    """Return what the target has besides our terms: told, and never written."""
    return (
        *(FieldChange(path, None, None, value, FieldCause.VENDOR_DEFAULT) for path, value in _sorted(live.defaults)),
        *(FieldChange(path, None, None, value, FieldCause.UNMANAGED) for path, value in _sorted(live.unmanaged)),
    )


def _sorted(values: Any) -> list[tuple[str, Any]]:
    return sorted(values.items())


def _diff(before: Any, after: Any, path: str) -> Iterator[FieldChange]:
    if before == after:
        return
    if isinstance(before, dict) and isinstance(after, dict):
        for key in [*before, *(key for key in after if key not in before)]:
            yield from _diff(before.get(key), after.get(key), f"{path}.{key}" if path else key)
    elif _is_list_of_objects(before) and _is_list_of_objects(after):
        for index in range(max(len(before), len(after))):
            yield from _diff(_item(before, index), _item(after, index), f"{path}[{index}]")
    else:
        yield FieldChange(path, before, after)


def _is_list_of_objects(value: Any) -> bool:
    return isinstance(value, list | tuple) and bool(value) and all(isinstance(item, dict) for item in value)


def _item(values: Sequence[Any], index: int) -> Any:
    return values[index] if index < len(values) else None
