"""One change in full, as rows that a rendering writes in its own way."""

from collections.abc import Callable, Iterator, Sequence

from msgspec import Struct

from reconciler.model.change import Action, Change
from reconciler.model.text import safe_line
from reconciler.planning.judgement_values import Starts, TextChange
from reconciler.planning.renderings.words import (
    Foreign,
    Judged,
    Words,
    device_words,
    fan_out_words,
    moments_of,
    pace_words,
    starts_words,
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


def _row(label: str, was: Starts | None, will: Starts | None, tell: Callable[[Starts], Sequence[Words]]) -> Row:
    return Row(
        label=label,
        before=tell(was) if was is not None else None,
        after=tell(will) if will is not None else None,
    )


def _moments(starts: Starts) -> list[Words]:
    if starts.is_vague:
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
        yield "Declared in " if change.action is not Action.DELETE else "Was declared in "
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
