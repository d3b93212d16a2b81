"""The JSON Schemas that ship with the program, and the quick verdict by them."""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, NoReturn

from reconciler.model.errors import UsageError

SCHEMA_NAMES = ("job", "component", "target", "run", "report", "plan")
SECRET_SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "properties": {
        "secret": {
            "type": "string",
            "minLength": 1,
            "maxLength": 128,
            "pattern": "^[A-Za-z_][A-Za-z0-9_.-]*$",
            "patternErrorMessage": "may use A-Z a-z 0-9 _ . - and must start with a letter",
        }
    },
    "required": ["secret"],
    "unevaluatedProperties": False,
}
"""``{secret: NAME}``, for the settings schemas of providers."""


def schema_of(kind_or_name: str) -> dict[str, Any]:
    """Return the schema of a kind of definition, of a report or of a plan. Raises UsageError for another name."""
    if kind_or_name not in SCHEMA_NAMES:
        raise UsageError(f"no schema `{kind_or_name}`", hint=f"There are: {', '.join(SCHEMA_NAMES)}.")
    schema: dict[str, Any] = json.loads(_schema_text(kind_or_name))
    return schema


@cache
def _schema_text(name: str) -> str:
    return (_folder() / f"{name}.schema.json").read_text(encoding="utf-8")


def _folder() -> Path:
    """In a wheel the schemas lie inside the package, in a checkout beside it."""
    package = Path(__file__).resolve().parent.parent
    inside = package / "schemas"
    return inside if inside.is_dir() else package.parent / "schemas"


class Verdict:
    """Whether a value keeps a schema, quickly and without a word."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        # Late: where all verdicts are kept from the last run, none is asked for.
        import jsonschema_rs  # noqa: PLC0415

        self.schema = schema
        self._validator = jsonschema_rs.Draft202012Validator(_without_words(schema), retriever=_refuse_fetch)

    def accepts(self, value: Any) -> bool:
        return self._validator.is_valid(value)


def _without_words(schema: Any) -> Any:
    """Return ``schema`` with the quicker of two keywords that mean the same where nothing is composed."""
    if isinstance(schema, Mapping):
        composed = bool({"allOf", "$ref", "if"} & schema.keys())
        words = {"description", "examples", "title", "default"} if "type" in schema or "anyOf" in schema else set()
        return {
            "additionalProperties" if key == "unevaluatedProperties" and not composed else key: _without_words(value)
            for key, value in schema.items()
            if key not in words or isinstance(value, Mapping)
        }
    if isinstance(schema, list):
        return [_without_words(item) for item in schema]
    return schema


def _refuse_fetch(uri: str) -> NoReturn:
    raise ValueError(f"{uri} is outside the schema, and nothing is fetched")


@cache
def verdict_of(name: str) -> Verdict:
    return Verdict(schema_of(name))
