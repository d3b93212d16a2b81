"""Parameters and variables: names, types, values."""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from reconciler.definitions.suggest import did_you_mean, kind_of, listed, quote
from reconciler.model.job import Parameter, Value, ValueType
from reconciler.model.provider import Finding
from reconciler.model.secret import SecretRef

# Names by which a value would change what program runs, or pass for one of ours.
# fmt: off
_RESERVED = frozenset({
    "PATH", "HOME", "USER", "LOGNAME", "SHELL", "IFS", "ENV", "BASH_ENV", "BASH_FUNC", "PWD", "OLDPWD", "TMPDIR",
    "PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP", "PERL5LIB", "PERL5OPT", "RUBYOPT", "RUBYLIB", "NODE_OPTIONS",
    "GIT_SSH_COMMAND", "PSMODULEPATH", "KEEPER_JOB_ID", "KEEPER_JOB_NAME",
})
# fmt: on
_RESERVED_BEGINNINGS = ("LD_", "DYLD_", "RECONCILER_")
_NUMBER = re.compile(r"[-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?\Z", re.ASCII)
_BOOLEANS = {"true": True, "false": False}
_ARTICLES = {ValueType.STRING: "text", ValueType.NUMBER: "a number", ValueType.BOOLEAN: "true or false"}


def is_reserved(name: str) -> bool:
    return name in _RESERVED or name.startswith(_RESERVED_BEGINNINGS)


def check_declared(
    parameters: Sequence[Parameter], json_path: str, *, text_is_read: bool, damaged: bool = False
) -> Iterator[Finding]:
    """Yield what is wrong with declarations; ``text_is_read``: a default may be written as text (Datto's way).

    ``damaged``: something is missing in them that was written, but wrong, and may be a type or a choice.
    """
    seen: dict[str, int] = {}
    for index, parameter in enumerate(parameters):
        path = f"{json_path}[{index}]"
        if parameter.name in seen:
            message = f"{quote(parameter.name)} is declared twice ({json_path}[{seen[parameter.name]}], {path})"
            yield Finding(code="PARAM001", json_path=f"{path}.name", message=message)
            continue
        seen[parameter.name] = index
        if is_reserved(parameter.name):
            message = f"{quote(parameter.name)} is a name with a meaning of its own"
            hint = "Values reach scripts as environment variables: take another name."
            yield Finding(code="PARAM002", json_path=f"{path}.name", message=message, hint=hint)
        if not damaged:
            yield from islice(_check_default(parameter, path, text_is_read=text_is_read), 1)


def _check_default(parameter: Parameter, path: str, *, text_is_read: bool) -> Iterator[Finding]:
    value: Value | None = None if isinstance(parameter.default, SecretRef) else parameter.default
    if value is not None and text_is_read and _reads_as(parameter.type, value):
        value = read_value(parameter.type, value)
    if value is not None and not _has_type(parameter.type, value):
        yield _other_type(f"default of {quote(parameter.name)}", value, parameter, f"{path}.default")
    for index, choice in enumerate(parameter.choices):
        if not _has_type(parameter.type, choice):
            yield _other_type(f"choice of {quote(parameter.name)}", choice, parameter, f"{path}.choices[{index}]")
    if value is not None and parameter.choices and value not in parameter.choices:
        message = f"default of {quote(parameter.name)} is not one of its choices"
        yield Finding(code="PARAM004", json_path=f"{path}.default", message=message)


def _other_type(what: str, value: Value, parameter: Parameter, json_path: str) -> Finding:
    """Return the finding for a value of another type; text is what has no type given."""
    message = f"{what} is {kind_of(value)}, type says {parameter.type.value}"
    hint = ""
    if parameter.type is ValueType.STRING:
        hint = f"Quote it, or write type: {'boolean' if isinstance(value, bool) else 'number'}."
    elif isinstance(value, str) and _reads_as(parameter.type, value):
        hint = "Remove the quotes."
    return Finding(code="PARAM003", json_path=json_path, message=message, hint=hint)


def _reads_as(type_: ValueType, value: Value) -> bool:
    try:
        read_value(type_, value)
    except ValueError:
        return False
    return True


def _has_type(type_: ValueType, value: Value) -> bool:
    match type_:
        case ValueType.STRING:
            return isinstance(value, str)
        case ValueType.NUMBER:
            return isinstance(value, int | float) and not isinstance(value, bool)
    return isinstance(value, bool)


def read_value(type_: ValueType, value: Value) -> Value:
    """Return ``value`` in its type; text is read as that type, as Datto has it. Raises ValueError, without the value.

    A secret reference stands for text of any kind.
    """
    if isinstance(value, SecretRef) or value is None or _has_type(type_, value):
        return value
    if isinstance(value, str):
        if type_ is ValueType.BOOLEAN and value.lower() in _BOOLEANS:
            return _BOOLEANS[value.lower()]
        if type_ is ValueType.NUMBER and len(value) <= 80 and _NUMBER.match(value):
            number = float(value) if any(char in value for char in ".eE") else int(value)
            if math.isfinite(number):
                return number
    elif type_ is ValueType.STRING:
        return ("true" if value else "false") if isinstance(value, bool) else str(value)
    raise ValueError(f"expected {_ARTICLES[type_]}, found {kind_of(value)}")


def check_values(
    given: Mapping[str, Value], parameters: Sequence[Parameter], json_path: str, *, noun: str, owner: str
) -> Iterator[Finding]:
    """Yield what is wrong with values for ``parameters`` of ``owner``; which are missing is not asked here."""
    known = {parameter.name: parameter for parameter in parameters}
    for name, value in given.items():
        path = f"{json_path}{key_step(name)}"
        parameter = known.get(name)
        if parameter is None:
            message = f"unknown {noun} {quote(name)}{did_you_mean(name, known)}"
            hint = f"{owner} has: {listed(known)}." if known else f"{owner} has none."
            yield Finding(code="PARAM005", json_path=path, message=message, hint=hint)
            continue
        try:
            read = read_value(parameter.type, value)
        except ValueError as error:
            yield Finding(code="PARAM003", json_path=path, message=f"{noun} {quote(name)}: {error}")
            continue
        if parameter.choices and not isinstance(read, SecretRef) and read not in parameter.choices:
            choices = ", ".join(map(str, parameter.choices))
            message = f"{noun} {quote(name)} is not one of {choices}"
            yield Finding(code="PARAM004", json_path=path, message=message)


def key_step(name: str) -> str:
    """Return a name as a further step of a JSON path."""
    plain = name.replace("_", "a").isalnum() and name.isascii() and not name[0].isdigit()
    if plain:
        return f".{name}"
    escaped = name.replace("\\", "\\\\").replace("'", "\\'")
    return f"['{escaped}']"


def read_values(given: Mapping[str, Value], parameters: Sequence[Parameter]) -> dict[str, Any]:
    """Return the values in their types, those that cannot be read left out."""
    types = {parameter.name: parameter.type for parameter in parameters}
    values: dict[str, Any] = {}
    for name, value in given.items():
        try:
            values[name] = read_value(types[name], value)
        except (KeyError, ValueError):
            continue
    return values
