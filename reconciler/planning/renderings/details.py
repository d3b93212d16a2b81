"""One change in full, as rows that a rendering writes in its own way."""

from collections.abc import Callable, Iterator, Sequence

from msgspec import Struct

from reconciler.model.change import Action, Change, FieldCause
from reconciler.model.text import safe_line
from reconciler.planning.judgement_values import Judgement, Starts, TextChange
from reconciler.planning.renderings.words import (
    Foreign,
    Judged,
    Words,
    cause_words,
    counted,
    device_words,
    fan_out_words,
    moments_of,
    pace_words,
    starts_words,
    value_words,
)


class Row(Struct, frozen=True, kw_only=True):
    """A fact before and after, each as lines; None where there is no such side."""

    label: str
    before: Sequence[Words] | None
    after: Sequence[Words] | None

    @property
    def differs(self) -> bool:
        return self.before != self.after


def fact_rows(item: Judged) -> list[Row]:
    """Return what starts the object and where, before and after."""
    facts = item.facts
    was, will = facts.before, facts.after
    if was is None and will is None:
        return []
    rows = [_row("Starts", was, will, lambda starts: [list(starts_words(starts))])]
    if (was and was.next_at) or (will and will.next_at):
        rows.append(_row("Next starts", was, will, _moments))
        rows.append(_row("How often", was, will, lambda starts: [_pace(starts)]))
    before, after = (list(device_words(devices)) for devices in (facts.devices_before, facts.devices_after))
    if before or after:
        rows.append(
            Row(
                label="Devices",
                before=[before or ["-"]] if facts.devices_before is not None else None,
                after=[after or ["-"]] if facts.devices_after is not None else None,
            )
        )
    if facts.fan_out is not None:
        rows.append(Row(label="Fan-out", before=None, after=[list(fan_out_words(facts.fan_out))]))
    return rows


class Table(Struct, frozen=True, kw_only=True):
    """``rows`` have as many cells as there are heads, each of lines."""

    heads: Sequence[str]
    rows: Sequence[Sequence[Sequence[Words]]]


def fact_table(item: Judged) -> Table:
    """Return the rows of facts, with the sides that there are; without rows where there is nothing to say."""
    was, will = item.facts.before is not None, item.facts.after is not None
    rows: list[list[Sequence[Words]]] = []
    for row in fact_rows(item):
        sides = [row.before] * was + [row.after] * will
        if was and will and not row.differs:
            sides = [row.after, [["the same"]]]
        rows.append([[[row.label]], *(side or () for side in sides)])
    return Table(heads=["", *["Before"] * was, *["After"] * will], rows=rows)


def field_table(facts: Judgement, most: int | None = None) -> Table:
    """Return a row for each of the first fields; who changed them only where it was not we alone."""
    is_new = not any(fact.before.text for fact in facts.fields)
    has_cause = any(fact.cause is not FieldCause.OURS for fact in facts.fields)
    rows: list[list[Sequence[Words]]] = []
    for fact in facts.fields[:most]:
        sides = [fact.after] if is_new else [fact.before, fact.after]
        causes = [[list(cause_words(fact))]] * has_cause
        rows.append([[[Foreign(fact.json_path)]], *([list(value_words(side))] for side in sides), *causes])
    heads = ["Field", *([] if is_new else ["Before"]), "Value" if is_new else "After", *["Who"] * has_cause]
    return Table(heads=heads, rows=rows)


def text_words(text: TextChange) -> str:
    """Return ``1 line added, 2 removed``, and what else is to be said of a text."""
    counts = f"{counted(text.added, 'line')} added, {text.removed:,} removed" if text.lines else ""
    return "; ".join(part for part in (counts, text.note) if part)


def _row(label: str, was: Starts | None, will: Starts | None, tell: Callable[[Starts], Sequence[Words]]) -> Row:
    return Row(
        label=label,
        before=tell(was) if was is not None else None,
        after=tell(will) if will is not None else None,
    )


def _moments(starts: Starts) -> list[Words]:
    if starts.is_vague and starts.next_at:
        return [["not known here: they count from when it was applied first"]]
    told: list[Words] = [[f"{local} = {utc}" if utc else local] for local, utc in moments_of(starts)]
    if told and starts.is_from_apply:
        told.append(["if applied now: it counts from then"])
    return told or [["none"]]


def _pace(starts: Starts) -> Words:
    late = f", each up to {starts.jitter_seconds} s later" if starts.jitter_seconds else ""
    return [f"{pace_words(starts)}{late}"]


def place_words(change: Change) -> Iterator[str | Foreign]:
    """Yield where the object is declared, and what is special about the change."""
    if change.path:
        yield "Declared in " if change.action not in {Action.DELETE, Action.RETIRE} else "Was declared in "
        yield Foreign(change.path)
    if change.from_path:
        yield ", before in "
        yield Foreign(change.from_path)
    if change.reason:
        yield "; " if change.path else ""
        yield Foreign(change.reason)


def diff_lines(text: TextChange) -> Iterator[str]:
    """Yield the lines of a diff, safe to show: what follows a sign is foreign."""
    for line in text.lines:
        yield line if line.startswith("@@") else line[:1] + safe_line(line[1:])
