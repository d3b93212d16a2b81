"""What libyaml says of a broken file, in words that say what to do."""

import re
from collections.abc import Callable
from typing import Any, NamedTuple

from yaml import Mark, MarkedYAMLError, YAMLError

from reconciler.definitions.document import NOWHERE, Span, make_problem
from reconciler.model.problem import Problem
from reconciler.model.text import escape_text


class Last:
    """Where that is which was read before the error: all, the last text and how it was quoted, the open brackets."""

    def __init__(self, locate: Callable[[Any], Span]) -> None:
        self._locate = locate
        self.place: tuple[int, int, int, int] = (1, 1, 1, 1)
        self.text: tuple[int, int, int, int] | None = None
        self.style: str | None = None
        self.brackets: list[tuple[int, int, int, int]] = []

    @property
    def end(self) -> tuple[int, int]:
        """Where all that was read ended."""
        span = self._locate(self.place)
        return span.end_line, span.end_column

    @property
    def scalar(self) -> Span:
        return self._locate(self.text) if self.text is not None else NOWHERE

    @property
    def bracket(self) -> Span | None:
        return self._locate(self.brackets[-1]) if self.brackets else None


class _Failure(NamedTuple):
    """Where reading failed (``at``), where what was being read began (``opened``), and the lines of the file."""

    what: str
    doing: str
    at: Span
    opened: Span
    lines: list[str]

    @property
    def line(self) -> str:
        return self.lines[self.at.line - 1] if self.at.line <= len(self.lines) else ""


def explain_error(error: YAMLError, text: str, last: Last) -> Problem:
    """Return the problem at the place where the mistake is, which is often before the place where reading failed."""
    if not isinstance(error, MarkedYAMLError) or error.problem_mark is None:
        return make_problem("SYN001", f"not readable as YAML: {escape_text(str(error), limit=200)}")
    lines = text.split("\n")
    at = _mark(error.problem_mark, lines)
    opened = _mark(error.context_mark, lines) if error.context_mark is not None else at
    failure = _Failure(error.problem or "", error.context or "", at, opened, lines)
    return (
        _explain_strange_space(failure)
        or _explain_scanning(failure)
        or _explain_quotes(failure, last)
        or _explain_structure(failure, last)
        or make_problem("SYN001", f"not readable as YAML: {escape_text(failure.what)}", span=at)
    )


def _mark(mark: Mark, lines: list[str]) -> Span:
    """Return a place in the text; libyaml counts the end of a file without a line break as a line of its own."""
    line, column = mark.line + 1, mark.column + 1
    if line > len(lines):
        line, column = len(lines), len(lines[-1]) + 1
    return Span(line, column, line, column + 1)


_STRANGE_SPACE = re.compile(r"[ ]*([^\S \t\r\n]|\ufeff|\u200b)")


def _explain_strange_space(failure: _Failure) -> Problem | None:
    """Find an indent that looks like spaces and is none, as copied from a web page."""
    for number, line in enumerate(failure.lines[: failure.at.line], 1):
        if not line.isascii() and (match := _STRANGE_SPACE.match(line)):
            span = Span(number, match.end(), number, match.end() + 1)
            return make_problem("SYN002", f"line is indented with U+{ord(match[1]):04X}; use spaces", span=span)
    return None


def _explain_scanning(failure: _Failure) -> Problem | None:
    what, where, at, opened, _ = failure
    line = failure.line
    if "tab character" in what or line[: at.column].endswith("\t") or line[at.column - 1 : at.column] == "\t":
        return make_problem("SYN002", "line is indented with a tab; use spaces", span=at)
    if "scanning an alias" in where:
        rest = escape_text(line[opened.column - 1 :].strip(), limit=60)
        if rest.startswith(("* ", "*/")):
            return make_problem("SYN006", f'quote the cron expression: "{rest}"', span=opened)
        return make_problem("SYN006", f'quote the text, it begins with `*`: "{rest}"', span=opened)
    if "cannot start any token" in what:
        char = line[at.column - 1 : at.column]
        shown = "a backtick" if char == "`" else f"`{escape_text(char)}`"
        return make_problem("SYN006", f"quote the text, it begins with {shown}", span=at)
    if "block scalar" in where:
        message = "text stands on the same line as `|` or `>`; begin it on the next line"
        return make_problem("SYN001", message, span=at, hint="Quote the value if it begins with `|` or `>`.")
    if "unknown escape" in what or "escape code" in what or "hexdecimal" in what:
        message = "unknown escape in a text with double quotes"
        return make_problem("SYN001", message, span=at, hint="Write \\\\ for a backslash, or use single quotes.")
    if "directive" in where or "directive" in what:
        return make_problem("SYN011", "directives (`%...`) are not allowed", span=at, hint="Remove the line.")
    if "tag" in where:
        return make_problem("SYN009", "tags (`!...`) are not allowed", span=opened, hint="Remove the tag.")
    if "anchor" in where:
        return make_problem("SYN008", "anchors (`&`) and aliases (`*`) are not allowed", span=opened)
    return None


def _explain_quotes(failure: _Failure, last: Last) -> Problem | None:
    what, at, line = failure.what, failure.at, failure.line
    if "unexpected end of stream" in what:
        return None
    quoted = last.style in {'"', "'"} and last.end == (at.line, at.column)
    if not quoted and last.style in {'"', "'"} and last.end[0] == at.line:
        quoted = not line[last.end[1] - 1 : at.column - 1].strip()
    if not quoted:
        return None
    if last.scalar.line != last.scalar.end_line:
        return make_problem("SYN003", "text opened here is never closed", span=_opening(last.scalar), hint=_CLOSE)
    rest = escape_text(line[at.column - 1 :].strip(), limit=40)
    message = f"`{rest}` stands after the closing quote"
    hint = "Put the whole value into quotes; inside single quotes write '' for one, inside double quotes \\\"."
    return make_problem("SYN001", message, span=at, hint=hint)


_CLOSE = "Close it with the same quote."


def _opening(span: Span) -> Span:
    return Span(span.line, span.column, span.line, span.column + 1)


def _explain_structure(failure: _Failure, last: Last) -> Problem | None:
    what, where, at, opened, lines = failure
    line = failure.line
    if "quoted scalar" in where:
        return make_problem("SYN003", "text opened here is never closed", span=opened, hint=_CLOSE)
    is_at_end = at.line == len(lines) and at.column > len(line)
    if "flow sequence" in where or "flow mapping" in where:
        return _never_closed(opened, "[" if "sequence" in where else "{")
    if "flow node" in where and is_at_end and (span := last.bracket) is not None:
        return _never_closed(span, lines[span.line - 1][span.column - 1])
    if "flow node" in where:
        message = "a comma too many, or a value is missing"
        return make_problem("SYN001", message, span=at)
    if "mapping values are not allowed" in what:
        return _explain_colon(failure)
    if "could not find expected ':'" in what:
        name = escape_text(lines[opened.line - 1].strip(), limit=60)
        if name.startswith(_CONFLICT):
            message = "a merge conflict stands here, not resolved"
            return make_problem(
                "SYN001", message, span=opened, hint="Keep what is right of both, and remove the marks."
            )
        word = re.split(r"[\s:=]", name, maxsplit=1)[0]  # what follows may be a secret
        message = f"expected `name: value`, found `{name if word == name else f'{word} ...'}`"
        return make_problem("SYN001", message, span=opened, hint="Put a colon and a space between name and value.")
    if line[at.column - 1 : at.column] in {"]", "}"}:
        return make_problem("SYN004", f"`{line[at.column - 1]}` closes what was never opened", span=at)
    if "<document start>" in what or "block mapping" in where or "block collection" in where:
        return _explain_indent(failure)
    return None


_CONFLICT = ("<<<<<<< ", "=======", ">>>>>>> ")


def _never_closed(opened: Span, bracket: str) -> Problem:
    closing = {"[": "]", "{": "}"}.get(bracket, "]")
    message = f"`{bracket}` opened here is never closed"
    return make_problem("SYN004", message, span=opened, hint=f"Close it with `{closing}`, and put commas between.")


def _explain_colon(failure: _Failure) -> Problem:
    line, at = failure.line, failure.at
    before = line[: at.column - 1]
    if ": " in before.strip() or before.strip().endswith(":"):
        start = before.index(":") + 1
        column = start + len(before[start:]) - len(before[start:].lstrip()) + 1
        message = "quote the text, it contains ': '"
        return make_problem("SYN005", message, span=Span(at.line, column, at.line, at.column + 1))
    return _wrong_indent(failure)


def _explain_indent(failure: _Failure) -> Problem:
    _, where, at, opened, lines = failure
    line = failure.line
    if line.strip().startswith("- ") and "block mapping" in where:
        message = "a list item stands among `name: value` lines"
        return make_problem("SYN001", message, span=at, hint="Indent the list under the field it belongs to.")
    if "block collection" in where:
        item = lines[opened.line - 1]
        wanted = len(item) - len(item.lstrip()) + 3
        message = f"`{_name(line)}` is indented by {at.column - 1} spaces, the fields of its list item by {wanted - 1}"
        return make_problem("SYN001", message, span=at, hint="Indent all fields of an item alike.")
    return _wrong_indent(failure)


def _wrong_indent(failure: _Failure) -> Problem:
    """Name the field that stands wrong, the one above it, and one at whose level it may belong."""
    line, at, lines = failure.line, failure.at, failure.lines
    indent = len(line) - len(line.lstrip())
    span = Span(at.line, indent + 1, at.line, max(at.column, indent + 2))
    above = [text for text in lines[: at.line - 1] if text.strip() and not text.strip().startswith("#")]
    if above and (match := _NO_SPACE.match(above[-1])):
        return _space_missing(match, failure)
    shallower = next((text for text in reversed(above) if _indent(text) < indent), "")
    levels = {_indent(text) for text in above}
    level = min(levels, key=lambda other: (abs(other - indent), other), default=0)
    peer = next((text for text in above if _indent(text) == level), "")
    message = f"`{_name(line)}` stands at a wrong indent"
    if shallower:
        message = f"`{_name(line)}` stands under `{_name(shallower)}`"
        if peer and _name(peer) != _name(line):
            message += f"; did you mean the same level as `{_name(peer)}`?"
    return make_problem("SYN001", message, span=span, hint="Fields of one level begin in the same column.")


_NO_SPACE = re.compile(r"\s*(?:- )*(?:(?P<dash>-)(?=[A-Za-z_][\w.-]*:(?:\s|$))|(?P<name>[A-Za-z_]\w*):(?=[^\s:/]))")


def _space_missing(match: re.Match[str], failure: _Failure) -> Problem:
    """Say that the line before reads as one text, for want of a space after a colon or dash."""
    number = next(n for n in range(failure.at.line - 1, 0, -1) if failure.lines[n - 1] == match.string)
    after, column = ("dash", match.end("dash")) if match["dash"] else ("colon", match.end())
    name = match["name"] or match.string[match.end() :].partition(":")[0]
    right = f"{'- ' if match['dash'] else ''}{escape_text(name, limit=40)}: ..."
    message = f"a space is missing after the {after}"
    hint = f"Write: {right}"
    return make_problem("SYN001", message, span=Span(number, column, number, column + 1), hint=hint)


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _name(line: str) -> str:
    name = line.strip().removeprefix("- ").split(":")[0]
    return escape_text(name, limit=40)
