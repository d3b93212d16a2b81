"""Words that help: what was found, what was meant."""

import heapq
from collections import defaultdict
from collections.abc import Collection
from difflib import get_close_matches
from functools import lru_cache
from typing import Any, NamedTuple

from reconciler.model.text import escape_text

_MOST_COMPARED = 100
"""Comparing is slow; of more names only those with the same beginning are compared, the nearest in length."""


def closest(word: str, known: Collection[str]) -> str:
    """Return the one of ``known`` that ``word`` was probably meant to be, or an empty text."""
    if not word or len(word) > 100:
        return ""
    index = _index(known if isinstance(known, frozenset) else frozenset(known))
    folded = _fold(word)
    if folded in index.names:
        return index.names[folded]
    names: Collection[str] = index.names
    if len(names) > _MOST_COMPARED:
        bucket = index.by_beginning.get(folded[:2], ())
        names = heapq.nsmallest(_MOST_COMPARED, bucket, key=lambda name: abs(len(name) - len(folded)))
    match = get_close_matches(folded, names, n=1, cutoff=0.66)
    if match:
        return index.names[match[0]]
    longer = [name for name in names if len(folded) >= 4 and (name.startswith(folded) or name.endswith(folded))]
    return index.names[longer[0]] if len(longer) == 1 else ""


class _Index(NamedTuple):
    names: dict[str, str]
    by_beginning: dict[str, list[str]]


@lru_cache(maxsize=64)
def _index(known: frozenset[str]) -> _Index:
    names = {_fold(name): name for name in sorted(known, reverse=True)}
    by_beginning: dict[str, list[str]] = defaultdict(list)
    for folded in names:
        by_beginning[folded[:2]].append(folded)
    return _Index(names, dict(by_beginning))


def _fold(name: str) -> str:
    return name.casefold().replace("-", "").replace("_", "")


def did_you_mean(word: str, known: Collection[str]) -> str:
    """Return ``; did you mean `x`?``, or an empty text."""
    match = closest(word, known)
    return f"; did you mean `{match}`?" if match and match != word else ""


def listed(names: Collection[str], *, limit: int = 12) -> str:
    """Return names with commas between, and how many more there are."""
    return _listed(names if isinstance(names, frozenset) else frozenset(names), limit)


@lru_cache(maxsize=64)
def _listed(names: frozenset[str], limit: int) -> str:
    text = ", ".join(escape_text(name, limit=64) for name in heapq.nsmallest(limit, names))
    more = len(names) - limit
    return f"{text} and {more} more" if more > 0 else text


def quote(text: str) -> str:
    """Return a name from a file as it is shown in a message."""
    return f"`{escape_text(text, limit=60)}`"


def show(value: Any) -> str:
    """Return what was found, for a message."""
    if isinstance(value, str):
        return quote(value) if value else "an empty text"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return f"{value}"
    return kind_of(value)


def kind_of(value: Any) -> str:
    """Return what kind of value was found, without the value."""
    match value:
        case None:
            return "nothing"
        case bool():
            return "true or false"
        case str():
            return "text"
        case int() | float():
            return "a number"
        case list():
            return "a list"
    return "key/value pairs"
