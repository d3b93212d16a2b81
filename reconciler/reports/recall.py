"""Runs as their reports tell of them: for a state that does not know them (any more)."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from msgspec import Struct

from reconciler.model.instant import NewUid, parse_instant
from reconciler.model.report import Report, ReportQuestion, ReportStream, ReportTask
from reconciler.model.run import (
    Device,
    Disposition,
    Occurrence,
    Origin,
    Question,
    Run,
    RunStatus,
    StreamSummary,
    TaskResult,
    Trigger,
    TriggerKind,
)
from reconciler.model.secret import MASK
from reconciler.store.records import FinishedRun


class Recalled(Struct, frozen=True, kw_only=True):
    """One occurrence with its runs as they were made, and how these ended."""

    occurrence: Occurrence
    runs: tuple[Run, ...]
    endings: tuple[FinishedRun, ...]


def recall(reports: Iterable[tuple[Report, bytes]], *, root_of: Mapping[str, str], new_uid: NewUid) -> list[Recalled]:
    """Put the runs of ``reports`` (each with its document) together by what made them due, in the order of their uids.

    ``root_of`` gives the root ids of renamed jobs.  Raises ValueError for a report that contradicts itself.
    """
    together: dict[tuple[str, str, str], list[tuple[Report, bytes]]] = {}
    for report, data in sorted(reports, key=lambda item: item[0].run.uid):
        run = report.run
        together.setdefault((run.target, root_of.get(run.job_id, run.job_id), run.trigger.key), []).append(
            (report, data)
        )
    return [_recall_one(root_id, items, new_uid()) for (_, root_id, _), items in together.items()]


def _recall_one(root_id: str, items: list[tuple[Report, bytes]], occurrence_id: str) -> Recalled:
    runs = tuple(_run(report, root_id, occurrence_id) for report, _ in items)
    endings = tuple(ending_of(report, data) for report, data in items)
    first = runs[0]
    occurrence = Occurrence(
        id=occurrence_id,
        root_id=root_id,
        job_id=first.job_id,
        target=first.target,
        trigger=first.trigger,
        scheduled_for=first.scheduled_for,
        created_at=first.created_at,
        disposition=Disposition.RUN,
        origin=first.origin,
    )
    return Recalled(occurrence=occurrence, runs=runs, endings=endings)


def ending_of(report: Report, data: bytes) -> FinishedRun:
    """Return how the run of a report ended."""
    run = report.run
    return FinishedRun(
        uid=run.uid,
        status=RunStatus(run.status),
        reason=run.reason,
        started_at=_maybe(run.started_at),
        ended_at=parse_instant(run.ended_at or run.created_at),
        tasks=tuple(map(_task, report.tasks)),
        report=data,
    )


def _run(report: Report, root_id: str, occurrence_id: str) -> Run:
    run, source = report.run, report.source
    return Run(
        uid=run.uid,
        occurrence_id=occurrence_id,
        root_id=root_id,
        job_id=run.job_id,
        target=run.target,
        device=Device(uid=run.device.uid, hostname=run.device.hostname, site=run.device.site),
        trigger=Trigger(TriggerKind(run.trigger.kind), run.trigger.key),
        scheduled_for=parse_instant(run.scheduled_for),
        due_at=parse_instant(run.scheduled_for),
        created_at=parse_instant(run.created_at),
        origin=Origin(
            commit=source.commit,
            path=source.path,
            blob=source.blob,
            digest=source.digest,
            changed_in=source.changed_in,
            repository=source.repository,
        ),
        queued_at=_maybe(run.queued_at),
        attempt=run.attempt,
        parent_uid=run.parent_uid,
        requested_by=run.requested_by,
        variables={name: value for name, value in report.parameters.items() if value != MASK},
    )


def _task(task: ReportTask) -> TaskResult:
    return TaskResult(
        id=task.id,
        status=RunStatus(task.status),
        exit_code=task.exit_code,
        meaning=task.meaning,
        started_at=_maybe(task.started_at),
        ended_at=_maybe(task.ended_at),
        stdout=_stream(task.stdout),
        stderr=_stream(task.stderr),
        outputs=task.outputs,
        warnings=task.warnings,
        questions=tuple(_question(number, question) for number, question in enumerate(task.questions, 1)),
        children=task.children,
    )


def _question(number: int, question: ReportQuestion) -> Question:
    return Question(
        key=f"{number}",
        text=question.text,
        is_secret=question.is_secret,
        choices=question.choices,
        asked_at=parse_instant(question.asked_at),
        outcome=question.outcome,
        answer=question.answer,
        answered_by=question.answered_by,
        ended_at=_maybe(question.ended_at),
    )


def _stream(stream: ReportStream) -> StreamSummary:
    return StreamSummary(bytes=stream.bytes, sha256=stream.sha256, tail=stream.tail)


def _maybe(text: str | None) -> datetime | None:
    return None if text is None else parse_instant(text)
