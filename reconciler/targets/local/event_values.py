"""What a run is told of the event that started it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from reconciler.model.errors import TargetRefused
from reconciler.model.instant import format_instant

_FIELDS = ("id", "type", "source", "device", "at", "data")


def event_json(event: Mapping[str, Any]) -> str:
    """Return the event as JSON text: id, type, source, device, at and data."""
    return msgspec.json.encode({name: event[name] for name in _FIELDS if name in event}).decode()


def event_text(event: Mapping[str, Any], name: str) -> str:
    """Return what the token ``event.<name>`` stands for: a field of the event, else what its data has by that name.

    Dots lead into objects.  Nothing by that name, or no event at all, is empty text; what is not text is JSON.  Raises
    TargetRefused for text that no argument can hold.
    """
    value = event[name] if name in _FIELDS and name in event else _find(event, name)
    text = _text_of(value)
    if "\0" in text:
        raise TargetRefused(f"the event's {name} holds a NUL character, which no argument can")
    return text


def _find(event: Mapping[str, Any], name: str) -> Any:
    path = name.split(".")
    value: Any = event.get("data", {})
    for step in path[1:] if path[0] == "data" else path:
        value = value.get(step) if isinstance(value, dict) else None
    return value


def _text_of(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return format_instant(value)
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
