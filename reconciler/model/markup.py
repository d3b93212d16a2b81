"""Foreign words in Markdown and HTML: whatever is in them stays text."""

import re

from reconciler.model.text import safe_word

NOTHING = "-"


def code_span(text: str, *, limit: int = 200, in_table: bool = False) -> str:
    """Return ``text`` as a code span: no link, no mention, no HTML, whatever is in it."""
    safe = safe_word(text, limit=limit) or NOTHING
    longest = longest_run(safe)
    fence = "`" * (longest + 1)
    padding = " " if longest or safe.strip() != safe else ""
    span = f"{fence}{padding}{safe}{padding}{fence}"
    if not in_table:
        return span
    # In a table GitHub ends a cell at a bar, even within a code span, unless there is a backslash before it. Whether
    # two backslashes before a bar end the cell is answered differently; so there are never two.
    return re.sub(r"(\\+)\|", r"\1\\x7c", span).replace("|", "\\|")


def code_fence(*lines: str) -> str:
    """Return a fence that no line of ``lines`` can close."""
    return "`" * max(3, 1 + max(map(longest_run, lines), default=0))


def longest_run(text: str) -> int:
    """Return how many backticks stand in a row."""
    return max(map(len, re.findall("`+", text)), default=0) if "`" in text else 0
