"""From the store to Git: every durable report goes onto the reports branch once, however often this is interrupted."""

from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import Protocol

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from reconciler.git.report_branch import REPORTS_FOLDER, publish
from reconciler.git.repository import Repository
from reconciler.model.errors import CouldNot, UsageError
from reconciler.model.report import Report, ReportStream, ReportTask
from reconciler.model.run import OutputRecord, Stream
from reconciler.model.settings import ReportOutput, ReportSettings
from reconciler.reports.build import decode_report, encode_report
from reconciler.reports.figures import one_line
from reconciler.store.records import UnpublishedReport

BATCH = 1000


class ReportStore(Protocol):
    """What publishing needs of the store."""

    def unpublished_reports(self, limit: int) -> list[UnpublishedReport]: ...
    def mark_published(self, uids: Collection[str], *, commit: str) -> None: ...
    def output(self, uid: str) -> list[OutputRecord]: ...


class Published(Struct, frozen=True, kw_only=True):
    """What became of it: ``commit`` is the tip of the reports branch, or empty when nothing was published.

    ``problem`` says why reports wait for the next time (not published, or not pushed); empty when none does.
    """

    commit: str = ""
    count: int = 0
    pushed: bool = False
    problem: str = ""


def publish_reports(
    store: ReportStore, repository: Repository, *, settings: ReportSettings, now: datetime
) -> Published:
    """Publish all reports that are not published yet, and push them where the settings say so."""
    commit, count = "", 0
    try:
        while batch := store.unpublished_reports(BATCH):
            commit = _publish_batch(store, repository, batch, settings=settings, now=now)
            store.mark_published([item.uid for item in batch], commit=commit)
            count += len(batch)
        pushed = _push(repository, settings)
    except (CouldNot, UsageError) as error:
        problem = f"{error}. {error.hint}".rstrip(". ") if error.hint else str(error)
        return Published(commit=commit, count=count, problem=problem)
    return Published(commit=commit, count=count, pushed=pushed)


def report_path(uid: str, ended_at: datetime) -> str:
    """Return where a report is on the branch: by the hour, so that no folder becomes large."""
    return f"{REPORTS_FOLDER}/{ended_at.astimezone(UTC):%Y/%m/%d/%H}/{uid}.json"


def _push(repository: Repository, settings: ReportSettings) -> bool:
    if not settings.push:
        return False
    from reconciler.git.push import needs_push, push  # noqa: PLC0415 - loads GitPython, and few repositories push

    if not needs_push(repository, settings.push, branch=settings.branch):
        return False
    push(repository, settings.push, branch=settings.branch)
    return True


def _publish_batch(
    store: ReportStore,
    repository: Repository,
    batch: Sequence[UnpublishedReport],
    *,
    settings: ReportSettings,
    now: datetime,
) -> str:
    files: list[tuple[str, bytes]] = []
    notes: dict[str, list[str]] = {}
    for item in batch:
        data, line = _shape(store, item, settings)
        files.append((report_path(item.uid, item.ended_at), data))
        if item.commit:
            notes.setdefault(item.commit, []).append(line)
    return publish(
        repository,
        files,
        branch=settings.branch,
        message=f"Report {len(batch)} runs" if len(batch) > 1 else f"Report {batch[0].job_id}: {batch[0].status}",
        notes={commit: "\n".join(lines) for commit, lines in notes.items()},
        now=now,
    )


def _shape(store: ReportStore, item: UnpublishedReport, settings: ReportSettings) -> tuple[bytes, str]:
    """Return the document as it goes into Git, and its line of the note."""
    try:
        report = decode_report(item.data)
    except msgspec.DecodeError:
        # A row that cannot be read must not keep all others back: it goes as it is.
        return item.data, f"{item.status} {item.job_id} {item.uid}"
    return encode_report(_with_output(store, report, settings)), one_line(report)


def _with_output(store: ReportStore, report: Report, settings: ReportSettings) -> Report:
    if settings.output is ReportOutput.FULL:
        return _with_full_output(report, store.output(report.run.uid))
    kept = settings.tail_bytes if settings.output is ReportOutput.TAIL else 0
    tasks = [
        replace(task, stdout=_shortened(task.stdout, kept), stderr=_shortened(task.stderr, kept))
        for task in report.tasks
    ]
    return replace(report, tasks=tuple(tasks))


def _shortened(stream: ReportStream, count: int) -> ReportStream:
    return replace(stream, tail=last_bytes(stream.tail, count))


def _with_full_output(report: Report, records: Sequence[OutputRecord]) -> Report:
    def whole(task: ReportTask, stream: Stream, part: ReportStream) -> ReportStream:
        data = b"".join(item.data for item in records if item.task_id == task.id and item.stream is stream)
        return replace(part, tail=data.decode("utf-8", "backslashreplace")) if data else part

    tasks = [
        replace(task, stdout=whole(task, Stream.STDOUT, task.stdout), stderr=whole(task, Stream.STDERR, task.stderr))
        for task in report.tasks
    ]
    return replace(report, tasks=tuple(tasks))


def last_bytes(text: str, count: int) -> str:
    """Return the end of ``text``, at most ``count`` bytes of UTF-8, beginning with a whole character."""
    data = text.encode("utf-8", "backslashreplace")
    return text if len(data) <= count else data[len(data) - count :].decode("utf-8", "ignore")
