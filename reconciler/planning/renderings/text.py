"""A plan as text for a terminal or a log: the signs, one line per change, its fields below, the sum last."""

from collections.abc import Iterator
from itertools import groupby
from typing import Any

import msgspec

from reconciler.model.change import Action, Change, FieldChange, Guard, Plan
from reconciler.model.forms import OneOff
from reconciler.model.job import Job
from reconciler.model.text import escape_text
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
    Action.HELD: "2",
    Action.ONE_OFF: "36",
}
_VALUE_LIMIT = 120
CHANGING = (Action.UPDATE, Action.REPLACE, Action.MOVE, Action.SUSPEND, Action.RESUME, Action.DRIFT)


def render_plan(plan: Plan, *, color: bool = False) -> str:
    """Return the plan as lines, each ended by a newline; all text from definitions is escaped."""
    lines: list[str] = []
    for target, changes in groupby(plan.changes, key=lambda change: change.target):
        lines.append(f"{target}:")
        for change in changes:
            lines += _change_lines(change, color)
    lines += [_paint(f"! {line}", "31", color) for guard in plan.guards for line in _guard_lines(guard)]
    lines.append(summarise_plan(plan))
    return "".join(f"{line}\n" for line in lines)


def summarise_plan(plan: Plan) -> str:
    """Return ``Plan: 2 to create, 1 to change, 0 to delete, 1 to run. digest 3f9a...``."""
    parts = [
        f"{plan.count(Action.CREATE, Action.ADOPT)} to create",
        f"{plan.count(*CHANGING)} to change",
        f"{plan.count(Action.DELETE)} to delete",
        f"{plan.count(Action.ONE_OFF)} to run",
    ]
    if held := plan.count(Action.HELD):
        parts.append(f"{held} held")
    return f"Plan: {', '.join(parts)}. digest {plan.digest[:12]}"


def _change_lines(change: Change, color: bool) -> Iterator[str]:
    what = f"{change.kind.value} {escape_text(change.id)}"
    if isinstance(change.after, OneOff):
        what += f" -> {escape_text(change.after.job)}"
    reason = f"  ({escape_text(change.reason, limit=_VALUE_LIMIT)})" if change.reason else ""
    yield (
        _paint(f"  {change.action.sign:<3} {what}", _COLOURS[change.action], color)
        + f"  {escape_text(change.path)}{reason}"
    )
    if change.action is Action.CREATE and isinstance(change.after, Job):
        yield f"        runs {start_words(change.after)}"
    for field in change.fields:
        yield f"        {_field_line(change, field)}"


def start_words(job: Job) -> str:
    """Return in words what starts ``job``: its schedule, its events, or nothing by itself."""
    parts = [describe_schedule(job.schedule)] if job.schedule else []
    parts += [f"at event {escape_text(event.event_type)}" for event in job.events]
    words = " and ".join(parts) or "only when asked to"
    return words if job.enabled else f"{words}, but is disabled"


def _field_line(change: Change, field: FieldChange) -> str:
    if field.json_path.partition(".")[0] == "schedule":
        before, after = (_schedule_words(form) for form in (change.before, change.after))
        if before != after:
            return f"{field.json_path}: {_value(field.before)} -> {_value(field.after)}  ({before} -> {after})"
    return f"{field.json_path}: {_value(field.before)} -> {_value(field.after)}"


def _schedule_words(form: object) -> str:
    return describe_schedule(form.schedule) if isinstance(form, Job) and form.schedule else "no schedule"


def _value(value: Any) -> str:
    if value is None:
        return "(none)"
    text = value if isinstance(value, str) else msgspec.json.encode(value, order="sorted").decode()
    return escape_text(text, limit=_VALUE_LIMIT)


def _guard_lines(guard: Guard) -> Iterator[str]:
    end = "" if guard.warning else "; nothing is changed there."
    yield f"{guard.code} {escape_text(guard.message)}{end}"
    if guard.override:
        yield f"  If this is meant: {guard.override}"


def _paint(text: str, colour: str, color: bool) -> str:
    return f"\033[{colour}m{text}\033[0m" if color else text
