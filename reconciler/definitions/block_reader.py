"""The plain part of YAML, line by line: block mappings and lists of simple values, as most definitions are written.

It is quicker than libyaml's events, of which each is a Python object.  It reads nothing that it is not sure of: for all
else it raises Unusual, and libyaml reads the file.  Tests hold the two against each other.
"""

import re
from typing import Any

from reconciler.definitions.document import MAX_DEPTH, MAX_VALUES, Unusual
from reconciler.definitions.scalars import Doubtful, read_scalar

_LINE = re.compile(r"( *)(- +)?(?:([A-Za-z_][A-Za-z0-9_-]{0,99}):(?: +|\Z))?(.*)\Z")
_DOUBLE_QUOTED = re.compile(r'"([^"\\]*)" *(?: #.*)?\Z')
_SINGLE_QUOTED = re.compile(r"'([^']*)' *(?: #.*)?\Z")
_PLAIN_STARTS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_/.+$(-")
_FLOW_TOKEN = re.compile(
    r" *(?:([\[\]{},])|\"([^\"\\]*)\"|'([^']*)'"
    r"|([A-Za-z0-9_/.+$-][A-Za-z0-9_/.+$()=-]*(?: +[A-Za-z0-9_/.+$()=-]+)*))(:(?= ))?"
)
_TEXTS = re.compile(r'\[ *"[^"\\]*"(?: *, *"[^"\\]*")* *\] *\Z')
_TEXT = re.compile(r'"([^"]*)"')
_FLOW_NEXT = re.compile(r" *(?:(,)|(?=[\]}]))")
_REST = re.compile(r" *(?: #.*)?\Z")
_MISSING: Any = object()
_MAX_DEPTH = MAX_DEPTH // 2
"""Of lines, and again of brackets in them."""
_NAME_STARTS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_")
_NOT_NAMES = frozenset({"null", "Null", "NULL", "true", "True", "TRUE", "false", "False", "FALSE"})
"""What begins like a name and is none."""

_meanings: dict[str, Any] = {}
"""What short unquoted texts mean; most repeat from file to file."""
_MEANINGS_KEPT = 5000
_LINES_KEPT = 5000
_LONGEST_KEPT = 100


def meaning_of(text: str) -> Any:
    """Return what an unquoted value means. Raises Unusual for null and for what is doubtful."""
    value = _meanings.get(text, _MISSING)
    if value is not _MISSING:
        return value
    value = read_scalar(text)
    if value is None or isinstance(value, Doubtful):
        raise Unusual
    if len(text) <= 32 and len(_meanings) < _MEANINGS_KEPT:
        _meanings[text] = value
    return value


def read_yaml_quickly(text: str) -> tuple[Any, int]:
    """Return the value of a file in which nothing is wrong, and its first line. Raises Unusual for any other."""
    if len(text) >= MAX_VALUES and _most_nodes(text) >= MAX_VALUES:
        raise Unusual  # of a file that may be too large nothing is read twice
    try:
        return read_block_yaml(text)
    except Unusual:
        # Late: most sets of definitions never need libyaml.
        from reconciler.definitions.yaml_reader import read_event_yaml  # noqa: PLC0415

        return read_event_yaml(text)


def read_block_yaml(text: str) -> tuple[dict[str, Any], int]:
    """Return the value of a file of plain lines, and its first line. Raises Unusual for any other."""
    if "\t" in text or "\r" in text:
        raise Unusual
    return _Lines(text.split("\n")).read()


def _most_nodes(text: str) -> int:
    """Return how many names and values there may be at most: each is behind one of these signs, or begins a line."""
    items = text.count("\n") + text.count(",") + text.count("- ")
    return items + 2 * (text.count(":") + text.count("[") + text.count("{")) + 2


_Line = tuple[int, int, str | None, int, Any, str]
"""A line by itself: its indent, the width of the dash before an item (0 without one), the name, what stands behind it,
the value where that is all in the line, and the text of the value."""
_VALUE, _NOTHING, _LITERAL, _BRACKETS, _BLANK = range(5)
_known_lines: dict[str, _Line] = {}
"""Most lines repeat from file to file."""


def _read_line(line: str) -> _Line:
    match = _LINE.match(line)
    assert match is not None
    spaces, dash, key, rest = match.groups()
    if not rest or rest[0] == "#":
        what, value = _BLANK if key is None and not dash else _NOTHING, None
        if what is _NOTHING and key is None:
            raise Unusual
    else:
        what, value = _read_rest(rest)
    if key in _NOT_NAMES:
        raise Unusual
    found: _Line = (len(spaces), len(dash or ""), key, what, value, rest)
    if len(line) <= _LONGEST_KEPT and len(_known_lines) < _LINES_KEPT:
        _known_lines[line] = found
    return found


def _read_rest(rest: str) -> tuple[int, Any]:
    """Return what stands behind a name or a dash, and its value where that is in it."""
    first = rest[:1]
    if first in _PLAIN_STARTS:
        return _VALUE, _plain(rest)
    if first in {'"', "'"}:
        match = (_DOUBLE_QUOTED if first == '"' else _SINGLE_QUOTED).match(rest)
        if match is None:
            raise Unusual
        return _VALUE, match[1]
    if first in {"[", "{"}:
        return _BRACKETS, None
    if rest in {"|", "|-"}:
        return _LITERAL, rest == "|-"
    raise Unusual


class _Lines:
    """The lines of a file; each open list or mapping has its indent and its container, the innermost last."""

    def __init__(self, lines: list[str]) -> None:
        self._lines = lines
        self._next = 0
        self._indents = [0]
        self._containers: list[Any] = [{}]

    def read(self) -> tuple[dict[str, Any], int]:
        lines, indents, containers = self._lines, self._indents, self._containers
        known = _known_lines.get
        container = root = containers[0]
        first_line = number = 0
        awaited: str | None = None
        last = len(lines)
        while number < last:
            line = lines[number]
            number += 1
            indent, dash, key, what, value, rest = known(line) or _read_line(line)
            if what == _BLANK:
                continue
            first_line = first_line or number
            if awaited is not None:
                self._open(awaited, indent, is_list=dash > 0)
                awaited = None
                container = containers[-1]
            elif indent != indents[-1] or (container.__class__ is list) is (dash == 0):
                self._close(indent, is_list=dash > 0)
                container = containers[-1]
            if what == _BRACKETS:
                value = _TEXT.findall(rest) if _TEXTS.match(rest) else _read_flow(rest)
            elif what == _LITERAL:
                self._next = number
                value = self._literal(indent + dash if key is not None else indent, chomp=value)
                number = self._next
            if dash:
                if key is None:
                    container.append(value)
                    continue
                indent += dash
                mapping: dict[str, Any] = {}
                container.append(mapping)
                indents.append(indent)
                containers.append(mapping)
                container = mapping
            if key is None or key in container or len(indents) > _MAX_DEPTH:
                raise Unusual
            if what == _NOTHING:
                awaited = key
            container[key] = value
        if awaited is not None or not first_line:
            raise Unusual
        return root, first_line

    def _open(self, key: str, indent: int, *, is_list: bool) -> None:
        """Begin the value of ``key``, which stands on lines of its own; a list may stand as deep as its name."""
        if indent < self._indents[-1] or (indent == self._indents[-1] and not is_list):
            raise Unusual
        value: Any = [] if is_list else {}
        self._containers[-1][key] = value
        self._indents.append(indent)
        self._containers.append(value)

    def _close(self, indent: int, *, is_list: bool) -> None:
        """End what is deeper than ``indent``; a list also where a name follows at its own indent."""
        indents, containers = self._indents, self._containers
        while indents[-1] > indent:
            indents.pop()
            containers.pop()
        if not is_list and containers[-1].__class__ is list:
            indents.pop()
            containers.pop()
        if indents[-1] != indent or (containers[-1].__class__ is list) is not is_list:
            raise Unusual

    def _literal(self, indent: int, *, chomp: bool) -> str:
        """Read the lines of a `|` text: all that are blank, or as deep as the first."""
        lines, start = self._lines, self._next
        while start < len(lines) and not lines[start]:
            start += 1
        first = lines[start] if start < len(lines) else ""
        depth = len(first) - len(first.lstrip(" "))
        if depth <= indent or depth == len(first):
            raise Unusual
        margin = " " * depth
        end = self._next
        while end < len(lines) and (not lines[end] or lines[end].startswith(margin)):
            end += 1
        # At the end of the file, and before a line of spaces, the breaks at the end are a matter of details.
        if end == len(lines) and (lines[-1] or not lines[-2].strip(" ")):
            raise Unusual
        if end < len(lines) and not lines[end].strip(" "):
            raise Unusual
        content = [line[depth:] for line in lines[self._next : end]]
        self._next = end
        while not content[-1]:
            content.pop()
        return "\n".join(content) + ("" if chomp else "\n")


def _plain(rest: str) -> Any:
    cut = rest.find(" #")
    text = (rest if cut < 0 else rest[:cut]).rstrip(" ")
    if ": " in text or text[-1] == ":" or (text[0] == "-" and text[1:2] in {"", " "}):
        raise Unusual
    return meaning_of(text)


def _read_flow(text: str) -> Any:  # noqa: PLR0912 - one loop for speed, a step per token
    """Read a list or mapping in brackets, on one line."""
    root: Any = [] if text[0] == "[" else {}
    container, stack = root, [root]
    key: str | None = None
    may_end = True
    at = 1
    match_token = _FLOW_TOKEN.match
    while True:
        match = match_token(text, at)
        if match is None:
            raise Unusual
        at = match.end()
        sign, double, single, plain, colon = match.groups()
        if colon:
            if plain is None or container.__class__ is list or key is not None or plain in container:
                raise Unusual
            if len(plain) > 100 or plain in _NOT_NAMES or plain[0] not in _NAME_STARTS:
                raise Unusual
            key = plain
            continue
        if sign in {"]", "}"}:
            if key is not None or not may_end or (container.__class__ is list) is not (sign == "]"):
                raise Unusual
            stack.pop()
            if not stack:
                break
            container = stack[-1]
        else:
            value = _flow_value(sign, double, single, plain)
            if container.__class__ is list:
                container.append(value)
            elif key is None:
                raise Unusual
            else:
                container[key] = value
                key = None
            if sign is not None:
                stack.append(value)
                container = value
                may_end = True
                if len(stack) > _MAX_DEPTH:
                    raise Unusual
                continue
        # A comma or a closing bracket follows each value; a bracket after a comma would be one too many.
        match = _FLOW_NEXT.match(text, at)
        if match is None:
            raise Unusual
        may_end = match[1] is None
        at = match.end()
    if not _REST.match(text, at):
        raise Unusual
    return root


def _flow_value(sign: str | None, double: str | None, single: str | None, plain: str | None) -> Any:
    if plain is not None:
        return _plain(plain)
    if sign == "[":
        return []
    if sign == "{":
        return {}
    if sign is not None:
        raise Unusual
    return double if double is not None else single
