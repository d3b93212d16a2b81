"""Words and output of scripts and devices, made safe to stand in a report that is shown."""

import re

from reconciler.model.text import escape_text

_LONGEST_WORD = 500
_LONGEST_LINE = 2000
# A build service takes such a line as a command to itself, wherever in the line it stands (`##[...]`, `##vso[...]`).
# Lines that begin with `::` are the other kind: no rendering puts foreign text at the beginning of a line.
_COMMAND = re.compile(r"#(?=#(?:\[|vso\[))")


def safe_word(text: str, *, limit: int = _LONGEST_WORD) -> str:
    """Return ``text`` on one line, without anything that moves a cursor or commands a build service."""
    return _COMMAND.sub(r"\\x23", escape_text(text, limit=limit))


def safe_lines(output: str) -> list[str]:
    """Return what a task wrote as lines that are safe to show; no lines for nothing. A line end of Windows is one."""
    text = output.replace("\r\n", "\n").rstrip("\n")
    return [safe_word(line.replace("\t", "    "), limit=_LONGEST_LINE) for line in text.split("\n")] if text else []
