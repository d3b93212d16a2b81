"""Drift as text for a terminal, as Markdown, and as JSON types."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from reconciler.model.change import FieldCause, FieldChange
from reconciler.model.markup import code_span
from reconciler.model.text import escape_text
from reconciler.planning.drift import Drift, DriftState, TargetDrift

_VALUE_LIMIT = 120
_MOST_NAMES = 10
_SIGNS = {DriftState.CHANGED: "~", DriftState.MISSING: "-", DriftState.FOREIGN: "!"}


def drift_text(found: Sequence[TargetDrift]) -> str:
    """Return the drift as lines; all text of targets is escaped."""
    return "".join(f"{line}\n" for target in found for line in _target_lines(target)) + f"{drift_sum(found)}\n"


def drift_sum(found: Sequence[TargetDrift]) -> str:
    """Return ``Drift: 1 changed, 0 missing, 0 unreadable, of 12 applied.``, and which targets did not answer."""
    if not found:
        return "Drift: no target holds jobs or components itself, so nothing can drift."
    counts = {state: sum(item.state is state for target in found for item in target.items) for state in DriftState}
    words = (
        f"{counts[DriftState.CHANGED]} changed, {counts[DriftState.MISSING]} missing, "
        f"{counts[DriftState.FOREIGN]} unreadable, of {sum(target.applied for target in found)} applied."
    )
    silent = [target.target for target in found if target.unavailable]
    return f"Drift: {words}" + (f" Not known of {', '.join(silent)}." if silent else "")


def _target_lines(found: TargetDrift) -> Iterator[str]:
    yield f"{found.target}:"
    if found.unavailable:
        yield f"  could not be read: {escape_text(found.unavailable)}"
        return
    if not found.is_complete:
        yield "  the listing is incomplete: more may be missing, or not ours"
    for item in found.items:
        words = f"  {item.reason}" if item.reason else ""
        yield f"  {_SIGNS[item.state]} {_name(item)}  {item.state.value}  {escape_text(item.path)}{escape_text(words)}"
        for field in item.fields:
            yield f"      {_field_words(field, item.defaults)}"
    for (kind, id_), fields in found.left_alone.items():
        yield f"    {kind.value} {escape_text(id_)} has more than is declared, which is left alone:"
        for field in fields:
            yield f"      {_field_words(field)}"
    yield from _others(found)
    if not found.items:
        yield f"  as applied: {found.applied}"


def _others(found: TargetDrift) -> Iterator[str]:
    if found.not_ours:
        names = [escape_text(id_) for _, id_ in found.not_ours]
        yield f"    not made from here: {_some(names)}  (take over: reconciler import --target {found.target})"
    for _, why in list(found.foreign.items())[:_MOST_NAMES]:
        yield f"    left alone: {escape_text(why)}"
    if (more := len(found.foreign) - _MOST_NAMES) > 0:
        yield f"    left alone: {more} more"


def _some(names: Sequence[str]) -> str:
    more = len(names) - _MOST_NAMES
    return ", ".join(names[:_MOST_NAMES]) + (f" and {more} more" if more > 0 else "")


def _name(item: Drift) -> str:
    return f"{item.kind.value} {escape_text(item.id)}"


def _field_words(field: FieldChange, defaults: Mapping[str, Any] = {}) -> str:
    path, default = escape_text(field.json_path), defaults.get(field.json_path)
    if field.cause in {FieldCause.UNMANAGED, FieldCause.VENDOR_DEFAULT}:
        return f"{path}: {_value(field.live)}  ({field.cause.value})"
    return f"{path}: {_value(field.before, default)} -> {_value(field.live, default)}  ({field.cause.value})"


def _value(value: Any, default: Any = None) -> str:
    if value is None:
        return "(none)" if default is None else f"{_value(default)} (default)"
    text = value if isinstance(value, str) else msgspec.json.encode(value, order="sorted").decode()
    return escape_text(text, limit=_VALUE_LIMIT)


def drift_markdown(found: Sequence[TargetDrift]) -> str:
    """Return the drift as Markdown; text of targets stands in code spans, where nothing of it is read."""
    lines = ["## Drift", "", drift_sum(found), ""]
    for target in found:
        lines += [f"### {code_span(target.target)}", ""]
        if target.unavailable:
            lines += [f"Could not be read: {code_span(target.unavailable)}", ""]
        if target.items:
            lines += ["| Object | What | Field | Applied | Live | Cause |", "|---|---|---|---|---|---|"]
            lines += [row for item in target.items for row in _rows(item)]
            lines.append("")
        elif not target.unavailable:
            lines += [f"As applied: {target.applied}.", ""]
        if target.not_ours:
            names = ", ".join(code_span(id_) for _, id_ in target.not_ours[:_MOST_NAMES])
            more = len(target.not_ours) - _MOST_NAMES
            lines += [f"Not made from here: {names}" + (f" and {more} more" if more > 0 else "") + ".", ""]
    return "\n".join(lines)


def _rows(item: Drift) -> Iterator[str]:
    name = code_span(item.id, in_table=True)
    if not item.fields:
        reason = code_span(item.reason, in_table=True) if item.reason else ""
        yield f"| {name} | {item.state.value} | {reason} | | | |"
    elif item.reason:
        yield f"| {name} | {item.state.value} | {code_span(item.reason, in_table=True)} | | | |"
    for field in item.fields:
        default = item.defaults.get(field.json_path)
        cells = (field.json_path, _value(field.before, default), _value(field.live, default))
        path, before, live = (code_span(cell, in_table=True) for cell in cells)
        yield f"| {name} | {item.state.value} | {path} | {before} | {live} | {field.cause.value} |"


def drift_document(found: Sequence[TargetDrift]) -> list[dict[str, Any]]:
    """Return the drift as JSON types, by target."""
    return [
        {
            "target": target.target,
            "unavailable": target.unavailable or None,
            "complete": target.is_complete,
            "applied": target.applied,
            "items": [msgspec.to_builtins(item) for item in target.items],
            "leftAlone": [
                {"kind": kind.value, "id": id_, "fields": [msgspec.to_builtins(field) for field in fields]}
                for (kind, id_), fields in target.left_alone.items()
            ],
            "notOurs": [{"kind": kind.value, "id": id_} for kind, id_ in target.not_ours],
            "foreign": [{"kind": kind.value, "id": id_, "reason": why} for (kind, id_), why in target.foreign.items()],
        }
        for target in found
    ]
