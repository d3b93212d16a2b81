"""Fields and scripts of a change, old to new, as a reviewer reads them."""

from collections.abc import Iterator, Sequence
from difflib import unified_diff
from functools import lru_cache
from itertools import chain
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from reconciler.model.change import Action, Change, FieldCause, FieldChange
from reconciler.model.forms import Form, Variable
from reconciler.model.job import Job
from reconciler.planning.judgement_contents import fields_of
from reconciler.planning.judgement_values import FieldFact, Shown, TextChange

MOST_FIELDS = 200
MOST_LINES = 5000
_NOT_SHOWN = "lines are not shown here @@"
_MOST_PAIRS = 4_000_000
"""Lines before times lines after: beyond that, comparing them may take seconds."""

_CONTEXT = 3
_UNTOLD = frozenset({"id", "targets", "previousId"})
_OF_VARIABLES = frozenset({"value", "protect"})
"""The id of a variable says the rest."""


def judge_fields(change: Change) -> tuple[tuple[FieldFact, ...], int, tuple[TextChange, ...]]:
    """Return the fields, how many more there are, and the texts of several lines among them as diffs."""
    told: list[FieldFact] = []
    texts: list[TextChange] = []
    more = 0
    for field in chain.from_iterable(_parts(_as_found(field)) for field in change.fields or _new_fields(change)):
        if len(told) + len(texts) >= MOST_FIELDS:
            more += 1
        elif _is_text(field):
            texts.append(_text_change(field))
        else:
            told.append(_field_fact(change, field))
    return tuple(told), more, tuple(texts)


def _new_fields(change: Change) -> Iterator[FieldChange]:
    """Yield what a new object says, field by field, where nothing was there to compare it with."""
    if change.after is None or change.before is not None or change.action is Action.HELD:
        return
    is_variable = isinstance(change.after, Variable)
    for path, value in _leaves(msgspec.to_builtins(change.after), ""):
        if path in _OF_VARIABLES if is_variable else path.partition("[")[0] not in _UNTOLD:
            yield FieldChange(path, None, value)


def _leaves(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict) and value and value.keys() != {"secret"}:
        for key, item in value.items():
            yield from _leaves(item, f"{path}.{key}" if path else key)
    elif isinstance(value, list | tuple) and value and all(isinstance(item, dict) for item in value):
        for index, item in enumerate(value):
            yield from _leaves(item, f"{path}[{index}]")
    else:
        yield path, value


def _as_found(field: FieldChange) -> FieldChange:
    """Return the field from what the target has to what it will have, where it is not as it was applied."""
    if field.cause is FieldCause.THEIRS:
        return FieldChange(field.json_path, field.live, field.after, None, field.cause)
    if field.cause in {FieldCause.UNMANAGED, FieldCause.VENDOR_DEFAULT}:
        return FieldChange(field.json_path, field.live, field.live, None, field.cause)
    return field


def _parts(field: FieldChange) -> Iterator[FieldChange]:
    """Yield the field, and the texts of several lines that it holds by themselves: a task that came has a script."""
    texts: dict[str, list[str | None]] = {}
    sides = [_without_texts(value, "", texts, side) for side, value in enumerate((field.before, field.after))]
    yield FieldChange(field.json_path, sides[0], sides[1], field.live, field.cause) if texts else field
    for path, (before, after) in texts.items():
        yield FieldChange(f"{field.json_path}{path}", before, after, None, field.cause)


def _without_texts(value: Any, path: str, texts: dict[str, list[str | None]], side: int) -> Any:
    if isinstance(value, dict):
        rest = {}
        for key, item in value.items():
            if isinstance(item, str) and (key == "script" or "\n" in item):
                texts.setdefault(f"{path}.{key}", [None, None])[side] = item
            else:
                rest[key] = _without_texts(item, f"{path}.{key}", texts, side)
        return rest
    if isinstance(value, list | tuple):
        return [_without_texts(item, f"{path}[{index}]", texts, side) for index, item in enumerate(value)]
    return value


def _is_text(field: FieldChange) -> bool:
    values = [value for value in (field.before, field.after) if value is not None]
    if not values or not all(isinstance(value, str) for value in values):
        return False
    return field.json_path.rpartition(".")[2] == "script" or any("\n" in value for value in values)


def _field_fact(change: Change, field: FieldChange) -> FieldFact:
    default = _default_of(change, field.json_path)
    is_adopted = change.action is Action.ADOPT and field.cause is FieldCause.THEIRS
    return FieldFact(
        json_path=field.json_path,
        before=Shown("") if change.before is None and change.live is None else _shown(field, field.before, default),
        after=_shown(field, field.after, default),
        live=_shown(field, field.live, default) if field.live is not None else None,
        cause=FieldCause.OURS if is_adopted else field.cause,
    )


def _shown(field: FieldChange, value: Any, default: Any) -> Shown:
    if value is None:
        return Shown(_text_of(default), "default") if default not in (None, "", (), {}) else Shown("")
    return Shown(_text_of(value), _length_words(field.json_path, value))


def _text_of(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, dict) and value.keys() == {"secret"}:
        return f"secret {value['secret']}"
    return msgspec.json.encode(value, order="sorted").decode()


def _length_words(json_path: str, value: Any) -> str:
    """Return ``10 min`` for 600 of a field that counts seconds, and nothing where the number says it as well."""
    if isinstance(value, bool) or not isinstance(value, int):
        return ""
    if json_path.endswith("Seconds"):
        return length_words(value) if value >= 120 else ""
    if json_path.endswith("Minutes"):
        return length_words(value * 60) if value >= 120 else ""
    return ""


def length_words(seconds: int) -> str:
    """Return the length in the largest units that are exact enough: ``90 min``, ``1 day``, ``1 h 5 min``."""
    for size, unit in ((86_400, "day"), (3600, "h"), (60, "min")):
        count, left = divmod(seconds, size)
        if count:
            plural = "s" if unit == "day" and count > 1 else ""
            rest = f" {length_words(left)}" if left and unit != "min" else f" {left} s" if left else ""
            return f"{count} {unit}{plural}{rest}"
    return f"{seconds} s"


def _default_of(change: Change, json_path: str) -> Any:
    """Return what an absent field means, where the form says it; None where it does not."""
    for form in (change.after, change.before, change.live):
        default = default_in(form, json_path) if form is not None else None
        if default is not None:
            return default
    return None


def default_in(form: Form, json_path: str) -> Any:
    """Return what the field at ``json_path`` means where ``form`` leaves it out; None where nothing."""
    holder, name = _holder_of(form, json_path)
    if isinstance(holder, Struct):
        for field in fields_of(type(holder)):
            if field.encode_name == name and field.default is not msgspec.NODEFAULT:
                return msgspec.to_builtins(field.default)
    return None


def _holder_of(form: Form, json_path: str) -> tuple[object, str]:
    """Return the part of ``form`` that has the last name of ``json_path`` as its field."""
    part: Any = form
    *way, last = json_path.split(".")
    for step in way:
        name, _, index = step.partition("[")
        part = _attribute(part, name)
        if index:
            number = int(index.removesuffix("]")) if index.removesuffix("]").isdigit() else -1
            part = part[number] if isinstance(part, tuple) and 0 <= number < len(part) else None
    return part, last


def _attribute(part: Any, name: str) -> Any:
    if isinstance(part, Struct):
        for field in fields_of(type(part)):
            if field.encode_name == name:
                return getattr(part, field.name)
    return None


def _text_change(field: FieldChange) -> TextChange:
    before, after = ("" if value is None else str(value) for value in (field.before, field.after))
    return replace(_compare(before, after), json_path=field.json_path)


@lru_cache(maxsize=64)
def _compare(before: str, after: str) -> TextChange:
    """Return the difference, without a path; a component's script is compared once for all jobs that are made by it."""
    old, new = _lines(before), _lines(after)
    if old == new:
        return TextChange(json_path="", note="only its line ends change")
    head = _common_head(old, new)
    tail = _common_head(old[head:][::-1], new[head:][::-1])
    if (len(old) - head - tail) * (len(new) - head - tail) > _MOST_PAIRS:
        diff = [f"+{line}" for line in new]
        note = f"too long to compare: {len(old):,} lines before, {len(new):,} after; all of the new ones follow"
        lines, left_out = cut_lines(diff, MOST_LINES)
        return TextChange(json_path="", lines=lines, left_out=left_out, added=len(new), removed=len(old), note=note)
    diff = list(unified_diff(old, new, lineterm="", n=_CONTEXT))[2:]
    lines, left_out = cut_lines(diff, MOST_LINES)
    return TextChange(
        json_path="",
        lines=lines,
        left_out=left_out,
        added=sum(line.startswith("+") for line in diff),
        removed=sum(line.startswith("-") for line in diff),
        note="" if before.endswith("\n") == after.endswith("\n") or not (old and new) else "the last line end changes",
    )


def cut_lines(lines: Sequence[str], most: int, *, left_out: int = 0) -> tuple[tuple[str, ...], int]:
    """Return at most so many lines of a diff, and how many are left out: from the middle, where a line says so.

    ``left_out`` are those that were left out before.
    """
    left_out += max(0, len(lines) - most)
    if not left_out:
        return tuple(lines), 0
    tail = most // 3
    said = f"@@ {left_out:,} {_NOT_SHOWN}"
    return (*lines[: most - tail], said, *lines[max(most - tail, len(lines) - tail) :]), left_out


def excerpt_of(text: TextChange, most: int) -> TextChange:
    """Return the change with at most ``most`` lines of its diff."""
    if len(text.lines) <= most:
        return text
    lines, left_out = cut_lines([line for line in text.lines if not _is_said(line)], most, left_out=text.left_out)
    return replace(text, lines=lines, left_out=left_out)


def _is_said(line: str) -> bool:
    return line.startswith("@@") and line.endswith(_NOT_SHOWN)


def _lines(text: str) -> list[str]:
    # Scripts for Windows have its line ends; shown one by one they would hide what is written.
    if text.count("\r\n") == text.count("\n"):
        text = text.replace("\r\n", "\n")
    lines = text.split("\n")
    return lines[:-1] if lines[-1] == "" else lines


def _common_head(old: list[str], new: list[str]) -> int:
    count = 0
    for one, other in zip(old, new, strict=False):
        if one != other:
            break
        count += 1
    return count


def runs_something_else(before: Job, after: Job) -> bool:
    """Return whether what the two run, or with what, differs."""
    fields = ("tasks", "component", "variables", "parameters", "run_as")
    return any(getattr(before, name) != getattr(after, name) for name in fields)
