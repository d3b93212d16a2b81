"""Where a value does not keep a schema: jsonschema finds it, and of several ways the one that was meant is told.

Only the facts of jsonschema's errors are used, never their texts, which contain the value.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from typing import Any, NamedTuple

from jsonschema import Draft202012Validator, ValidationError, validators
from referencing import Registry

from reconciler.definitions.document import Path

_MOST_COMPARED = 1000


class Fault(NamedTuple):
    """``rule`` is the schema's keyword, ``limit`` what it says, ``value`` what stands at ``path``."""

    rule: str
    limit: Any
    value: Any
    schema: Mapping[str, Any]
    path: Path
    inner: tuple["Fault", ...] = ()
    branch: int = 0


def find_faults(schema: Mapping[str, Any], value: Any) -> Iterator[Fault]:
    """Yield every fault of ``value``, those of a choice as those of the branch that was meant."""
    validator = _Validator(schema, registry=Registry())
    for error in validator.iter_errors(value):
        yield from _meant(_fault(error))


def _is_integer(_: object, value: object) -> bool:
    """5.0 is a number, not a whole one: it was not written as one."""
    return isinstance(value, int) and not isinstance(value, bool)


def _pattern(_: Any, pattern: str, value: Any, schema: Mapping[str, Any]) -> Iterator[ValidationError]:
    if isinstance(value, str) and not _compiled(pattern).search(value):
        yield ValidationError("", validator="pattern", validator_value=pattern, instance=value, schema=schema)


def _unique_items(_: Any, wanted: bool, value: Any, schema: Mapping[str, Any]) -> Iterator[ValidationError]:
    """Jsonschema compares each with each where items are mappings; a long list is too long, and that is told."""
    if wanted and isinstance(value, list) and len(value) <= _MOST_COMPARED:
        kinds = [(type(item), item) for item in value]
        if any(item in kinds[:index] for index, item in enumerate(kinds)):
            yield ValidationError("", validator="uniqueItems", validator_value=wanted, instance=value, schema=schema)


def _property_names(validator: Any, wanted: Any, value: Any, _: Mapping[str, Any]) -> Iterator[ValidationError]:
    """Jsonschema makes a validator for each name."""
    if isinstance(value, dict):
        of_names = validator.evolve(schema=wanted)
        for name in value:
            yield from of_names.iter_errors(name)


def _unless_too_many(keyword: str) -> Callable[..., Iterator[ValidationError]]:
    """Return the check of a keyword that looks at nothing where there is more than there may be: that alone is told."""
    check = _property_names if keyword == "propertyNames" else Draft202012Validator.VALIDATORS[keyword]

    def look(validator: Any, limit: Any, value: Any, schema: Mapping[str, Any]) -> Iterator[ValidationError]:
        most = schema.get("maxItems" if isinstance(value, list) else "maxProperties")
        if most is None or not isinstance(value, list | dict) or len(value) <= most:
            yield from check(validator, limit, value, schema) or ()

    return look


def _unevaluated(validator: Any, wanted: Any, value: Any, schema: Mapping[str, Any]) -> Iterator[ValidationError]:
    """Jsonschema looks at every field three times; here the names alone say it, unless more is composed."""
    if wanted is not False or _may_allow_others(schema):
        yield from Draft202012Validator.VALIDATORS["unevaluatedProperties"](validator, wanted, value, schema)
    elif isinstance(value, dict) and value.keys() - schema.get("properties", {}).keys():
        yield ValidationError(
            "", validator="unevaluatedProperties", validator_value=wanted, instance=value, schema=schema
        )


def _may_allow_others(schema: Mapping[str, Any]) -> bool:
    """Whether another word of ``schema`` than ``properties`` may allow a field."""
    if not _WORDS_THAT_ALLOW.isdisjoint(schema):
        return True
    known = schema.get("properties", {}).keys()
    branches = [branch for word in ("allOf", "anyOf", "oneOf") for branch in schema.get(word, ())]
    return any(
        not isinstance(branch, Mapping) or branch.get("properties", {}).keys() - known or _may_allow_others(branch)
        for branch in branches
    )


_WORDS_THAT_ALLOW = frozenset(
    {"$ref", "$dynamicRef", "if", "patternProperties", "additionalProperties", "dependentSchemas"}
)


@cache
def _compiled(pattern: str) -> "re.Pattern[str]":
    """``$`` is the end of the text, as JSON Schema has it; Python's also matches before a last line break."""
    return re.compile(pattern[:-1] + r"\Z" if pattern.endswith("$") else pattern)


_Validator: Any = validators.extend(  # type: ignore[no-untyped-call]
    Draft202012Validator,
    {
        "pattern": _pattern,
        "uniqueItems": _unique_items,
        "unevaluatedProperties": _unevaluated,
        **{
            keyword: _unless_too_many(keyword)
            for keyword in ("items", "propertyNames", "additionalProperties", "patternProperties")
        },
    },
    type_checker=Draft202012Validator.TYPE_CHECKER.redefine("integer", _is_integer),
)


def _fault(error: Any) -> Fault:
    keywords = list(error.relative_schema_path)
    branch = keywords[0] if keywords else 0
    return Fault(
        rule="propertyNames" if "propertyNames" in keywords[-2:-1] else error.validator,
        limit=error.validator_value,
        value=error.instance,
        schema=error.schema if isinstance(error.schema, Mapping) else {},
        path=tuple(error.absolute_path),
        inner=tuple(_fault(inner) for inner in error.context or ()),
        branch=branch if isinstance(branch, int) else 0,
    )


def is_choice_of_names(fault: Fault) -> bool:
    """True for ``oneOf`` over required names: exactly one of them is to be given."""
    return fault.rule == "oneOf" and all("required" in branch for branch in fault.limit)


def _meant(fault: Fault) -> Iterator[Fault]:
    if (
        fault.rule not in {"anyOf", "oneOf"}
        or not fault.inner
        or is_choice_of_names(fault)
        or "errorMessage" in fault.schema
    ):
        yield fault
        return
    words = next((branch["enum"] for branch in fault.limit if "enum" in branch), None)
    if words is not None:
        yield fault._replace(rule="enum", limit=words)
        return
    branches: dict[int, list[Fault]] = {}
    for inner in fault.inner:
        branches.setdefault(inner.branch, []).append(inner)
    fitting = [faults for faults in branches.values() if not any(_is_other_kind(f, fault) for f in faults)]
    if not fitting:
        yield fault._replace(rule="type", limit=list(dict.fromkeys(_types(fault.inner, fault))))
        return
    for inner in min(fitting, key=len):
        yield from _meant(inner)


def _is_other_kind(inner: Fault, outer: Fault) -> bool:
    return inner.rule == "type" and inner.path == outer.path


def _types(faults: Iterable[Fault], outer: Fault) -> Iterator[str]:
    for fault in faults:
        if _is_other_kind(fault, outer):
            yield from [fault.limit] if isinstance(fault.limit, str) else fault.limit
