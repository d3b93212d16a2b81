"""Words that help: what was found, what was meant."""

from collections.abc import Collection, Iterable
from difflib import get_close_matches
from typing import Any

from reconciler.model.text import escape_text

_CONSIDERED = 5000
"""Comparing is slow; past so many candidates only those with the same beginning are compared."""


def closest(word: str, known: Collection[str]) -> str:
    """Return the one of ``known`` that ``word`` was probably meant to be, or an empty text."""
    if len(word) > 100:
        return ""
    folded = {_fold(name): name for name in reversed(list(known))}
    exact = folded.get(_fold(word))
    if exact is not None:
        return exact
    names = list(folded)
    if len(names) > _CONSIDERED:
        names = [name for name in names if name[:2] == _fold(word)[:2]][:_CONSIDERED]
    match = get_close_matches(_fold(word), names, n=1, cutoff=0.66)
    if match:
        return folded[match[0]]
    part = _fold(word)
    longer = [name for name in names if len(part) >= 4 and (name.startswith(part) or name.endswith(part))]
    return folded[longer[0]] if len(longer) == 1 else ""


def _fold(name: str) -> str:
    return name.casefold().replace("-", "").replace("_", "")


def did_you_mean(word: str, known: Collection[str]) -> str:
    """Return ``; did you mean `x`?``, or an empty text."""
    match = closest(word, known)
    return f"; did you mean `{match}`?" if match and match != word else ""


def listed(names: Iterable[str], *, limit: int = 12) -> str:
    """Return names with commas between, and how many more there are."""
    shown = sorted(names)
    more = len(shown) - limit
    text = ", ".join(escape_text(name, limit=64) for name in shown[:limit])
    return f"{text} and {more} more" if more > 0 else text


def quote(text: str) -> str:
    """Return a name from a file as it is shown in a message."""
    return f"`{escape_text(text, limit=60)}`"


def show(value: Any) -> str:
    """Return what was found, for a message."""
    if isinstance(value, str):
        return quote(value)
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
