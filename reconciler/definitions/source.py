"""A file's bytes as text that shows what it holds: UTF-8, and no character that hides code from a reviewer."""

import re
import unicodedata
from collections.abc import Iterator
from itertools import islice

from reconciler.definitions.document import MAX_BYTES, Span, Unreadable, make_problem
from reconciler.model.problem import Problem, Severity
from reconciler.model.text import is_unseen

_BOM = b"\xef\xbb\xbf"
_LFS = b"version https://git-lfs.github.com/spec/"
_WIDE_BOMS = {
    b"\xff\xfe\x00\x00": "UTF-32",
    b"\x00\x00\xfe\xff": "UTF-32",
    b"\xff\xfe": "UTF-16",
    b"\xfe\xff": "UTF-16",
}
# U+2028 and its like break lines for some programs and not for others; U+202A and its like turn text around.
_HIDDEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\x80-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ufffe\uffff]|\r(?!\n)"
)
_PLAIN_BYTES = bytes(range(0x20, 0x7F)) + b"\t\n"
"""Most files hold nothing else, and that is known at once."""
_BREAKS = frozenset("\x85\u2028\u2029")
_BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def read_text(data: bytes) -> str:
    """Return the text of a definition file, without a byte order mark. Raises Unreadable."""
    if len(data) > MAX_BYTES:
        raise Unreadable(too_large(len(data)))
    for mark, name in _WIDE_BOMS.items():
        if data.startswith(mark):
            raise Unreadable(_wrong_encoding(name))
    if data.startswith(_LFS):
        message = "this is a Git LFS pointer, not the file itself"
        raise Unreadable(make_problem("FILE012", message, hint="Keep definitions out of Git LFS."))
    text = decode(data.removeprefix(_BOM))
    refuse_hidden(text)
    return text


def decode(data: bytes) -> str:
    """Return UTF-8 ``data`` as text. Raises Unreadable with the place of the first wrong byte."""
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        if data[:4].count(0) == 2 and (data[:1] == b"\0") == (data[2:3] == b"\0"):
            raise Unreadable(_wrong_encoding("UTF-16")) from error
        before = data[: error.start].decode()
        message = f"byte 0x{data[error.start]:02X} at offset {error.start} is not UTF-8"
        span = place(before, len(before))
        raise Unreadable(make_problem("FILE006", message, span=span, hint="Save the file as UTF-8.")) from error


def refuse_hidden(text: str) -> None:
    """Raise Unreadable at the first character that a reviewer would not see."""
    if text.isascii() and not text.encode().translate(None, _PLAIN_BYTES):
        return
    match = _HIDDEN.search(text)
    if match is None:
        return
    if text[:2].count("\x00") == 1:
        raise Unreadable(_wrong_encoding("UTF-16"))
    raise Unreadable(_hidden(match[0], place(text, match.start())))


def _hidden(char: str, span: Span) -> Problem:
    name = f"U+{ord(char):04X}"
    if char in _BREAKS:
        message = f"invisible line break {name}"
        return make_problem("FILE008", message, span=span, hint="Break the line in the usual way, or escape it.")
    if char in _BIDI:
        message = f"text-direction control {name} can hide code"
        return make_problem("FILE009", message, span=span, hint="Remove it, or escape it in a quoted text.")
    if char == "\r":
        message = "line break by carriage return alone"
        return make_problem("FILE008", message, span=span, hint="End lines with a line feed.")
    known = unicodedata.name(char, "")
    kind = "invisible" if unicodedata.category(char) == "Cf" else "control"
    message = f"{kind} character {name}{f' ({known})' if known else ''}"
    return make_problem("FILE007", message, span=span, hint="Remove it, or escape it in a quoted text.")


def warn_of_unseen(text: str) -> list[Problem]:
    """Return a warning for each character that is not seen where it stands, at its first place."""
    if text.isascii():
        return []
    return [
        make_problem(
            "FILE016",
            f"character {name} cannot be seen here",
            span=place(text, offset),
            hint="Remove it, or escape it in a quoted text, where a reviewer sees it.",
            severity=Severity.WARNING,
        )
        for char in sorted({char for char in text if not char.isascii() and is_unseen(char)})
        if unicodedata.category(char) != "Zs"  # it looks like the blank that it is
        for offset in islice(_out_of_place(char, text), 1)
        for name in [f"U+{ord(char):04X} ({unicodedata.name(char, 'without a name')})"]
    ]


def _out_of_place(char: str, text: str) -> Iterator[int]:
    """Yield where ``char`` stands beside plain letters: within many scripts and pictures it joins what is seen."""
    joins = char in "\u200c\u200d" or "\ufe00" <= char <= "\ufe0f"
    offset = text.find(char)
    while offset >= 0:
        beside = text[max(offset - 1, 0) : offset]
        if not joins or beside.isascii():
            yield offset
        offset = text.find(char, offset + 1)


def place(text: str, offset: int) -> Span:
    """Return the place of the one character at ``offset``."""
    line = text.count("\n", 0, offset) + 1
    column = offset - (text.rfind("\n", 0, offset) + 1) + 1
    return Span(line, column, line, column + 1)


def too_large(size: int) -> Problem:
    """Return the problem of a file over the limit, known by its size alone."""
    shown = f"{size / 1024 / 1024:.1f} MB" if size >= 1024 * 1024 else f"{size:,} bytes"
    message = f"file has {shown}, limit {MAX_BYTES // 1024} KiB"
    return make_problem("FILE002", message, hint="Move scripts to files of their own (scriptFile), or split it.")


def _wrong_encoding(name: str) -> Problem:
    return make_problem("FILE005", f"file is {name}; save it as UTF-8")
