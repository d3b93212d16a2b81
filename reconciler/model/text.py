"""Text from definitions, devices and vendors, made safe to show: nothing in it can move a cursor or hide a word."""

import unicodedata

_KEPT = frozenset("\n\t")


def escape_text(text: str, *, keep_lines: bool = False, limit: int | None = None) -> str:
    """Return ``text`` with control, format (bidi, zero-width) and line-separator characters as ``\\x1b``, ``\\u202e``.

    ``keep_lines`` leaves newline and tab as they are.  Past ``limit`` characters the rest is cut, and that is said.
    """
    cut = ""
    if limit is not None and len(text) > limit:
        text, cut = text[:limit], f"... ({len(text)} characters)"
    if text.isascii() and text.isprintable():
        return text + cut
    return "".join(_escape(char, keep_lines) for char in text) + cut


def _escape(char: str, keep_lines: bool) -> str:
    if keep_lines and char in _KEPT:
        return char
    if unicodedata.category(char) in {"Cc", "Cf", "Zl", "Zp", "Cs", "Co", "Cn"}:
        return char.encode("unicode_escape").decode("ascii")
    return char
