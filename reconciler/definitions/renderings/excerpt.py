"""The source line of a problem with a caret under the place. What may be a secret is not shown."""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator

from reconciler.definitions.checks.secrets import holds_secret, is_secret_name
from reconciler.model.problem import Problem
from reconciler.model.secret import MASK
from reconciler.model.text import escape_text

_WIDTH = 120
_LONGEST = 4000
"""A longer line is not shown: its parts cannot be told, and a secret may be one of them."""
_SECRET_CODES = frozenset({"SEC001"})
# The value of a field that nobody knows may be anything, also a secret.
_NAME_ONLY_CODES = frozenset({"KEY003", "KEY005"})
_NAMED_VALUE = re.compile(
    r"(?<![A-Za-z0-9_-])(?P<name>[A-Za-z0-9_-]+)(?P<sign>[\"']?\s*[:=]\s*)(?P<value>[^\s,}\]{\[][^,}\]]*)"
)

_NAME_AND_SIGN = re.compile(r"(?<![A-Za-z0-9_-])(?P<name>[A-Za-z0-9_-]+)[\"']?\s*[:=]\s*")
_GROUP = re.compile(r"\[[^\]]*\]?|\{(?!\s*[\"']?secret[\"']?\s*:)[^}]*\}?")


class Excerpts:
    """Excerpts for some problems of the same files, each file looked up once."""

    def __init__(self, problems: Iterable[Problem], source_of: Callable[[str], str | None]) -> None:
        self._source_of = source_of
        self._lines: dict[str, list[str]] = {}
        self._secret_lines: dict[str, set[int]] = defaultdict(set)
        for problem in problems:
            if problem.code in _SECRET_CODES:
                self._secret_lines[problem.path].update(range(problem.line, max(problem.end_line, problem.line) + 1))

    def of(self, problem: Problem) -> Iterator[str]:
        """Yield the line and the caret line, or nothing where there is no place or the line may hold a secret."""
        lines = self._file(problem.path)
        if not 1 <= problem.line <= len(lines) or problem.line in self._secret_lines[problem.path]:
            return
        line = lines[problem.line - 1].rstrip("\r")
        if len(line) > _LONGEST:
            return
        start = min(problem.column, len(line) + 1) - 1
        end = problem.end_column - 1 if problem.end_line == problem.line else len(line)
        end = max(min(end, len(line)), start + 1)
        if problem.code in _NAME_ONLY_CODES:
            line = line[:end]
        if holds_secret(line):
            return
        line = _mask_groups(_NAMED_VALUE.sub(_mask, line))
        line, start, end = _crop(line, start, end)
        gutter = f"{problem.line:>5} | "
        yield f"{gutter}{_shown(line)}"
        yield f"{' ' * (len(gutter) - 2)}| {' ' * _width(line[:start])}{'^' * max(_width(line[start:end]), 1)}"

    def _file(self, path: str) -> list[str]:
        if path not in self._lines:
            self._lines[path] = (self._source_of(path) or "").removeprefix("\ufeff").split("\n")
        return self._lines[path]


def _mask(match: "re.Match[str]") -> str:
    """Return the value of a secret-like name as ***, as long as it was: the caret stays where it is."""
    if not is_secret_name(match["name"]):
        return match[0]
    value = match["value"]
    return match["name"] + match["sign"] + MASK[: len(value)].ljust(len(value))


def _mask_groups(line: str) -> str:
    """The same for a list or mapping under such a name; a reference to a secret is none."""
    for match in _NAME_AND_SIGN.finditer(line):
        group = _GROUP.match(line, match.end()) if is_secret_name(match["name"]) else None
        if group is not None:
            line = line[: match.end()] + MASK.ljust(len(group[0]))[: len(group[0])] + line[group.end() :]
    return line


def _crop(line: str, start: int, end: int) -> tuple[str, int, int]:
    """Return a part of a long line around the place."""
    if len(line) <= _WIDTH:
        return line, start, end
    first = max(0, min(start - _WIDTH // 3, len(line) - _WIDTH))
    part = line[first : first + _WIDTH]
    lead = "..." if first else ""
    tail = "..." if first + _WIDTH < len(line) else ""
    return f"{lead}{part}{tail}", start - first + len(lead), min(end - first, _WIDTH) + len(lead)


def _shown(text: str) -> str:
    return escape_text(text.replace("\t", " "))


def _width(text: str) -> int:
    """Return how many columns ``text`` takes as it is shown; some letters of Asia take two."""
    return sum(
        2 if unicodedata.east_asian_width(char) in {"W", "F"} else 0 if unicodedata.combining(char) else 1
        for char in _shown(text)
    )
