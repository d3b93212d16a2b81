"""A plan as the document that ``schemas/plan.schema.json`` describes, whole or a line for each change."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from reconciler.model.change import Action, Change, Plan
from reconciler.model.instant import format_instant
from reconciler.model.text import is_unseen
from reconciler.planning.by_hand import ByHand
from reconciler.planning.judgement_values import DeviceFacts, Judgement, Key, Starts, key_of
from reconciler.planning.renderings.by_hand import by_hand_document

SCHEMA_VERSION = 1
_NO_FACTS: Mapping[Key, Judgement] = {}


def plan_document(
    plan: Plan,
    judgements: Mapping[Key, Judgement] = _NO_FACTS,
    *,
    now: datetime | None = None,
    base: str = "",
    by_hand: Sequence[ByHand] | None = None,
) -> dict[str, Any]:
    """Return the plan as JSON types; ``now`` is when it was judged, ``base`` the commit it was compared with.

    ``by_hand`` is what is left to a person, None where nobody looked.
    """
    document = {
        **_head(plan, now, base),
        "changes": [_change_document(change, judgements.get(key_of(change))) for change in plan.changes],
        "guards": [msgspec.to_builtins(guard) for guard in plan.guards],
    }
    return document if by_hand is None else document | {"byHand": by_hand_document(by_hand)}


def render_json(document: Mapping[str, Any]) -> str:
    """Return the document as indented JSON in which nothing is unseen, and no line is a command to a build service."""
    return _safe(msgspec.json.format(msgspec.json.encode(document), indent=2).decode()) + "\n"


def render_jsonl(
    plan: Plan,
    judgements: Mapping[Key, Judgement] = _NO_FACTS,
    *,
    now: datetime | None = None,
    base: str = "",
    by_hand: Sequence[ByHand] = (),
) -> str:
    """Return a line of JSON for the plan, then one for each change, each guard, each target with work for a person.

    Its key says which it is.
    """
    records = [
        {"plan": _head(plan, now, base)},
        *({"change": _change_document(change, judgements.get(key_of(change)))} for change in plan.changes),
        *({"guard": msgspec.to_builtins(guard)} for guard in plan.guards),
        *({"byHand": left} for left in by_hand_document(by_hand)),
    ]
    return "".join(_safe(msgspec.json.encode(record).decode()) + "\n" for record in records)


_DOUBLE = re.compile("#(?=#)")


def _safe(text: str) -> str:
    # Only strings hold such characters, and in them an escape means the same.
    text = _DOUBLE.sub(r"\\u0023", text)
    if text.isascii() and "\x7f" not in text:
        return text
    return "".join(_escape(char) if is_unseen(char) else char for char in text)


def _escape(char: str) -> str:
    units = char.encode("utf-16-be", "surrogatepass")
    return char if char == "\n" else re.sub(r"(....)", r"\\u\1", units.hex())


def _head(plan: Plan, now: datetime | None, base: str) -> dict[str, Any]:
    head = {
        "schemaVersion": SCHEMA_VERSION,
        "commit": plan.commit,
        "treeDigest": plan.tree_digest,
        "digest": plan.digest,
        "summary": {
            "create": plan.count(Action.CREATE),
            "update": plan.count(Action.UPDATE),
            "delete": plan.count(Action.DELETE),
            "retire": plan.count(Action.RETIRE),
            "replace": plan.count(Action.REPLACE),
            "adopt": plan.count(Action.ADOPT),
            "move": plan.count(Action.MOVE),
            "suspend": plan.count(Action.SUSPEND),
            "resume": plan.count(Action.RESUME),
            "drift": plan.count(Action.DRIFT),
            "held": plan.count(Action.HELD),
            "run": plan.count(Action.ONE_OFF),
        },
    }
    if now is not None:
        head["judgedAt"] = format_instant(now)
    return head | {"base": base} if base else head


def _change_document(change: Change, facts: Judgement | None) -> dict[str, Any]:
    document = {
        "action": change.action.value,
        "kind": change.kind.value,
        "id": change.id,
        "target": change.target,
        "path": change.path,
        "fromPath": change.from_path,
        "reason": change.reason,
        "fields": [msgspec.to_builtins(field) for field in change.fields],
    }
    return document | {"facts": _facts_document(facts)} if facts is not None else document


def _facts_document(facts: Judgement) -> dict[str, Any]:
    return {
        "level": facts.level.value,
        "marks": [msgspec.to_builtins(mark) for mark in facts.marks],
        "startsBefore": _starts_document(facts.before),
        "startsAfter": _starts_document(facts.after),
        "devicesBefore": _device_document(facts.devices_before),
        "devicesAfter": _device_document(facts.devices_after),
        "fanOut": msgspec.to_builtins(facts.fan_out),
        "texts": [msgspec.to_builtins(text) for text in facts.texts],
    }


def _starts_document(starts: Starts | None) -> dict[str, Any] | None:
    if starts is None:
        return None
    return msgspec.to_builtins(starts) | {"nextAt": [format_instant(at) for at in starts.next_at]}  # type: ignore[no-any-return]


def _device_document(devices: DeviceFacts | None) -> dict[str, Any] | None:
    if devices is None:
        return None
    return {"selector": dict(devices.selector), "matched": msgspec.to_builtins(devices.matched)}
