"""Text from definitions, devices and vendors, made safe to show: nothing in it can move a cursor or hide a word."""

import re
import unicodedata

_KEPT = frozenset("\n\t")
_NEVER_SHOWN = frozenset({"Cc", "Cf", "Zl", "Zp", "Cs", "Co", "Cn"})
_MARKS = frozenset({"Mn", "Me"})
_MOST_MARKS = 3
"""More marks than that on one letter grow over the lines above and below it."""

# Unicode calls these letters, symbols or spaces; they are blank, or change nothing that one could see.
_BLANK = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2800\u3164\uffa0")
_SELECTORS = ("\ufe00", "\ufe0f", "\U000e0100", "\U000e01ef")
_BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")

# A build service takes such a line as a command to itself, wherever in the line it stands.
_COMMAND = re.compile(r"#(?=#(?:\[|[A-Za-z]+\[))")
# Lines that begin so, after blanks, are the other kind: `::set-output name=x::y`.
_LINE_COMMAND = re.compile(r"^(\s*):(?=:)")


def escape_text(text: str, *, keep_lines: bool = False, limit: int | None = None) -> str:
    """Return ``text`` with what is not seen (control, bidi, zero-width, blank, line ends) as ``\\x1b``, ``\\u202e``.

    ``keep_lines`` leaves newline and tab as they are.  Past ``limit`` characters the rest is cut, and that is said.
    """
    cut = ""
    if limit is not None and len(text) > limit:
        text, cut = text[:limit], f"... ({len(text)} characters)"
    if text.isascii() and text.isprintable():
        return text + cut
    return "".join(_escaped(text, keep_lines)) + cut


def _escaped(text: str, keep_lines: bool) -> list[str]:
    shown: list[str] = []
    marks, before = 0, ""
    for char in text:
        category = unicodedata.category(char)
        marks = marks + 1 if category in _MARKS else 0
        if keep_lines and char in _KEPT:
            shown.append(char)
        elif marks > _MOST_MARKS or _is_unseen(char, category, before):
            shown.append(char.encode("unicode_escape").decode("ascii"))
        else:
            shown.append(char)
        before = category
    return shown


def is_unseen(char: str) -> bool:
    """Return whether a character cannot be seen where it stands alone, or changes how others are seen."""
    return _is_unseen(char, unicodedata.category(char))


def _is_unseen(char: str, category: str, before: str = "") -> bool:
    if category in _NEVER_SHOWN or char in _BLANK or (category == "Zs" and char != " "):
        return True
    if _SELECTORS[0] <= char <= _SELECTORS[1]:
        return before != "So"  # it makes a picture of a symbol, and says nothing after anything else
    return _SELECTORS[2] <= char <= _SELECTORS[3]


def unseen_characters(text: str) -> tuple[str, ...]:
    """Return the characters that cannot be seen, or change the order of what is seen, as ``U+202E``, each once.

    Line ends, tabs, spaces and a byte order mark at the beginning are not among them.
    """
    if text.isascii() and text.isprintable():
        return ()
    found = {
        char
        for char in set(text.removeprefix("\ufeff"))
        if char not in "\n\r\t" and _is_unseen(char, unicodedata.category(char), "So")
    }
    return tuple(f"U+{ord(char):04X}" for char in sorted(found))


def reorders_text(text: str) -> bool:
    """Return whether a character of ``text`` shows what follows in another order than it is read."""
    return not text.isascii() and not _BIDI.isdisjoint(text)


def cut_middle(text: str, limit: int) -> str:
    """Return ``text`` with at most ``limit`` of its characters: the rest goes from its middle, and is counted."""
    if len(text) <= limit:
        return text
    head, tail = limit - limit // 3, limit // 3
    return f"{text[:head]} ... ({len(text) - head - tail:,} characters) ... {text[-tail:]}"


def safe_word(text: str, *, limit: int = 500) -> str:
    """Return ``text`` on one line, without anything that moves a cursor or commands a build service."""
    return _COMMAND.sub(r"\\x23", escape_text(text, limit=limit))


def safe_line(text: str, *, limit: int = 400) -> str:
    """Return a line of a file, cut in its middle: as ``safe_word``, and safe at the beginning of a line of ours."""
    return escape_commands(escape_text(cut_middle(text.replace("\t", "    "), limit)))


def escape_commands(line: str) -> str:
    """Return ``line`` without anything that a build service takes for a command, from its beginning on or within."""
    return _LINE_COMMAND.sub(r"\1\\x3a", _COMMAND.sub(r"\\x23", line))
