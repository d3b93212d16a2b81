"""Fields of a schema: how one is written, and where one belongs that stands somewhere else."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from reconciler.definitions.document import Path

_LONGEST_EXAMPLE = 80
_OTHER_WORDS = {
    "args": "arguments",
    "at": "runAt",
    "cmd": "command",
    "cron": "cronExpression",
    "cwd": "workingDirectory",
    "days": "daysOfWeek",
    "dir": "workingDirectory",
    "environment": "env",
    "every": "intervalMinutes",
    "hosts": "hostnames",
    "if": "condition",
    "inputs": "parameters",
    "interval": "intervalMinutes",
    "intervalSeconds": "intervalMinutes",
    "shell": "scriptType",
    "steps": "tasks",
    "tz": "timezone",
    "when": "condition",
    "workdir": "workingDirectory",
}
"""What other systems call a field."""

Schema = Mapping[str, Any]


def other_word(name: str) -> str:
    """Return our name of a field that goes by ``name`` elsewhere, or an empty text."""
    return _OTHER_WORDS.get(name, "")


def home_of(schema: Schema, name: str, known: Schema) -> str:
    """Return the one of the fields ``known`` below which the field ``name`` belongs, or an empty text."""
    homes = [field for field, inner in known.items() if name in _fields(schema, inner)]
    homes = homes or [field for field, inner in known.items() if name in _fields(schema, inner, of_items=True)]
    return homes[0] if len(homes) == 1 else ""


def example_of(schema: Schema, path: Path) -> str:
    """Return a short example of the field at ``path`` as it is written in a file, or an empty text."""
    found: list[Any] = []
    here = [schema]
    for step in path:
        here = [inner for outer in here for inner in _below(schema, outer, step)]
        found = [field["examples"][0] for field in here if field.get("examples")]
    text = json.dumps(found[0], ensure_ascii=False) if found else ""
    return text if len(text) <= _LONGEST_EXAMPLE else ""


def _below(schema: Schema, outer: Schema, step: str | int) -> Iterator[Schema]:
    for part in _parts(schema, outer):
        if isinstance(step, int):
            yield from [part["items"]] if isinstance(part.get("items"), Mapping) else []
        elif step in part.get("properties", {}):
            yield part["properties"][step]


def _fields(schema: Schema, outer: Schema, *, of_items: bool = False) -> set[str]:
    """Return the names of the fields of a mapping, or of the mappings that a list holds."""
    mappings = _below(schema, outer, 0) if of_items else [outer]
    return {name for mapping in mappings for part in _parts(schema, mapping) for name in part.get("properties", {})}


def _parts(schema: Schema, outer: Schema) -> Iterator[Schema]:
    """Yield a schema and all that it is made of at the same place."""
    yield outer
    if "$ref" in outer:
        yield from _parts(schema, schema.get("$defs", {}).get(outer["$ref"].rpartition("/")[2], {}))
    for word in ("anyOf", "oneOf", "allOf"):
        for part in outer.get(word, ()):
            yield from _parts(schema, part)
