"""A plan as the document that ``schemas/plan.schema.json`` describes."""

from typing import Any

import msgspec

from reconciler.model.change import Action, Change, Plan

SCHEMA_VERSION = 1


def plan_document(plan: Plan) -> dict[str, Any]:
    """Return the plan as JSON types."""
    return {
        "schemaVersion": SCHEMA_VERSION,
        "commit": plan.commit,
        "treeDigest": plan.tree_digest,
        "digest": plan.digest,
        "summary": {
            "create": plan.count(Action.CREATE),
            "update": plan.count(Action.UPDATE),
            "delete": plan.count(Action.DELETE),
            "replace": plan.count(Action.REPLACE),
            "adopt": plan.count(Action.ADOPT),
            "move": plan.count(Action.MOVE),
            "suspend": plan.count(Action.SUSPEND),
            "resume": plan.count(Action.RESUME),
            "drift": plan.count(Action.DRIFT),
            "held": plan.count(Action.HELD),
            "run": plan.count(Action.ONE_OFF),
        },
        "changes": [_change_document(change) for change in plan.changes],
        "guards": [msgspec.to_builtins(guard) for guard in plan.guards],
    }


def _change_document(change: Change) -> dict[str, Any]:
    return {
        "action": change.action.value,
        "kind": change.kind.value,
        "id": change.id,
        "target": change.target,
        "path": change.path,
        "fromPath": change.from_path,
        "reason": change.reason,
        "fields": [msgspec.to_builtins(field) for field in change.fields],
    }
