"""A file's content as plain values, and the place of each of them in the text."""

import re
from collections.abc import Iterable
from typing import Any, NamedTuple

from reconciler.model.problem import Problem, Severity
from reconciler.model.text import escape_text

MAX_BYTES = 256 * 1024
MAX_DEPTH = 32
MAX_VALUES = 20_000
MAX_PROBLEMS = 200
"""So many are told of one file; who mends these sees the rest."""

Path = tuple[str | int, ...]
_PLAIN_KEY = re.compile(r"[A-Za-z_$][A-Za-z0-9_$-]*\Z")
_STEP = re.compile(r"\[(\d+)\]|\['((?:[^'\\]|\\.)*)'\]|\.?([^.\[\]]+)")


class Span(NamedTuple):
    """A stretch of text: lines and columns count from 1, the end is the place just after it."""

    line: int
    column: int
    end_line: int
    end_column: int


NOWHERE = Span(0, 0, 0, 0)


class Unusual(Exception):
    """The quick reading met something it does not judge: the reading with positions decides."""


class Unreadable(Exception):
    """Reading cannot go on after this problem."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.problem = problem


def make_problem(
    code: str,
    message: str,
    *,
    span: Span = NOWHERE,
    path: Path = (),
    hint: str = "",
    severity: Severity = Severity.ERROR,
) -> Problem:
    """Return a problem that does not know its file yet; text from the file must already be escaped."""
    return Problem(
        code=code,
        severity=severity,
        path="",
        line=span.line,
        column=span.column,
        end_line=span.end_line,
        end_column=span.end_column,
        json_path=path_text(path),
        message=message,
        hint=hint,
    )


def too_many_values(span: Span) -> Unreadable:
    """Return the end of a reading whose next value, at ``span``, is one too many."""
    message = f"more than {MAX_VALUES:,} values in one file"
    return Unreadable(make_problem("FILE004", message, span=span, hint="Split it into several files."))


def path_text(path: Iterable[str | int]) -> str:
    """Return ``tasks[0].timeoutSeconds``; a key with other characters stands in ``['...']``, escaped."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        elif _PLAIN_KEY.match(step):
            text += f".{step}" if text else step
        else:
            key = escape_text(step.replace("\\", "\\\\").replace("'", "\\'"), limit=80)
            text += f"['{key}']"
    return text


def path_steps(text: str) -> Path:
    """Read a JSON path as ``path_text`` and findings write it."""
    steps: list[str | int] = []
    for number, quoted, name in _STEP.findall(text):
        if number:
            steps.append(int(number))
        else:
            steps.append(name or _ESCAPE.sub(_unescape, quoted))
    return tuple(steps)


_ESCAPE = re.compile(r"\\(x[0-9a-f]{2}|u[0-9a-f]{4}|U[0-9a-f]{8}|.)")
_LINE_ENDS = {"n": "\n", "r": "\r", "t": "\t"}


def _unescape(escape: re.Match[str]) -> str:
    word = escape[1]
    return chr(int(word[1:], 16)) if len(word) > 1 else _LINE_ENDS.get(word, word)


class Document:
    """The value of a file, with places.

    ``problems`` are those of the reading itself.  ``damaged`` holds the paths whose value is not what was written: no
    other problem at or below them is worth telling.  ``first_line`` is where the value begins.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self._lines: list[str] | None = None
        self.value: Any = None
        self.problems: list[Problem] = []
        self.damaged: set[Path] = set()
        self.spans: dict[Path, Span] = {}
        self.key_spans: dict[Path, Span] = {}

    @property
    def first_line(self) -> int:
        return self.spans.get((), NOWHERE).line or 1

    def span(self, path: Path) -> Span:
        """Return the place of the value at ``path``, or of the nearest value around it that there is."""
        while path not in self.spans and path:
            path = path[:-1]
        return self.spans.get(path, NOWHERE)

    def key_span(self, path: Path) -> Span:
        """Return the place of the name at ``path``, or of the value where it has none."""
        return self.key_spans.get(path) or self.span(path)

    def place(self, path: Path) -> Span:
        """Return where a problem with the value at ``path`` is shown: the value if it is one line, else its name."""
        span = self.span(path)
        if span.line == span.end_line and span.column != span.end_column:
            return span
        if path in self.key_spans:
            return self.key_spans[path]
        return Span(span.line, span.column, span.line, span.column + 1)

    def source(self, path: Path) -> str:
        """Return the text of the value at ``path`` as it stands in the file; empty where it spans lines."""
        span = self.span(path)
        if not span.line or span.line != span.end_line:
            return ""
        if self._lines is None:
            self._lines = self.text.split("\n")
        return self._lines[span.line - 1][span.column - 1 : span.end_column - 1]

    def is_quoted(self, path: Path) -> bool:
        return self.source(path)[:1] in {'"', "'"}

    def is_damaged(self, path: Path) -> bool:
        return bool(self.damaged) and any(path[:length] in self.damaged for length in range(len(path) + 1))

    def resolve(self, path: Path) -> Path:
        """Return ``path`` with its names as the file spells them (``executionType`` for ``ExecutionType``)."""
        value, found = self.value, list[str | int]()
        for step in path:
            spelled = _spelled(value, step) if isinstance(value, dict) and isinstance(step, str) else step
            try:
                value = value[spelled]
            except (KeyError, IndexError, TypeError):
                return (*found, *path[len(found) :])
            found.append(spelled)
        return tuple(found)


def _spelled(mapping: dict[str, Any], name: str) -> str:
    if name in mapping:
        return name
    if name == "default" and "defaultValue" in mapping:
        return "defaultValue"
    return next((key for key in mapping if key.casefold() == name.casefold()), name)


def _lines(first: int, second: int) -> str:
    return f"(lines {first} and {second})" if first != second else f"on line {first}"


class Builder:
    """Builds a document from what a parser meets, in order; refuses what goes past the limits."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self._stack: list[tuple[Any, Path]] = []
        self._key: str | None = None
        self._key_span = NOWHERE
        self._skip_key = False
        self._values = 0

    @property
    def at_key(self) -> bool:
        """True where the next scalar is the name of a field."""
        return bool(self._stack) and isinstance(self._stack[-1][0], dict) and self._key is None

    @property
    def path(self) -> Path:
        """The path that the next value will have."""
        if not self._stack:
            return ()
        container, path = self._stack[-1]
        if isinstance(container, list):
            return (*path, len(container))
        return path if self._key is None else (*path, self._key)

    def key(self, name: str, span: Span) -> None:
        """Take the name of a field; a name given twice is told with both lines, and the first stays."""
        container, path = self._stack[-1]
        full = (*path, name)
        self._key, self._key_span, self._skip_key = name, span, name in container
        if self._skip_key:
            first = self.document.key_spans[full]
            self.document.damaged.add(full)
            self.problem(
                "KEY001",
                f"`{escape_text(name, limit=80)}` is given twice {_lines(first.line, span.line)}",
                span,
                path=full,
                hint="Keep one of them.",
            )
        else:
            self.document.key_spans[full] = span

    def value(self, value: Any, span: Span) -> None:
        self._count(span)
        self._attach(value, span)

    def open(self, value: dict[str, Any] | list[Any], span: Span) -> None:
        self._count(span)
        if len(self._stack) >= MAX_DEPTH:
            message = f"nested deeper than {MAX_DEPTH} levels"
            raise Unreadable(make_problem("FILE003", message, span=span, hint="Make it flatter."))
        path = self.path
        if self._skip_key:
            # The value of a repeated name is built beside the document, so that its places do not mix with the first's.
            path = (*path, "\0repeated")
        self._attach(value, span)
        self._stack.append((value, path))

    def close(self, line: int, column: int) -> None:
        """End the innermost list or mapping at this place."""
        _, path = self._stack.pop()
        self._key = None
        span = self.document.spans.get(path)
        if span is not None:
            self.document.spans[path] = Span(span.line, span.column, line, column)

    def problem(self, code: str, message: str, span: Span, *, path: Path | None = None, hint: str = "") -> None:
        if len(self.document.problems) > MAX_PROBLEMS:
            return  # no more are told
        where = self.path if path is None else path
        where = tuple(step for step in where if step != "\0repeated")
        self.document.problems.append(make_problem(code, message, span=span, path=where, hint=hint))

    def damage(self) -> None:
        """The next value is not what was written."""
        self.document.damaged.add(self.path)

    def _count(self, span: Span) -> None:
        self._values += 1
        if self._values > MAX_VALUES:
            raise too_many_values(span)

    def _attach(self, value: Any, span: Span) -> None:
        if not self._stack:
            self.document.value = value
            self.document.spans[()] = span
            return
        container, path = self._stack[-1]
        if isinstance(container, list):
            self.document.spans[(*path, len(container))] = span
            container.append(value)
            return
        assert self._key is not None
        if not self._skip_key:
            container[self._key] = value
            self.document.spans[(*path, self._key)] = span
        self._key, self._skip_key = None, False
