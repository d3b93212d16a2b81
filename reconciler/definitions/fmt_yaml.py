"""YAML in canonical form: whole lines are moved, so that a comment stays with what it is about.

A library that dumps values anew ties each comment to the field before it, and fields that change places leave their
comments behind; here the places of all values are known, and what is between them goes along as it is.
"""

import re

from reconciler.definitions.document import Document, Path
from reconciler.definitions.fmt_order import Shape
from reconciler.definitions.fmt_scalars import quote_scalar

_STEP = 2
_BLOCK_HEADER = re.compile(r"([|>])([0-9]?)([-+]?)([0-9]?)")
_BEFORE_CONTENT = frozenset(" -")


class Unformattable(Exception):
    """The layout is one that is not taken apart: the file stays as it is."""


def format_yaml(document: Document, shape: Shape, rewritten: dict[Path, str]) -> str:
    """Return the text of ``document`` in canonical form; ``rewritten`` holds new texts of some values.

    Raises Unformattable.
    """
    return "\n".join(_Layout(document, rewritten).root(shape)) + "\n"


class _Layout:
    def __init__(self, document: Document, rewritten: dict[Path, str]) -> None:
        self._document = document
        self._rewritten = rewritten
        self._lines = document.text.split("\n")
        if not self._lines[-1]:
            self._lines.pop()

    def root(self, shape: Shape) -> list[str]:
        value = self._document.value
        last = len(self._lines)
        if not isinstance(value, dict) or self._is_flow(()):
            raise Unformattable
        first = self._document.span(()).line - 1
        # What stands before the first field is about the file, and stays there.
        head = [line.rstrip(" \t") for line in self._lines[:first]]
        lead, body = self._mapping((), value, shape, 0, (first, last))
        if not head or not head[-1]:
            lead = _without_gap(lead)
        return _without_gap([*head, *lead, *body])

    def _is_flow(self, path: Path) -> bool:
        span = self._document.spans[path]
        return self._lines[span.line - 1][span.column - 1 : span.column] in {"{", "["}

    def _last_line(self, path: Path) -> int:
        """Return the line after the last one that the value at ``path`` has something on."""
        span = self._document.spans[path]
        end = span.end_line if span.end_column > 1 else span.end_line - 1
        header = self._block_header(self._last_leaf(path))
        if header is None or "+" not in header[0]:
            while end > span.line and not self._lines[end - 1].strip():
                end -= 1
        return end

    def _last_leaf(self, path: Path) -> Path:
        """Return the last of the values that ``path`` is made of: lines kept at its end are theirs too."""
        value = self._value(path)
        while isinstance(value, dict | list) and value:
            path = (*path, next(reversed(value)) if isinstance(value, dict) else len(value) - 1)
            value = self._value(path)
        return path

    def _block_header(self, path: Path) -> "re.Match[str] | None":
        """Return the header of a block of text (``|-``), or None for another value."""
        value, span = self._value(path), self._document.spans[path]
        if not isinstance(value, str) or span.line == span.end_line:
            return None
        return _BLOCK_HEADER.match(self._lines[span.line - 1], span.column - 1)

    def _value(self, path: Path) -> object:
        value = self._document.value
        for step in path:
            value = value[step]
        return value

    def _mapping(
        self, path: Path, value: dict[str, object], shape: Shape, indent: int, lines: tuple[int, int]
    ) -> tuple[list[str], list[str]]:
        """Return what stands above the first field as it is written now, and the mapping's own lines.

        ``lines`` are those it has, from its first to after the last comment that belongs to it.
        """
        spans = self._document.key_spans
        column = self._document.span(path).column - 1
        starts = {name: spans[*path, name].line - 1 for name in value}
        if any(spans[*path, name].column - 1 != column for name in value) or len(set(starts.values())) != len(value):
            raise Unformattable
        leads: dict[str, list[str]] = {}
        bodies: dict[str, list[str]] = {}
        names = list(value)
        above = self._comments(lines[0], starts[names[0]], indent)
        for name, following in zip(names, [*names[1:], None], strict=True):
            leads[name] = above
            end = starts[following] if following is not None else lines[1]
            own_end = self._own_end((*path, name), column, end)
            bodies[name] = self._field((*path, name), shape.at(name), indent, column, (starts[name], own_end))
            above = self._comments(own_end, end, indent)
        ordered = shape.sort(names)
        body = list(bodies[ordered[0]])
        for name in ordered[1:]:
            body += leads[name] + bodies[name]
        while above and not above[-1]:
            above.pop()
        return leads[ordered[0]], [*body, *above]

    def _own_end(self, path: Path, column: int, end: int) -> int:
        """Return where a field ends, with the comments below it that are indented deeper than its name."""
        own_end = at = self._last_line(path)
        while at < end:
            line = self._lines[at]
            at += 1
            if line.strip():
                if len(line) - len(line.lstrip(" ")) <= column:
                    break
                own_end = at
        return own_end

    def _comments(self, first: int, last: int, indent: int) -> list[str]:
        """Return lines between values: comments and empty ones, and at the end of a file perhaps ``...``."""
        lines: list[str] = []
        for line in self._lines[first:last]:
            text = line.strip(" \t")
            if not text and lines and not lines[-1]:
                continue
            if text and not text.startswith("#"):
                if not line.startswith("..."):
                    raise Unformattable
                indent = 0
            lines.append(" " * indent + text if text else "")
        return lines

    def _field(self, path: Path, shape: Shape, indent: int, column: int, lines: tuple[int, int]) -> list[str]:
        line = self._lines[lines[0]]
        key = self._document.key_spans[path]
        after = line[key.end_column - 1 :].lstrip(" ")
        if not after.startswith(":"):
            raise Unformattable
        begin = f"{' ' * indent}{self._name(path)}:"
        span = self._document.spans[path]
        value = self._value(path)
        if isinstance(value, dict | list) and value and not self._is_flow(path):
            # After the colon nothing but a comment: the value begins below.
            rest = after[1:].strip(" \t")
            lead, body = self._block(path, shape, indent + _STEP, (lines[0] + 1, lines[1]))
            return [f"{begin} {rest}".rstrip(), *_without_gap(lead), *body]
        if span.line - 1 != lines[0]:
            rest = after[1:].strip(" \t")
            return [f"{begin} {rest}".rstrip(), *self._shifted(lines[0] + 1, lines[1], indent - column)]
        return self._leaf(path, shape, f"{begin} ", indent - column, lines)

    def _block(self, path: Path, shape: Shape, indent: int, lines: tuple[int, int]) -> tuple[list[str], list[str]]:
        value = self._value(path)
        if isinstance(value, dict):
            return self._mapping(path, value, shape, indent, lines)
        assert isinstance(value, list)
        return [], self._sequence(path, value, shape, indent, lines)

    def _sequence(
        self, path: Path, value: list[object], shape: Shape, indent: int, lines: tuple[int, int]
    ) -> list[str]:
        column = self._document.span(path).column - 1
        dashes = []
        after = lines[0]
        for index in range(len(value)):
            dashes.append(self._dash_line((*path, index), column, after))
            after = self._last_line((*path, index))
        body = self._comments(lines[0], dashes[0], indent)
        for index, start in enumerate(dashes):
            end = dashes[index + 1] if index + 1 < len(dashes) else lines[1]
            own_end = self._own_end((*path, index), column, end)
            body += self._item((*path, index), shape.at(index), indent, column, (start, own_end))
            body += self._comments(own_end, end, indent)
        return body

    def _dash_line(self, path: Path, column: int, after: int) -> int:
        """Return the line of an item's dash: that of its content, or one above."""
        for number in range(self._document.spans[path].line - 1, after - 1, -1):
            line = self._lines[number]
            if line[column : column + 1] == "-" and line[column + 1 : column + 2] in {"", " "}:
                if not set(line[:column]) <= _BEFORE_CONTENT:
                    raise Unformattable
                return number
        raise Unformattable

    def _item(self, path: Path, shape: Shape, indent: int, column: int, lines: tuple[int, int]) -> list[str]:
        span = self._document.spans[path]
        value = self._value(path)
        begin = f"{' ' * indent}- "
        content = lines[0]
        above: list[str] = []
        if span.line - 1 != lines[0]:
            if not isinstance(value, dict | list) or not value or self._is_flow(path):
                raise Unformattable
            comment = self._lines[lines[0]][column + 1 :].strip(" ")
            above = [" " * indent + comment] if comment else []
            content = lines[0] + 1
        if isinstance(value, dict | list) and value and not self._is_flow(path):
            lead, body = self._block(path, shape, indent + _STEP, (content, lines[1]))
            while not body[0] or body[0].lstrip(" ").startswith("#"):
                lead.append(body.pop(0))
            # A comment cannot stand between a dash and its first field: it goes above the dash.
            above += [" " * indent + line.lstrip(" ") for line in lead if line]
            return [*above, begin + body[0][indent + _STEP :], *body[1:]]
        return self._leaf(path, shape, begin, indent - column, lines)

    def _leaf(self, path: Path, shape: Shape, begin: str, shift: int, lines: tuple[int, int]) -> list[str]:
        """Return a value that begins on the line of its name or dash, whatever else it has."""
        span = self._document.spans[path]
        line = self._lines[lines[0]]
        if span.line == span.end_line:
            text = self._inline(path, shape)
            rest = line[span.end_column - 1 :].rstrip(" \t")
            indent = len(begin) - len(begin.lstrip(" ")) + _STEP
            return [begin + text + rest, *self._comments(lines[0] + 1, lines[1], indent)]
        text = line[span.column - 1 :].rstrip(" \t")
        header = self._block_header(path)
        value = self._value(path)
        if header is not None and isinstance(value, str) and value and not value.endswith("\n"):
            # At the end of a file without a line break `|` ends without one; with the break it would not.
            text = text.replace(header[0], f"{header[1]}{header[2]}-{header[4]}", 1)
        return [begin + text, *self._shifted(lines[0] + 1, lines[1], shift)]

    def _shifted(self, first: int, last: int, shift: int) -> list[str]:
        shifted = []
        for line in self._lines[first:last]:
            if shift >= 0 or not line:
                shifted.append(" " * shift + line if line else "")
            else:
                shifted.append(line[min(-shift, len(line) - len(line.lstrip(" "))) :])
        return shifted

    def _inline(self, path: Path, shape: Shape) -> str:
        """Return a value that stands on one line, also a list or mapping in brackets."""
        value = self._value(path)
        if isinstance(value, dict):
            names = shape.sort(value)
            fields = (f"{self._name((*path, name))}: {self._inline((*path, name), shape.at(name))}" for name in names)
            return f"{{{', '.join(fields)}}}"
        if isinstance(value, list):
            return f"[{', '.join(self._inline((*path, index), shape.at(index)) for index in range(len(value)))}]"
        if path in self._rewritten:
            return self._rewritten[path]
        source = self._document.source(path)
        return quote_scalar(source, value) if isinstance(value, str) else source

    def _name(self, path: Path) -> str:
        span = self._document.key_spans[path]
        return quote_scalar(self._lines[span.line - 1][span.column - 1 : span.end_column - 1], str(path[-1]))


def _without_gap(lines: list[str]) -> list[str]:
    """Return ``lines`` without empty ones at the begin."""
    first = next((number for number, line in enumerate(lines) if line), len(lines))
    return lines[first:]
