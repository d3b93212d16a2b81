"""Short words for a report, the same in a note, a table and a page."""

from collections import Counter
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any

import msgspec

from reconciler.model.instant import parse_instant
from reconciler.model.report import Report, ReportTask
from reconciler.model.run import Occurrence, RunStatus
from reconciler.model.text import safe_word

NONE = "-"


def is_success(report: Report) -> bool:
    return report.run.status == RunStatus.COMPLETED


def duration_of(report: Report) -> timedelta | None:
    """Return how long the run took; None when it did not start, or its times cannot be read."""
    return _between(report.run.started_at, report.run.ended_at)


def end_words(task: ReportTask, quote: Callable[[str], str]) -> str:
    """Return how a task ended, to stand behind its status: its exit code and what that means, or why it has none.

    ``quote`` makes a word that is not ours safe to stand there.
    """
    meaning = f": {quote(task.meaning)}" if task.meaning else ""
    return meaning if task.exit_code is None else f", exit {task.exit_code}{meaning}"


def value_words(value: Any) -> str:
    """Return a value as definitions and results write it: text as it is, all else as JSON."""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def task_duration(task: ReportTask) -> timedelta | None:
    return _between(task.started_at, task.ended_at)


def deciding_task(report: Report) -> ReportTask | None:
    """Return the task whose exit code stands for the run: the first that did not complete, else the last."""
    for task in report.tasks:
        if task.status != RunStatus.COMPLETED:
            return task
    return report.tasks[-1] if report.tasks else None


def exit_code_of(report: Report) -> int | None:
    task = deciding_task(report)
    return task.exit_code if task else None


def count_by_status(reports: Iterable[Report]) -> dict[str, int]:
    """Return how many runs ended in each status, in the order of the statuses."""
    counts = Counter(report.run.status for report in reports)
    return {status.value: counts[status.value] for status in RunStatus if counts[status.value]}


def device_of(report: Report) -> str:
    """Return the best name there is of where it ran."""
    return report.run.device.hostname or report.run.device.uid or report.run.target


def format_duration(duration: timedelta | None) -> str:
    """Return ``0.4s``, ``12.3s``, ``2m05s``, ``3h07m`` or ``2d04h``; ``-`` for None."""
    if duration is None:
        return NONE
    seconds = max(0.0, duration.total_seconds())
    if seconds < 59.95:
        return f"{seconds:.1f}s"
    minutes, seconds_left = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes}m{seconds_left:02d}s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes:02d}m" if hours < 48 else f"{hours // 24}d{hours % 24:02d}h"


def fate_of(occurrence: Occurrence) -> str:
    """Return what became of an instant, or a span of them, that did not run: ``missed (3 instants): no scheduler``."""
    instants = f" ({occurrence.count:,} instants)" if occurrence.count > 1 else ""
    reason = f": {safe_word(occurrence.reason)}" if occurrence.reason else ""
    return f"{occurrence.disposition.value}{instants}{reason}"


def one_line(report: Report) -> str:
    """Return the line of a run in the note of its commit: ``completed clean on web-1 0.4s exit 0 0198...``."""
    code = exit_code_of(report)
    words = (
        report.run.status,
        report.run.job_id,
        "on",
        device_of(report),
        format_duration(duration_of(report)),
        "exit",
        NONE if code is None else str(code),
        report.run.uid,
    )
    return " ".join(safe_word(word, limit=100) for word in words)


def _between(started_at: str | None, ended_at: str | None) -> timedelta | None:
    start, end = read_instant(started_at), read_instant(ended_at)
    return end - start if start and end else None


def read_instant(text: str | None) -> datetime | None:
    """Return an instant of a report; None where there is none, or nothing that can be read as one."""
    try:
        return parse_instant(text) if text else None
    except ValueError:
        return None
