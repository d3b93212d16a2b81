"""Parameters and variables: names, types, values."""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
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


def check_declared(parameters: Sequence[Parameter], json_path: str, *, text_is_read: bool) -> Iterator[Finding]:
    """Yield what is wrong with declarations; ``text_is_read``: a default may be written as text (Datto's way)."""
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
        yield from _check_default(parameter, path, text_is_read=text_is_read)


def _check_default(parameter: Parameter, path: str, *, text_is_read: bool) -> Iterator[Finding]:
    for index, choice in enumerate(parameter.choices):
        if not _has_type(parameter.type, choice):
            message = f"choice of {quote(parameter.name)} is {kind_of(choice)}, type says {parameter.type.value}"
            yield Finding(code="PARAM003", json_path=f"{path}.choices[{index}]", message=message)
    if parameter.default is None or isinstance(parameter.default, SecretRef):
        return
    try:
        value = read_value(parameter.type, parameter.default) if text_is_read else parameter.default
    except ValueError:
        value = parameter.default
    if not _has_type(parameter.type, value):
        message = (
            f"default of {quote(parameter.name)} is {kind_of(parameter.default)}, type says {parameter.type.value}"
        )
        yield Finding(code="PARAM003", json_path=f"{path}.default", message=message)
    elif parameter.choices and value not in parameter.choices:
        message = f"default of {quote(parameter.name)} is not one of its choices"
        yield Finding(code="PARAM004", json_path=f"{path}.default", message=message)


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
