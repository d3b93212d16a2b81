"""A definition in canonical form: order of fields, quotes, indents. Text in, text out; the meaning stays."""

import copy
import json
import re
from collections.abc import Sequence
from typing import Any

from reconciler.definitions.checked import read_document
from reconciler.definitions.document import Document, Path, Unreadable
from reconciler.definitions.fmt_order import ANY, Shape, shape_of
from reconciler.definitions.fmt_yaml import Unformattable, format_yaml
from reconciler.definitions.source import read_text
from reconciler.model.errors import InternalError
from reconciler.model.forms import Kind
from reconciler.model.problem import Problem
from reconciler.schedule.cron import NICKNAMES

_CRON: Path = ("schedule", "cronExpression")
# What our reader refuses as it is, but takes as an escape.
_HIDDEN = re.compile("[\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\uffff]")


class Refused(Exception):
    """The text cannot be read; ``problems``, which do not know their file, say why."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__(problems[0].message)
        self.problems = tuple(problems)


def format_definition(kind: Kind, data: bytes, *, is_json: bool) -> str:
    """Return the text of a definition file in canonical form. Raises Refused.

    Fields stand in the order of the schema, comments stay with the field they are about, cron nicknames become five
    fields. What does not keep the schema is formatted all the same.
    """
    try:
        document = read_document(read_text(data).replace("\r\n", "\n"), is_json=is_json)
    except Unreadable as error:
        raise Refused([error.problem]) from error
    if document.problems:
        raise Refused(document.problems)
    if not isinstance(document.value, dict):
        return document.text
    value = _without_nickname(kind, document.value)
    shape = shape_of(kind)
    text = _format_json(value, shape) if is_json else _format_yaml(document, value, shape)
    if _meaning(read_document(text, is_json=is_json)) != _meaning_of(value):
        raise InternalError("formatting would change what the file means; it was left as it is")
    return text


def _without_nickname(kind: Kind, value: dict[str, Any]) -> dict[str, Any]:
    schedule = value.get("schedule")
    if kind is not Kind.JOB or not isinstance(schedule, dict):
        return value
    expression = schedule.get("cronExpression")
    fields = NICKNAMES.get(expression.strip().lower()) if isinstance(expression, str) else None
    if fields is None:
        return value
    value = copy.deepcopy(value)
    value["schedule"]["cronExpression"] = fields
    return value


def _format_yaml(document: Document, value: dict[str, Any], shape: Shape) -> str:
    rewritten = {}
    if value is not document.value:
        rewritten[_CRON] = f'"{value["schedule"]["cronExpression"]}"'
    try:
        return format_yaml(document, shape, rewritten)
    except Unformattable:
        return document.text


def _format_json(value: dict[str, Any], shape: Shape) -> str:
    text = json.dumps(_sorted(value, shape), indent=2, ensure_ascii=False) + "\n"
    return _HIDDEN.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def _sorted(value: Any, shape: Shape) -> Any:
    if isinstance(value, dict):
        return {name: _sorted(value[name], shape.at(name)) for name in shape.sort(value)}
    if isinstance(value, list):
        return [_sorted(item, shape.item or ANY) for item in value]
    return value


def _meaning(document: Document) -> str:
    return "" if document.problems else _meaning_of(document.value)


def _meaning_of(value: Any) -> str:
    """Return what two texts have in common that mean the same; 1 and 1.0 and true are not the same."""
    return json.dumps(value, sort_keys=True)
