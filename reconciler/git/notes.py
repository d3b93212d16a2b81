"""The note of a commit: one line per run, as text; appended to, and merged when two clones appended."""

import re
from collections.abc import Iterable

MOST_LINES = 1000
"""Of a commit that runs for months only the last lines stay in its note; the reports themselves all stay."""

_FOLDED = re.compile(r"\((\d+) earlier, in the reports\)")


def append_lines(note: str, lines: Iterable[str]) -> str:
    """Return ``note`` with ``lines`` behind it; a line that it has already is not repeated."""
    folded, kept = _parse(note)
    have = set(kept)
    for line in lines:
        if line and line not in have:
            have.add(line)
            kept.append(line)
    return _format(folded, kept)


def merge_notes(*, base: str, ours: str, theirs: str) -> str:
    """Return ``theirs`` with what ``ours`` has and ``base`` had not; where lines were folded, the numbers add up."""
    base_folded, base_lines = _parse(base)
    our_folded, our_lines = _parse(ours)
    their_folded, their_lines = _parse(theirs)
    before = set(base_lines)
    # A line that we folded was in the base, so theirs has it or has folded it: only what we folded of our own counts.
    folded_of_ours = max(0, our_folded - base_folded - len(before.difference(our_lines)))
    have = set(their_lines)
    added = [line for line in our_lines if line not in before and line not in have]
    return _format(their_folded + folded_of_ours, [*their_lines, *added])


def _parse(note: str) -> tuple[int, list[str]]:
    lines = [line for line in note.split("\n") if line]
    match = _FOLDED.fullmatch(lines[0]) if lines else None
    return (int(match[1]), lines[1:]) if match else (0, lines)


def _format(folded: int, lines: list[str]) -> str:
    surplus = max(0, len(lines) - MOST_LINES)
    folded += surplus
    head = [f"({folded} earlier, in the reports)"] if folded else []
    return "\n".join([*head, *lines[surplus:]]) + "\n"
