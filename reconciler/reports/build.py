"""The report of an ended run, built from what is known of it."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec

from reconciler import __version__
from reconciler.model.instant import format_instant
from reconciler.model.job import Value
from reconciler.model.report import (
    Report,
    ReportDevice,
    ReportQuestion,
    ReportRun,
    ReportSource,
    ReportStream,
    ReportTask,
    ReportTrigger,
    ReportVersions,
)
from reconciler.model.run import Question, Run, StreamSummary, TaskResult
from reconciler.model.secret import MASK, SecretRef
from reconciler.reports.exit_codes import explain_end


def build_report(
    run: Run,
    tasks: Sequence[TaskResult],
    *,
    parameters: Mapping[str, Value],
    host: str,
    tzdata: str,
    version: str = __version__,
) -> Report:
    """Return the report of ``run``, whose tasks ended as ``tasks`` say.

    ``parameters`` are the values it was given; a secret is shown as ``***``.  ``host`` is the machine that writes the
    report, ``tzdata`` the release of the zone database, ``version`` that of the program.
    """
    return Report(
        run=_run(run),
        source=ReportSource(
            repository=run.origin.repository,
            commit=run.origin.commit,
            path=run.origin.path,
            blob=run.origin.blob,
            digest=run.origin.digest,
            changed_in=run.origin.changed_in,
        ),
        parameters={name: MASK if isinstance(value, SecretRef) else value for name, value in parameters.items()},
        tasks=tuple(_task(task) for task in tasks),
        host=host,
        versions=ReportVersions(reconciler=version, tzdata=tzdata),
    )


def encode_report(report: Report) -> bytes:
    """Return ``report`` as JSON that people can read: two spaces of indent, a line end at the end."""
    return msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n"


def decode_report(data: bytes) -> Report:
    """Read what ``encode_report`` wrote; fields of later versions are passed over. Raises msgspec.ValidationError."""
    return msgspec.json.decode(data, type=Report)


def _run(run: Run) -> ReportRun:
    return ReportRun(
        uid=run.uid,
        job_id=run.job_id,
        target=run.target,
        device=ReportDevice(uid=run.device.uid, hostname=run.device.hostname, site=run.device.site),
        trigger=ReportTrigger(kind=run.trigger.kind.value, key=run.trigger.key),
        scheduled_for=format_instant(run.scheduled_for),
        created_at=format_instant(run.created_at),
        queued_at=_instant(run.queued_at),
        started_at=_instant(run.started_at),
        ended_at=_instant(run.ended_at),
        attempt=run.attempt,
        status=run.status.value,
        reason=run.reason,
        parent_uid=run.parent_uid,
        requested_by=run.requested_by,
    )


def _task(task: TaskResult) -> ReportTask:
    return ReportTask(
        id=task.id,
        status=task.status.value,
        exit_code=task.exit_code,
        meaning=task.meaning or (explain_end(task.status, task.exit_code) if task.exit_code is not None else ""),
        started_at=_instant(task.started_at),
        ended_at=_instant(task.ended_at),
        stdout=_stream(task.stdout),
        stderr=_stream(task.stderr),
        outputs=dict(task.outputs),
        warnings=task.warnings,
        questions=tuple(map(_question, task.questions)),
        children=task.children,
    )


def _question(question: Question) -> ReportQuestion:
    return ReportQuestion(
        text=question.text,
        choices=question.choices,
        is_secret=question.is_secret,
        asked_at=format_instant(question.asked_at),
        outcome=question.outcome,
        answer=question.answer,
        answered_by=question.answered_by,
        ended_at=_instant(question.ended_at),
    )


def _stream(stream: StreamSummary) -> ReportStream:
    return ReportStream(bytes=stream.bytes, sha256=stream.sha256, tail=stream.tail)


def _instant(at: datetime | None) -> str | None:
    return format_instant(at) if at is not None else None
