"""Expressions in CEL (cel.dev), by the library of the language's own makers: conditions, and what an event must hold.

An expression reads the names that are declared for it, and nothing else; its worst cost is bounded when it is compiled
(``expression_cost.py``), what it is given when it is evaluated.  The library is imported when the first one is met.
"""

import re
from collections.abc import Iterator, Mapping
from enum import StrEnum
from functools import lru_cache
from typing import Any

from reconciler.model.expression_cost import cost_of

MAX_LENGTH = 4096
MAX_PRICE = 200_000
MAX_ITEMS = 256
MAX_TEXT = 4096
MAX_VALUES = 1000

_CONFIGURATION = """
name: reconciler
stdlib:
  exclude_macros: [map, filter]
"""
_PLACE = re.compile(r"ERROR: <input>:(-?\d+):(-?\d+): (.*)")
_STATUS = re.compile(r"^[A-Z_]+: | \[[A-Z_]+\]$")
_LEFT_OUT = re.compile(r"\.\s*(?:map|filter)\s*\(")
_UNDECLARED = re.compile(r"undeclared reference to '(.*?)'")
_UNEXPECTED = re.compile(r"Syntax error: (?:mismatched|extraneous) input '(.*?)' expecting .*")


class Sort(StrEnum):
    """Of what kind a name's value is; ``any`` is settled when the expression is evaluated."""

    TEXT = "text"
    TEXTS = "texts"
    BOOLEAN = "boolean"
    INSTANT = "instant"
    ANY = "any"


class ExpressionInvalid(ValueError):
    """An expression cannot be used. ``column`` counts from 1 in its ``line``; 0: the whole of it.

    ``unknown`` is the name that is not known, or empty; ``is_costly`` says that it would be too slow.
    """

    def __init__(
        self, message: str, *, line: int = 0, column: int = 0, unknown: str = "", is_costly: bool = False
    ) -> None:
        super().__init__(message)
        self.line = line
        self.column = column
        self.unknown = unknown
        self.is_costly = is_costly


class ExpressionFailed(Exception):
    """An expression could not be evaluated with the values it was given; the text says why."""


class Expression:
    """A compiled expression that is true or false; made by ``compile_expression``."""

    def __init__(self, program: Any, names: frozenset[str]) -> None:
        self._program = program
        self.names = names

    def holds(self, values: Mapping[str, Any]) -> bool:
        """Return whether it is true of ``values``, by name.

        Raises ExpressionFailed: a value is missing, of another kind, or beyond the limits.
        """
        given = {name: values[name] for name in self.names if name in values}
        for name, value in given.items():
            _check_value(name, value)
        try:
            result = self._program.eval(data=given).plain_value()
        except Exception as error:
            # The library raises what its C++ side makes of a value; all of it means that there is no answer.
            raise ExpressionFailed(_plain(str(error))) from None
        if not isinstance(result, bool):
            raise ExpressionFailed(_plain(str(result)) if isinstance(result, str) else "it is neither true nor false")
        return result


@lru_cache(maxsize=512)
def compile_expression(text: str, names: tuple[tuple[str, Sort], ...]) -> Expression:
    """Read an expression that may use ``names``. Raises ExpressionInvalid."""
    if len(text) > MAX_LENGTH:
        raise ExpressionInvalid(f"it has {len(text)} characters, and {MAX_LENGTH} are allowed")
    if any("\ud800" <= char <= "\udfff" for char in text):
        raise ExpressionInvalid("it holds half a character")
    try:
        program = _environment(names).compile(text)
        kind = program.return_type().name()
        cost = cost_of(program.serialize(), items=MAX_ITEMS)
    except RuntimeError as error:
        raise _reading_error(text, str(error)) from None
    if kind not in {"BOOL", "DYN"}:
        raise ExpressionInvalid(f"it gives {_SPOKEN.get(kind, kind.lower())}, not true or false")
    if cost.problem:
        raise ExpressionInvalid(cost.problem)
    if cost.price > MAX_PRICE:
        message = f"it may take too long: it costs up to {cost.price:,}, and {MAX_PRICE:,} is the limit"
        raise ExpressionInvalid(message, is_costly=True)
    return Expression(program, cost.names)


_SPOKEN = {"STRING": "text", "INT": "a number", "DOUBLE": "a number", "UINT": "a number", "TIMESTAMP": "a time"}


@lru_cache(maxsize=64)
def _environment(names: tuple[tuple[str, Sort], ...]) -> Any:
    from cel_expr_python import cel  # noqa: PLC0415 - 14 MB that most calls never need

    kinds = {
        Sort.TEXT: cel.Type.STRING,
        Sort.TEXTS: cel.Type.List(cel.Type.STRING),
        Sort.BOOLEAN: cel.Type.BOOL,
        Sort.INSTANT: cel.Type.TIMESTAMP,
        Sort.ANY: cel.Type.DYN,
    }
    configuration = cel.NewEnvConfigFromYaml(_CONFIGURATION)
    return cel.NewEnv(config=configuration, variables={name: kinds[sort] for name, sort in names})


def _reading_error(text: str, answer: str) -> ExpressionInvalid:
    """Turn the library's first complaint into ours."""
    found = _PLACE.search(answer)
    if found is None:
        return ExpressionInvalid(_plain(answer))
    line, column, message = int(found[1]), int(found[2]), _plain(found[3])
    if line < 1:
        return ExpressionInvalid(message)
    if _LEFT_OUT.search(text):
        return ExpressionInvalid("there is no map and no filter here; ask with exists, exists_one or all")
    unknown = _UNDECLARED.match(message)
    if unknown is not None:
        name = unknown[1]
        at = _start_of(name, text, line, column)
        return ExpressionInvalid(f"unknown name `{name}`", line=line, column=at, unknown=name)
    unexpected = _UNEXPECTED.match(message)
    if unexpected is not None:
        token = unexpected[1]
        message = "it ends too early" if token == "<EOF>" else f"unexpected `{token}`"  # noqa: S105 - not a password
    if message.startswith("Syntax error: token recognition error"):
        message = f"cannot read `{''.join(text.splitlines()[line - 1 : line])[column - 1 :][:20]}`"
    message = message.removeprefix("Syntax error: ")
    return ExpressionInvalid(message, line=line, column=column)


def _start_of(name: str, text: str, line: int, column: int) -> int:
    """Return where a name begins: the library points at its last dot, and at the bracket after a function's."""
    lines = text.splitlines()
    pointed = lines[line - 1][column - 1 : column] if line <= len(lines) else ""
    if pointed == "(":
        return max(column - len(name), 1)
    return max(column - max(name.rfind("."), 0), 1)


def _plain(answer: str) -> str:
    """Return the library's words without its codes, on one line."""
    first = answer.strip().partition("\n")[0]
    return _STATUS.sub("", _STATUS.sub("", first))[:300]


def _check_value(name: str, value: Any) -> None:
    for count, item in enumerate(_all_values(value), start=1):
        if isinstance(item, str | bytes) and len(item) > MAX_TEXT:
            raise ExpressionFailed(f"{name}: a text of {len(item)} characters, and {MAX_TEXT} are allowed")
        if isinstance(item, Mapping | list | tuple) and len(item) > MAX_ITEMS:
            raise ExpressionFailed(f"{name}: {len(item)} items, and {MAX_ITEMS} are allowed")
        if count > MAX_VALUES:
            raise ExpressionFailed(f"{name}: more than {MAX_VALUES} values in it")


def _all_values(value: Any) -> Iterator[Any]:
    """Yield a value and all that is inside it, without recursion: it may be nested as deep as its sender liked."""
    waiting = [value]
    while waiting:
        item = waiting.pop()
        yield item
        if isinstance(item, Mapping):
            waiting += item.keys()
            waiting += item.values()
        elif isinstance(item, list | tuple):
            waiting += item
