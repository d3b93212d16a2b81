"""Arguments as one command line, which is what a job file holds, and the tokens in it."""

import re
from collections.abc import Sequence

_TOKEN = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")
_PLAIN = re.compile(r"[^\s\"'`$\x00-\x1f]+")


class CannotQuote(ValueError):
    """An argument for which no way of quoting is published."""


def join_arguments(arguments: str | Sequence[str]) -> str:
    """Return the arguments as one text: one that is text already stays as it is. Raises CannotQuote.

    Quotes around what has spaces are understood everywhere; how a quote inside of quotes is written is not published.
    """
    return arguments if isinstance(arguments, str) else " ".join(map(_quoted, arguments))


def _quoted(argument: str) -> str:
    if _PLAIN.fullmatch(argument):
        return argument
    if '"' in argument or argument.endswith("\\") or any(char < " " for char in argument):
        raise CannotQuote(argument)
    return f'"{argument}"'


def foreign_braces(text: str, known: frozenset[str]) -> list[str]:
    """Return what of ``text`` stands in braces but is no token that the agent knows; a brace by itself too."""
    found = [f"{{{name}}}" for name in _TOKEN.findall(text) if name not in known]
    rest = _TOKEN.sub("", text)
    return found + [char for char in "{}" if char in rest]
