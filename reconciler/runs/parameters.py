"""The values of a job's parameters for one run: given, else the job's own, else the default."""

import math
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from shlex import quote

from reconciler.model.errors import UsageError
from reconciler.model.job import Job, Parameter, Value, ValueType, value_text
from reconciler.model.secret import SecretRef

_BOOLEANS = {"true": True, "false": False}


def resolve_parameters(job: Job, given: Mapping[str, Value], *, device: str | None = None) -> dict[str, Value]:
    """Return the value of every parameter of ``job`` that has one.

    Raises UsageError for a required one without a value, one that the job does not know, or a wrong type or choice;
    all of them in one message, with the usage line of a call that names ``device``.
    """
    known = {parameter.name: parameter for parameter in job.parameters}
    wrong = [_unknown(name, known) for name in given if name not in known]
    values: dict[str, Value] = {}
    for name, parameter in known.items():
        value = given.get(name, job.variables.get(name, parameter.default))
        if value is None:
            if parameter.required:
                wrong.append(f"parameter `{name}` is required but has no value")
            continue
        try:
            values[name] = convert_value(parameter, value)
        except ValueError as error:
            wrong.append(f"parameter `{name}`: {error}")
    if wrong:
        raise UsageError(f"{job.id}: {'; '.join(wrong)}", hint=describe_parameters(job.id, job.parameters, device))
    return values


def convert_value(parameter: Parameter, value: Value) -> Value:
    """Return ``value`` in the type of ``parameter``; text is read as that type. Raises ValueError, without the value.

    A secret reference stands for text of any kind.
    """
    if isinstance(value, SecretRef):
        return value
    converted = _convert(parameter.type, value)
    if parameter.choices and converted not in parameter.choices:
        raise ValueError(f"it must be one of {', '.join(map(str, parameter.choices))}")
    return converted


def _convert(type_: ValueType, value: Value) -> Value:
    match type_:
        case ValueType.STRING:
            return value_text(value)
        case ValueType.BOOLEAN:
            if isinstance(value, bool):
                return value
            if isinstance(value, str) and value.lower() in _BOOLEANS:
                return _BOOLEANS[value.lower()]
            raise ValueError("expected true or false")
        case ValueType.NUMBER:
            if isinstance(value, int | float) and not isinstance(value, bool):
                return value
            if isinstance(value, str):
                return _number(value)
            raise ValueError("expected a number")


def _number(text: str) -> int | float:
    for read in (int, float):
        try:
            number = read(text)
        except ValueError:
            continue
        if math.isfinite(number):
            return number
    raise ValueError("expected a number")


def _unknown(name: str, known: Mapping[str, Parameter]) -> str:
    close = get_close_matches(name, known, n=1)
    return f"unknown parameter `{name}`" + (f"; did you mean `{close[0]}`?" if close else "")


def describe_parameters(job_id: str, parameters: Sequence[Parameter], device: str | None = None) -> str:
    """Return the list of parameters and the usage line, as seed 002 prints them for a component."""
    if not parameters:
        return f"{job_id} has no parameters."
    lines = [f"Parameters of {job_id}:"]
    lines += map(describe_parameter, parameters)
    required = [p for p in parameters if p.required and p.default is None] or parameters[:1]
    words = ["reconciler run", job_id, *(["--device", quote(device)] if device else [])]
    words += [f"--var {parameter.name}=VALUE" for parameter in required]
    return "\n".join([*lines, f"Usage: {' '.join(words)}"])


def describe_parameter(parameter: Parameter) -> str:
    """Return the line of one parameter: ``  - days (required): Age in days``."""
    need = "required" if parameter.required and parameter.default is None else "optional"
    default = "" if parameter.default is None else f", default: {value_text(_shown(parameter.default))}"
    description = f": {parameter.description}" if parameter.description else ""
    return f"  - {parameter.name} ({need}{default}){description}"


def _shown(value: Value) -> Value:
    return "***" if isinstance(value, SecretRef) else value


def parse_assignment(text: str) -> tuple[str, str]:
    """Read ``name=value``; the first ``=`` splits. Raises UsageError."""
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise UsageError(f"cannot read `{name}` as a variable", hint="Write --var name=value.")
    return name.strip(), value


def parse_assignments(text: str) -> dict[str, str]:
    r"""Read ``k=v,k2=v2``: ``\,`` is a comma, ``\\`` a backslash, any other backslash stands for itself (seed 002)."""
    parts, part, index = [], "", 0
    while index < len(text):
        pair = text[index : index + 2]
        if pair in {"\\,", "\\\\"}:
            part += pair[1]
            index += 2
            continue
        if text[index] == ",":
            parts.append(part)
            part = ""
        else:
            part += text[index]
        index += 1
    parts.append(part)
    return dict(parse_assignment(item) for item in parts if item.strip())
