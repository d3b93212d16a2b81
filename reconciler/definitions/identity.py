"""Ids across files: each is unique in its kind, without regard to case, and looks like no other."""

import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Sequence

from reconciler.definitions.identity_words import skeleton
from reconciler.definitions.items import Item
from reconciler.definitions.suggest import quote
from reconciler.model.forms import Kind
from reconciler.model.provider import Finding


def find_clashes(items: Sequence[Item]) -> Iterator[tuple[Item, Item, Finding]]:
    """Yield each item whose id an earlier one (by path) has taken, that one, and what is wrong."""
    groups: dict[tuple[Kind, str], list[Item]] = defaultdict(list)
    for item in items:
        groups[item.kind, fold_id(item.id)].append(item)
    for group in groups.values():
        first, *others = sorted(group, key=lambda item: item.path)
        for other in others:
            yield other, first, _clash(other, first)


def fold_id(name: str) -> str:
    """Return what is the same for ids that clash."""
    return name.lower() if name.isascii() else skeleton(name)


def _clash(item: Item, first: Item) -> Finding:
    where = f"{first.path}:{first.checked.line}"
    hint = "Give one of them another id."
    if item.id == first.id:
        message = f"id {quote(item.id)} is also defined in {where}"
    elif unicodedata.normalize("NFC", item.id) == unicodedata.normalize("NFC", first.id):
        message = f"id {quote(item.id)} is also defined in {where}; they differ only in how the accent is encoded"
    elif item.id.casefold() == first.id.casefold():
        message = f"id {quote(item.id)} differs from {quote(first.id)} ({where}) only in case"
    else:
        message = f"id {quote(item.id)} looks like {quote(first.id)} ({where}), but has other characters"
    return Finding(code="ID005", json_path="id", message=message, hint=hint)
