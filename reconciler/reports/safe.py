"""Words and output of scripts and devices, made safe to stand in a report that is shown."""

from reconciler.model.text import safe_word

_LONGEST_LINE = 2000


def safe_lines(output: str) -> list[str]:
    """Return what a task wrote as lines that are safe to show; no lines for nothing. A line end of Windows is one."""
    text = output.replace("\r\n", "\n").rstrip("\n")
    return [safe_word(line.replace("\t", "    "), limit=_LONGEST_LINE) for line in text.split("\n")] if text else []
