"""A file's content as plain values, and the place of each of them in the text."""

import re
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from reconciler.model.problem import Problem, Severity
from reconciler.model.text import escape_text

MAX_BYTES = 256 * 1024
MAX_DEPTH = 32
MAX_VALUES = 20_000
"""Of names and values together: each is a node of YAML."""
MAX_PROBLEMS = 100
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


class Enough(Exception):
    """So much is wrong that reading ends: the document has its problems, and no value."""


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
    """Return the end of a reading whose next name or value, at ``span``, is one too many."""
    message = f"more than {MAX_VALUES:,} names and values in one file"
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


class Places(dict[Path, Any]):
    """Spans by path. A reader puts in what it has of a place; that becomes a span when it is asked for."""

    def __init__(self, locate: Callable[[Any], Span]) -> None:
        super().__init__()
        self._locate = locate

    def __getitem__(self, path: Path) -> Span:
        return self._locate(super().__getitem__(path))

    def get(self, path: Path, default: Any = None) -> Any:
        found = super().get(path)
        return self._locate(found) if found is not None else default


class Document:
    """The value of a file, with places. ``locate`` returns the span of what a reader has of a place.

    ``problems`` are those of the reading itself.  ``damaged`` holds the paths whose value is not what was written: no
    other problem at or below them is worth telling.  ``empty`` are the paths of fields without a value; ``first_line``
    is where the value begins.
    """

    def __init__(self, text: str, locate: Callable[[Any], Span]) -> None:
        self.text = text
        self.locate = locate
        self._lines: list[str] | None = None
        self.value: Any = None
        self.empty: list[Path] = []
        self.problems: list[Problem] = []
        self.damaged: set[Path] = set()
        self.spans = Places(locate)
        self.key_spans = Places(locate)

    @property
    def first_line(self) -> int:
        return self.span(()).line or 1

    def span(self, path: Path) -> Span:
        """Return the place of the value at ``path``, or of the nearest value around it that there is."""
        while path not in self.spans and path:
            path = path[:-1]
        found: Span = self.spans.get(path, NOWHERE)
        return found

    def key_span(self, path: Path) -> Span:
        """Return the place of the name at ``path``, or of the value where it has none."""
        return self.key_spans[path] if path in self.key_spans else self.span(path)

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
    """Builds a document from what a parser meets, in order; refuses what goes past the limits.

    ``place`` is what the document's ``locate`` makes a span of.
    ``at_key`` is true where the next scalar is the name of a field.
    """

    def __init__(self, document: Document) -> None:
        self.document = document
        self.at_key = False
        self._stack: list[tuple[Any, Path]] = []
        self._container: Any = None
        self._path: Path = ()
        self._next: Path = ()
        self._skip_key = False
        self._nodes = 0

    @property
    def path(self) -> Path:
        """The path that the next value will have."""
        return (*self._path, len(self._container)) if self._container.__class__ is list else self._next

    def key(self, name: str, place: Any) -> None:
        """Take the name of a field; a name given twice is told with both lines, and the first stays."""
        self._nodes += 1
        if self._nodes > MAX_VALUES:
            raise too_many_values(self.document.locate(place))
        full = (*self._path, name)
        self._next, self.at_key = full, False
        self._skip_key = name in self._container
        if not self._skip_key:
            self.document.key_spans[full] = place
            return
        self.document.damaged.add(full)
        first, second = self.document.key_spans[full].line, self.document.locate(place).line
        message = f"`{escape_text(name, limit=80)}` is given twice {_lines(first, second)}"
        self.problem("KEY001", message, place, path=full, hint="Keep one of them.")

    def value(self, value: Any, place: Any) -> None:
        self._nodes += 1
        if self._nodes > MAX_VALUES:
            raise too_many_values(self.document.locate(place))
        container = self._container
        if container.__class__ is dict:
            if not self._skip_key:
                full = self._next
                container[full[-1]] = value
                self.document.spans[full] = place
                if value is None:
                    self.document.empty.append(full)
            self._next, self._skip_key, self.at_key = self._path, False, True
        elif container is None:
            self.document.value = value
            self.document.spans[()] = place
        else:
            self.document.spans[(*self._path, len(container))] = place
            container.append(value)

    def open(self, value: dict[str, Any] | list[Any], place: Any) -> None:
        if len(self._stack) >= MAX_DEPTH and self._nodes < MAX_VALUES:
            span = self.document.locate(place)
            message = f"nested deeper than {MAX_DEPTH} levels"
            raise Unreadable(make_problem("FILE003", message, span=span, hint="Make it flatter."))
        path = self.path
        if self._skip_key:
            # The value of a repeated name is built beside the document, so that its places do not mix with the first's.
            path = (*path, "\0repeated")
        self.value(value, place)
        self._stack.append((value, path))
        self._enter(value, path)

    def close(self, place: Any) -> None:
        """End the innermost list or mapping, which ``place`` is the whole of."""
        _, path = self._stack.pop()
        if path in self.document.spans:
            self.document.spans[path] = place
        self._enter(*self._stack[-1] if self._stack else (None, ()))

    def problem(self, code: str, message: str, place: Any, *, path: Path | None = None, hint: str = "") -> None:
        where = self.path if path is None else path
        where = tuple(step for step in where if step != "\0repeated")
        span = self.document.locate(place)
        self.document.problems.append(make_problem(code, message, span=span, path=where, hint=hint))
        if len(self.document.problems) > MAX_PROBLEMS:
            raise Enough

    def damage(self) -> None:
        """The next value is not what was written."""
        self.document.damaged.add(self.path)
        if len(self.document.damaged) > MAX_PROBLEMS:
            raise Enough

    def _enter(self, container: Any, path: Path) -> None:
        self._container, self._path, self._next = container, path, path
        self.at_key = container.__class__ is dict
        self._skip_key = False
