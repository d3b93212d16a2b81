"""A run as JSON types, as commands print it and as a task is told of the runs that it asked for."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from reconciler.model.instant import format_instant
from reconciler.model.run import Question, Run, TaskResult


def run_document(run: Run, tasks: Sequence[TaskResult]) -> dict[str, Any]:
    """Return a run as JSON types: the `run` and `source` of its report, how its tasks went and what they gave back."""
    return {
        "uid": run.uid,
        "jobId": run.job_id,
        "target": run.target,
        "device": {"uid": run.device.uid, "hostname": run.device.hostname, "site": run.device.site},
        "trigger": {"kind": run.trigger.kind.value, "key": run.trigger.key},
        "status": run.status.value,
        "reason": run.reason,
        "scheduledFor": _instant_text(run.scheduled_for),
        "createdAt": _instant_text(run.created_at),
        "startedAt": _instant_text(run.started_at),
        "endedAt": _instant_text(run.ended_at),
        "requestedBy": run.requested_by,
        "parentUid": run.parent_uid,
        "commit": run.origin.commit,
        "path": run.origin.path,
        "blob": run.origin.blob,
        "digest": run.origin.digest,
        "question": question_document(run.question) if run.question is not None else None,
        "tasks": [
            {"id": task.id, "status": task.status.value, "exitCode": task.exit_code, "outputs": task.outputs}
            for task in tasks
        ],
    }


def question_document(question: Question) -> dict[str, Any]:
    """Return an open question as JSON types."""
    return {
        "text": question.text,
        "isSecret": question.is_secret,
        "choices": list(question.choices),
        "askedAt": _instant_text(question.asked_at),
        "deadlineAt": _instant_text(question.deadline_at),
    }


def _instant_text(at: datetime | None) -> str | None:
    return format_instant(at) if at is not None else None
