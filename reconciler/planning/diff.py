"""Differences between two forms, field by field."""

from collections.abc import Iterator
from typing import Any

import msgspec

from reconciler.model.change import FieldChange
from reconciler.model.forms import Form


def diff_forms(before: Form, after: Form) -> tuple[FieldChange, ...]:
    """Return the fields in which the forms differ, in the order of their JSON paths' first appearance."""
    return tuple(_diff(msgspec.to_builtins(before), msgspec.to_builtins(after), ""))


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
    return isinstance(value, list) and bool(value) and all(isinstance(item, dict) for item in value)


def _item(values: list[Any], index: int) -> Any:
    return values[index] if index < len(values) else None
