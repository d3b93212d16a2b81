"""A plan as text for a terminal or a log: the signs, one line per change, its facts below, the sum last."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

import msgspec

from reconciler.model.change import Action, Change, FieldCause, FieldChange, Guard, Plan
from reconciler.model.forms import OneOff, Variable
from reconciler.model.job import Job
from reconciler.model.text import safe_line, safe_word
from reconciler.planning.by_hand import ByHand
from reconciler.planning.judgement_texts import excerpt_of
from reconciler.planning.judgement_values import Judgement, Key, Level, TextChange, key_of
from reconciler.planning.renderings.by_hand import TITLE, WHY, detail_words, shown_steps, step_words
from reconciler.planning.renderings.details import diff_lines, fact_rows, text_words
from reconciler.planning.renderings.words import (
    ARROW,
    Judged,
    Words,
    cause_words,
    count_words,
    counted,
    in_reading_order,
    mark_words,
    object_words,
    value_words,
    write,
)
from reconciler.schedule.words import describe_schedule

_COLOURS = {
    Action.CREATE: "32",
    Action.ADOPT: "32",
    Action.UPDATE: "33",
    Action.REPLACE: "33",
    Action.MOVE: "33",
    Action.SUSPEND: "33",
    Action.RESUME: "33",
    Action.DRIFT: "33",
    Action.DELETE: "31",
    Action.RETIRE: "31",
    Action.HELD: "2",
    Action.ONE_OFF: "36",
}
_LEVEL_COLOURS = {Level.DANGER: "1;31", Level.CAUTION: "33", Level.NOTE: "2"}
_LEFT_ALONE = (FieldCause.UNMANAGED, FieldCause.VENDOR_DEFAULT)
_VALUE_LIMIT = 120
_MOST_LINES = 40
_MOST_FIELDS = 40
_MOST_DANGEROUS = 20
_NO_FACTS: Mapping[Key, Judgement] = {}


def render_plan(
    plan: Plan,
    judgements: Mapping[Key, Judgement] = _NO_FACTS,
    *,
    by_hand: Sequence[ByHand] = (),
    color: bool = False,
) -> str:
    """Return the plan as lines, each ended by a newline; all text from definitions is escaped.

    With ``judgements`` each change tells its facts, and what is dangerous is told again before the sum, where a reader
    at a terminal looks first.  ``by_hand`` is what is left to a person.
    """
    lines: list[str] = []
    for target, changes in groupby(plan.changes, key=lambda change: change.target):
        lines.append(f"{safe_line(target)}:")
        for change in changes:
            lines += _change_lines(change, judgements.get(key_of(change)), color)
    lines += _left_to_a_person(by_hand, color)
    lines += _dangerous(in_reading_order(plan, judgements), color)
    lines += [_paint(f"! {line}", "31", color) for guard in plan.guards for line in _guard_lines(guard)]
    lines.append(summarise_plan(plan))
    return "".join(f"{line}\n" for line in lines)


def summarise_plan(plan: Plan) -> str:
    """Return ``Plan: 2 to create, 1 to change, 0 to delete, 1 to run. digest 3f9a...``."""
    return f"Plan: {count_words(plan)}. digest {plan.digest[:12]}"


def _change_lines(change: Change, facts: Judgement | None, color: bool) -> Iterator[str]:
    what = f"{change.kind.value} {safe_word(change.id)}"
    if isinstance(change.after, OneOff):
        what += f" -> {safe_word(change.after.job)}"
    place = safe_word(change.path)
    if change.from_path:
        place = f"{safe_word(change.from_path)} -> {place}"
    reason = f"  ({safe_word(change.reason, limit=_VALUE_LIMIT)})" if change.reason else ""
    yield _paint(f"  {change.action.sign:<3} {what}", _COLOURS[change.action], color) + f"  {place}{reason}"
    if facts is not None:
        yield from (f"        {line}" for line in _fact_lines(change, facts, color))
        return
    if change.action is Action.CREATE and isinstance(change.after, Job):
        yield f"        runs {start_words(change.after)}"
    for field in change.fields:
        yield f"        {_field_line(change, field)}"


def _fact_lines(change: Change, facts: Judgement, color: bool) -> Iterator[str]:
    """Yield what a reviewer has to know; of a new object not each field, but what it is and does."""
    for mark in facts.marks:
        yield _paint(f"{mark.level.value}: {_plain(mark_words(mark))}", _LEVEL_COLOURS[mark.level], color)
    for row in fact_rows(Judged(1, change, facts)):
        # Of several instants the first will do; the other renderings have more.
        before, after = (_plain(side[0]) if side else "" for side in (row.before, row.after))
        if change.action is Action.DELETE:
            yield f"starts: {before} -> never"
            break  # when it would have started next is nothing to expect
        is_same = row.before is None or row.after is None or before == after
        yield f"{row.label.lower()}: {after or before}" if is_same else f"{row.label.lower()}: {before} -> {after}"
    if facts.after is not None:
        yield from (f"clock change: {remark}" for remark in facts.after.clock_changes)
    if change.before is None and change.live is None and not isinstance(change.after, Variable):
        return
    for fact in facts.fields[:_MOST_FIELDS]:
        words = f"{_value(fact.json_path)}: {_plain(value_words(fact.before))}"
        if fact.cause not in _LEFT_ALONE:
            words += f" -> {_plain(value_words(fact.after))}"
        yield words if fact.cause is FieldCause.OURS else f"{words}  ({_plain(cause_words(fact))})"
    if more := facts.more_fields + max(0, len(facts.fields) - _MOST_FIELDS):
        yield f"and {counted(more, 'more field')}"
    for text in facts.texts:
        yield from _text_lines(text, color)


def _text_lines(text: TextChange, color: bool) -> Iterator[str]:
    yield f"{_value(text.json_path)}: {text_words(text)}"
    for line in diff_lines(excerpt_of(text, _MOST_LINES)):
        yield _paint(f"  | {line}", {"+": "32", "-": "31", "@": "36"}.get(line[:1], ""), color)


def _left_to_a_person(by_hand: Sequence[ByHand], color: bool) -> Iterator[str]:
    steps, more = shown_steps(by_hand)
    unseen = [left for left in by_hand if left.unseen]
    if not steps and not unseen:
        return
    yield _paint(f"{TITLE} ({WHY}):", _LEVEL_COLOURS[Level.CAUTION], color)
    for target, step in steps:
        yield f"  {safe_word(target)}: {_plain(step_words(step))}"
        yield from (f"        {_plain(line)}" for line in detail_words(step))
    if more:
        yield f"  and {more:,} more"
    for left in unseen:
        yield f"  {safe_word(left.target)}: its components were not compared: {safe_word(left.unseen)}"


def _dangerous(judged: Iterable[Judged], color: bool) -> Iterator[str]:
    found = [item for item in judged if item.facts.level is Level.DANGER]
    if not found:
        return
    yield _paint("Look at these first:", _LEVEL_COLOURS[Level.DANGER], color)
    for item in found[:_MOST_DANGEROUS]:
        marks = "; ".join(_plain(mark_words(mark)) for mark in item.facts.marks if mark.level is Level.DANGER)
        yield f"  {item.change.action.sign:<3} {_plain(object_words(item.change))}: {marks}"
    if (more := len(found) - _MOST_DANGEROUS) > 0:
        yield f"  and {more:,} more"


def start_words(job: Job) -> str:
    """Return in words what starts ``job``: its schedule, its events, or nothing by itself."""
    parts = [describe_schedule(job.schedule)] if job.schedule else []
    parts += [f"at event {safe_word(event.event_type)}" for event in job.events]
    words = " and ".join(parts) or "only when asked to"
    return words if job.enabled else f"{words}, but is disabled"


def _field_line(change: Change, field: FieldChange) -> str:
    if field.json_path.partition(".")[0] == "schedule":
        before, after = (_schedule_words(form) for form in (change.before, change.after))
        if before != after:
            return f"{_value(field.json_path)}: {_value(field.before)} -> {_value(field.after)}  ({before} -> {after})"
    return f"{_value(field.json_path)}: {_value(field.before)} -> {_value(field.after)}"


def _schedule_words(form: object) -> str:
    return describe_schedule(form.schedule) if isinstance(form, Job) and form.schedule else "no schedule"


def _value(value: Any) -> str:
    if value is None:
        return "(none)"
    text = value if isinstance(value, str) else msgspec.json.encode(value, order="sorted").decode()
    return safe_word(text, limit=_VALUE_LIMIT)


def _plain(words: Words) -> str:
    return write(words, lambda text: safe_word(text, limit=_VALUE_LIMIT), lambda text: text.replace(ARROW, "->"))


def _guard_lines(guard: Guard) -> Iterator[str]:
    end = "" if guard.warning else "; nothing is changed there."
    yield f"{guard.code} {safe_word(guard.message)}{end}"
    if guard.override:
        yield f"  If this is meant: {guard.override}"


def _paint(text: str, colour: str, color: bool) -> str:
    return f"\033[{colour}m{text}\033[0m" if color and colour else text
