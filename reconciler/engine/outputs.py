"""What a task hands on: the file that ``$RECONCILER_OUTPUT`` names, and the tokens that ask for it."""

import json
import re
from collections.abc import Mapping
from typing import Any, NoReturn

from reconciler.model.tokens import fill_tokens

MAX_OUTPUT_FILE_BYTES = 64 << 10
_MAX_NAMES = 200
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,99}\Z")
_LATE = re.compile("\0(script|\\{tasks\\.[^\0{}]*\\})\0")


class UnknownToken(Exception):
    """A token asks for an output that no earlier task has written."""


def parse_outputs(data: bytes) -> tuple[dict[str, Any], list[str]]:
    """Read name=value lines or one JSON object; return the outputs and warnings about what was left out."""
    if len(data) > MAX_OUTPUT_FILE_BYTES:
        return {}, [f"outputs were not read: the file is over {MAX_OUTPUT_FILE_BYTES} bytes"]
    text = data.decode("utf-8", "replace").removeprefix("\ufeff")
    if text.lstrip().startswith("{"):
        return _parse_json(text)
    outputs: dict[str, Any] = {}
    warnings: list[str] = []
    for number, line in enumerate(text.splitlines(), start=1):
        name, equals, value = line.partition("=")
        if not line.strip():
            continue
        if not equals or not _NAME.match(name.strip()):
            warnings.append(f"outputs line {number} was left out: it is not name=value")
        elif len(outputs) >= _MAX_NAMES and name.strip() not in outputs:
            return outputs, [*warnings, f"outputs after the first {_MAX_NAMES} were left out"]
        else:
            outputs[name.strip()] = value
    return outputs, warnings[:10]


def _parse_json(text: str) -> tuple[dict[str, Any], list[str]]:
    try:
        outputs = json.loads(text, parse_constant=_refuse_constant)
        json.dumps(outputs).encode()
    except (ValueError, RecursionError) as error:
        return {}, [f"outputs were not read: not valid JSON: {error}"]
    if len(outputs) > _MAX_NAMES:
        return {}, [f"outputs were not read: over {_MAX_NAMES} names"]
    return outputs, []


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")


def fill_late(text: str, outputs: Mapping[str, Mapping[str, Any]], script_path: str) -> str:
    """Fill what the order left open in ``text``; ``outputs`` maps task id to outputs. Raises UnknownToken."""
    if "\0" not in text:
        return text

    def value_of(name: str) -> str:
        task, _, output = name.removeprefix("tasks.").rpartition(".outputs.")
        if output not in outputs.get(task, {}):
            raise UnknownToken(f"{{{name}}}: task {task!r} has written no output {output!r}")
        value = outputs[task][output]
        return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)

    return _LATE.sub(lambda match: script_path if match[1] == "script" else fill_tokens(match[1], value_of), text)
