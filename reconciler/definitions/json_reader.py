"""Strict JSON (RFC 8259) with the place of each value, and what is wrong in words.

The quick reading is Python's own; it only says that nothing is wrong.
"""

import json
import math
import re
from typing import Any, NoReturn

from reconciler.definitions.document import (
    MAX_DEPTH,
    MAX_VALUES,
    Builder,
    Document,
    Enough,
    Span,
    Unreadable,
    Unusual,
    make_problem,
)
from reconciler.definitions.scalars import Doubtful, whole_number
from reconciler.definitions.source import place
from reconciler.model.text import escape_text

_SURROGATE = re.compile("[\ud800-\udfff]")
_SPACE = re.compile(r"[ \t\n\r]*")
_SPACES = frozenset(" \t\n\r")
_PLAIN_TEXT = re.compile(r'"([^"\\\x00-\x1f]*)"')
_PLAIN_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]{0,17})(?=[,\]} \t\n\r])", re.ASCII)
_PLAIN_NAME = re.compile(r'"([^"\\\x00-\x1f]*)"[ \t\n\r]*:[ \t\n\r]*')
_TEXT = re.compile(r'"((?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*)"')
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?", re.ASCII)
_WORD = re.compile(r"[^\s,:\[\]{}\"]+")
_LITERALS: dict[str, Any] = {"true": True, "false": False, "null": None}


def read_json_quickly(text: str) -> tuple[Any, int]:
    """Return the value of a file in which nothing is wrong, and its first line. Raises Unusual for any other."""
    opened = text.count("{") + text.count("[")
    if opened + text.count(",") + text.count(":") >= MAX_VALUES:
        raise Unusual
    try:
        value = json.loads(
            text, object_pairs_hook=_mapping, parse_constant=_unusual, parse_int=_integer, parse_float=_float
        )
    except (ValueError, RecursionError) as error:
        raise Unusual from error
    if not isinstance(value, dict) or (opened > MAX_DEPTH and _is_deep(value)):
        raise Unusual
    if "\\u" in text and _SURROGATE.search(json.dumps(value, ensure_ascii=False)):
        raise Unusual
    return value, text.count("\n", 0, text.index("{")) + 1


def _is_deep(value: Any) -> bool:
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [
            item
            for outer in level
            for item in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(item, dict | list)
        ]
    return bool(level)


def _mapping(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    mapping = dict(pairs)
    if len(mapping) != len(pairs) or None in mapping.values():
        raise Unusual
    return mapping


def _unusual(_: str) -> NoReturn:
    raise Unusual


def _float(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise Unusual
    return value


def _integer(text: str) -> int:
    value = whole_number(text)
    if isinstance(value, Doubtful):
        raise Unusual
    return value


def read_json(text: str) -> Document:
    """Return the document with the place of each value and the problems of reading it. Raises Unreadable."""
    reader = _Reader(text)
    try:
        if text.strip(" \t\r\n"):
            reader.read()
    except Enough:
        reader.document.value = None
    return reader.document


class _Reader:
    """Builds a document; the place of a value is where it begins in the text and where it ends."""

    def __init__(self, text: str) -> None:
        self._text = text
        self.document = Document(text, self._span)
        self._builder = Builder(self.document)
        self._at = 0

    def read(self) -> None:
        self._skip()
        self._value()
        if self._at < len(self._text):
            self._fail("text after the end of the definition", hint="One object per file.")

    def _value(self) -> None:
        """Read a value, and pass the white space behind it."""
        start = self._at
        char = self._text[start : start + 1]
        if char == '"':
            text = self._string()
            self._builder.value(text, (start, self._at))
        elif char == "{":
            self._object()
        elif char == "[":
            self._array()
        else:
            self._atom()
        self._skip()

    def _object(self) -> None:
        start = self._at
        self._at += 1
        self._builder.open({}, (start, self._at))
        self._skip()
        while self._char != "}":
            match = _PLAIN_NAME.match(self._text, self._at)
            if match is not None:
                self._builder.key(match[1], (self._at, match.end(1) + 1))
                self._at = match.end()
            else:
                self._name(start)
            self._value()
            if self._char == ",":
                self._pass_comma("}")
            elif self._char != "}":
                self._fail_separator(start)
        self._at += 1
        self._builder.close((start, self._at))

    def _name(self, opened: int) -> None:
        """Read a name that has an escape in it, or is none."""
        if self._char != '"':
            self._fail_name(opened)
        start = self._at
        name = self._string()
        self._builder.key(name, (start, self._at))
        self._skip()
        if self._char != ":":
            self._fail(f"expected `:` after {_shown(name)}")
        self._at += 1
        self._skip()

    def _array(self) -> None:
        start = self._at
        self._at += 1
        self._builder.open([], (start, self._at))
        self._skip()
        while self._char != "]":
            self._value()
            if self._char == ",":
                self._pass_comma("]")
            elif self._char != "]":
                self._fail_separator(start)
        self._at += 1
        self._builder.close((start, self._at))

    def _pass_comma(self, closing: str) -> None:
        """Pass a comma; a comma before ``closing`` is JSON's most common mistake."""
        comma = self._at
        self._at += 1
        self._skip()
        if self._char == closing:
            self._at = comma
            hint = "Remove the comma, or use a .yaml file."
            self._fail(f"JSON does not allow a comma before `{closing}`", code="SYN022", hint=hint)
        if self._char == ",":
            self._fail("a comma too many")

    def _fail_separator(self, opened: int) -> NoReturn:
        self._fail_unclosed(opened)
        self._fail("a comma is missing before this")

    def _atom(self) -> None:
        start = self._at
        plain = _PLAIN_INTEGER.match(self._text, start)
        if plain is not None:
            self._at = plain.end()
            self._builder.value(int(plain[0]), (start, self._at))
            return
        match = _NUMBER.match(self._text, start)
        word = _WORD.match(self._text, start)
        if match and word and match.end() == word.end():
            self._at = match.end()
            self._number(match, (start, self._at))
            return
        if word and word[0] in _LITERALS:
            self._at = word.end()
            self._builder.value(_LITERALS[word[0]], (start, self._at))
            return
        self._fail_word(word[0] if word else self._char)

    def _number(self, match: "re.Match[str]", where: tuple[int, int]) -> None:
        value: Any = float(match[0]) if match[1] or match[2] else whole_number(match[0])
        if isinstance(value, Doubtful):
            self._builder.problem(value.code, value.message, where, hint=value.hint)
            self._builder.damage()
            value = 0
        elif not math.isfinite(value):
            self._builder.problem("SYN015", f"`{match[0][:40]}` is not a finite number", where)
            self._builder.damage()
            value = 0
        self._builder.value(value, where)

    def _string(self) -> str:
        match = _PLAIN_TEXT.match(self._text, self._at)
        if match is not None:
            self._at = match.end()
            return match[1]
        match = _TEXT.match(self._text, self._at)
        if match is None:
            self._fail_string()
        self._at = match.end()
        value: str = json.loads(match[0])
        if _SURROGATE.search(value):
            self._at = match.start()
            self._fail("half of a surrogate pair is not a character", hint="Write both \\u escapes, or the character.")
        return value

    def _fail_string(self) -> NoReturn:
        """Say what is wrong in the text that begins here."""
        start = self._at
        good = re.compile(r'"(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*').match(self._text, start)
        assert good is not None
        rest = self._text[good.end() : good.end() + 1]
        if rest in {"", "\n", "\r"}:
            self._fail(
                "text opened here is never closed", code="SYN003", hint='Close it with `"`; write \\n for a break.'
            )
        self._at = good.end()
        if rest == "\\":
            self._fail("unknown escape", hint="Write \\\\ for a backslash.")
        self._fail(f"{escape_text(rest)} inside a text must be written as an escape", hint="Write \\t for a tab.")

    def _fail_name(self, opened: int) -> NoReturn:
        self._fail_unclosed(opened)
        if self._char == "'":
            self._fail("JSON has double quotes only", hint='Write "name", or use a .yaml file.')
        word = _WORD.match(self._text, self._at)
        if word:
            self._fail(f"quote the field name {_shown(word[0])}", hint="Or use a .yaml file.")
        self._fail("expected the name of a field in double quotes")

    def _fail_word(self, word: str) -> NoReturn:
        if not word:
            self._fail("the file ends where a value is expected")
        if word.startswith("'"):
            self._fail("JSON has double quotes only", hint='Write "text", or use a .yaml file.')
        if word.lstrip("-+") in {"NaN", "Infinity"}:
            self._fail(f"`{word}` is not a finite number", code="SYN015")
        if re.match(r"-?0[0-9]", word):
            self._fail(f"{_shown(word)} is a number with a leading zero; quote it", code="SYN012")
        if word.lower() in _LITERALS or word in {"None", "True", "False"}:
            self._fail(f"JSON writes true, false and null in small letters, found {_shown(word)}")
        if word in {",", ":", "]", "}"}:
            self._fail(f"a value is missing before `{word}`")
        self._fail(f"quote the text {_shown(word)}", hint="Or use a .yaml file.")

    def _fail_unclosed(self, opened: int) -> None:
        if self._at >= len(self._text):
            bracket = self._text[opened]
            self._at = opened
            self._fail(f"`{bracket}` opened here is never closed", code="SYN004")

    def _fail(self, message: str, *, code: str = "SYN021", hint: str = "") -> NoReturn:
        """Say what is wrong here; a comment is a mistake of its own."""
        if self._text.startswith(("//", "/*", "#"), self._at):
            message, code = "JSON does not allow comments", "SYN023"
            hint = "Remove it, or use a .yaml file."
        raise Unreadable(make_problem(code, message, span=place(self._text, self._at), hint=hint))

    @property
    def _char(self) -> str:
        return self._text[self._at : self._at + 1]

    def _skip(self) -> None:
        """Pass white space."""
        if self._text[self._at : self._at + 1] in _SPACES:
            match = _SPACE.match(self._text, self._at)
            assert match is not None
            self._at = match.end()

    def _span(self, where: Any) -> Span:
        if where.__class__ is Span:
            return where
        start, end = (place(self._text, offset) for offset in where)
        return Span(start.line, start.column, end.line, end.column)


def _shown(text: str) -> str:
    return f"`{escape_text(text, limit=60)}`"
