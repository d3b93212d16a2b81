"""Which item of a list of objects became which: by id or name where they have one, else by content and place."""

from collections.abc import Sequence
from difflib import SequenceMatcher
from typing import Any

import msgspec

_NATURAL_KEYS = ("id", "name", "eventType")
Items = Sequence[dict[str, Any]]
Pairs = list[tuple[int | None, int | None]]
"""Places before and after; None where an item came or went."""


def key_name(before: Items, after: Items) -> str:
    """Return the field by which the items of both lists are told apart, or nothing."""
    for name in _NATURAL_KEYS:
        if all(_tells_apart(name, items) for items in (before, after)):
            return name
    return ""


def _tells_apart(name: str, items: Items) -> bool:
    keys = [item.get(name) for item in items]
    return all(isinstance(key, str) and key for key in keys) and len(set(keys)) == len(keys)


def align(before: Items, after: Items) -> Pairs:
    """Return which became which, what came, and what went, stretch by stretch from the first item on."""
    name = key_name(before, after)
    old, new = ([item[name] if name else _content(item) for item in items] for items in (before, after))
    stretches = SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
    still = {index for tag, start, end, _, _ in stretches if tag == "equal" for index in range(start, end)}
    places = {key: place for place, key in enumerate(new)} if name else {}
    moved = {index: places[key] for index, key in enumerate(old) if key in places and index not in still}
    arrived = frozenset(moved.values())
    pairs: Pairs = []
    for _, start, end, new_start, new_end in stretches:
        stays = [index for index in range(start, end) if index not in moved]
        comes = [place for place in range(new_start, new_end) if place not in arrived]
        if len(stays) == len(comes):
            pairs += zip(stays, comes, strict=True)  # each in the place of one: the same, perhaps with another key
        else:
            pairs += [(index, None) for index in stays] + [(None, place) for place in comes]
        pairs += [(index, place) for index, place in moved.items() if new_start <= place < new_end]
    return pairs


def _content(item: dict[str, Any]) -> str:
    return msgspec.json.encode(item, order="sorted").decode()
