"""Differences between forms, field by field: of two, and of what was applied, what is declared and what is live."""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from reconciler.model.change import FieldCause, FieldChange
from reconciler.model.forms import Form, Variable
from reconciler.model.live import LiveObject
from reconciler.model.secret import MASK
from reconciler.planning.alignment import align, key_name


class _Difference(Struct, frozen=True):
    """``old_path`` counts items of lists as they were before, ``new_path`` as they are after.

    ``place`` names the same field in two differences from one form: by where it was, or what was added.
    """

    place: str
    old_path: str
    new_path: str
    before: Any
    after: Any


def diff_forms(before: Form, after: Form) -> tuple[FieldChange, ...]:
    """Return the fields in which the forms differ, in the order of their JSON paths' first appearance.

    Items of lists are compared with those of the same id or name, wherever they stand: one that came or went is one
    field.  ``tasks[*].id`` tells that those that stay are in another order.
    """
    return tuple(FieldChange(item.new_path, item.before, item.after) for item in _differences(before, after))


def diff_live(applied: Form, live: Form) -> tuple[FieldChange, ...]:
    """Return the fields that somebody changed at the target, of the form that was ``applied`` there (normalised)."""
    return tuple(map(_theirs, _live_differences(applied, live)))


def diff_both(applied: Form, declared: Form, normalised: Form, live: Form) -> tuple[FieldChange, ...]:
    """Return the changes of both sides, ours first; a field that both changed is told once.

    ``normalised`` is ``applied`` as the target has it.
    """
    ours = _differences(applied, declared)
    theirs = {item.place: item for item in _live_differences(normalised, live)}
    mine = {item.place for item in ours}
    return (
        *(
            FieldChange(item.new_path, item.before, item.after, theirs[item.place].after, FieldCause.BOTH)
            if item.place in theirs
            else FieldChange(item.new_path, item.before, item.after)
            for item in ours
        ),
        *(_theirs(item) for item in theirs.values() if item.place not in mine),
    )


def fields_left_alone(live: LiveObject) -> tuple[FieldChange, ...]:
    """Return what the target has besides our terms: told, and never written."""
    return (
        *(FieldChange(path, None, None, value, FieldCause.VENDOR_DEFAULT) for path, value in _sorted(live.defaults)),
        *(FieldChange(path, None, None, value, FieldCause.UNMANAGED) for path, value in _sorted(live.unmanaged)),
    )


def _sorted(values: Any) -> list[tuple[str, Any]]:
    return sorted(values.items())


def _theirs(item: _Difference) -> FieldChange:
    return FieldChange(item.old_path, item.before, item.before, item.after, FieldCause.THEIRS)


def _differences(before: Form, after: Form) -> tuple[_Difference, ...]:
    if before == after:
        return ()  # most, where live objects are compared
    found = _diff(msgspec.to_builtins(before), msgspec.to_builtins(after), "", "", "")
    if isinstance(after, Variable):
        return tuple(item for item in found if item.place != "fingerprint")  # nobody can read anything from it
    return tuple(found)


def _live_differences(applied: Form, live: Form) -> tuple[_Difference, ...]:
    if isinstance(applied, Variable) and isinstance(live, Variable) and applied.masked:
        live = replace(live, value=MASK)  # somebody may have made it anew, for all to read: not here
    return _differences(applied, live)


def _diff(before: Any, after: Any, place: str, old: str, new: str) -> Iterator[_Difference]:
    if before == after:
        return
    if isinstance(before, dict) and isinstance(after, dict):
        for key in [*before, *(key for key in after if key not in before)]:
            yield from _diff(
                before.get(key), after.get(key), *(f"{path}.{key}" if path else key for path in (place, old, new))
            )
    elif _is_list_of_objects(before) and _is_list_of_objects(after):
        yield from _diff_items(before, after, place, old, new)
    else:
        yield _Difference(place, old, new, before, after)


def _diff_items(before: Sequence[Any], after: Sequence[Any], place: str, old: str, new: str) -> Iterator[_Difference]:
    pairs = align(before, after)
    yield from _diff_order(before, after, pairs, (place, old, new))
    for was, will in pairs:
        if was is None and will is not None:
            item, path = after[will], f"{new}[{will}]"
            yield _Difference(f"{place}[+{item.get(key_name(before, after), will)}]", path, path, None, item)
        elif was is not None and will is None:
            path = f"{old}[{was}]"
            yield _Difference(f"{place}[{was}]", path, path, before[was], None)
        elif was is not None and will is not None:
            yield from _diff(before[was], after[will], f"{place}[{was}]", f"{old}[{was}]", f"{new}[{will}]")


def _diff_order(
    before: Sequence[Any],
    after: Sequence[Any],
    pairs: Sequence[tuple[int | None, int | None]],
    paths: tuple[str, str, str],
) -> Iterator[_Difference]:
    """Yield that items which stay are in another order: by their keys, or whole where they have none."""
    both = [(was, will) for was, will in pairs if was is not None and will is not None]
    old_order = [was for was, _ in sorted(both)]
    new_order = [was for was, _ in sorted(both, key=lambda pair: pair[1])]
    if old_order == new_order:
        return
    name = key_name(before, after)
    place, old, new = (f"{path}[*].{name}" if name else f"{path}[*]" for path in paths)
    was, will = (
        [before[index][name] if name else before[index] for index in order] for order in (old_order, new_order)
    )
    yield _Difference(place, old, new, was, will)


def _is_list_of_objects(value: Any) -> bool:
    return isinstance(value, list | tuple) and bool(value) and all(isinstance(item, dict) for item in value)
