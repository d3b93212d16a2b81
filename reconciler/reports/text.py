"""Reports as text for a terminal."""

from collections.abc import Iterable, Iterator, Sequence

from reconciler.model.report import Report, ReportStream, ReportTask
from reconciler.model.run import RunStatus
from reconciler.model.text import escape_text
from reconciler.reports.figures import NONE, duration_of, format_duration, task_duration

SHOWN_LINES = 40


def render_reports(reports: Sequence[Report]) -> str:
    """Return each report as a few lines of text, with the end of what its tasks wrote; a blank line between two."""
    return "\n".join("".join(f"{line}\n" for line in _report_lines(report)) for report in reports)


def _report_lines(report: Report) -> Iterator[str]:
    run, source = report.run, report.source
    reason = f" ({_word(run.reason)})" if run.reason else ""
    yield f"Run {_word(run.uid)} of {_word(run.job_id)}: {_word(run.status)}{reason}"
    fields = {
        "Device": f"{_word(run.device.hostname or run.device.uid or NONE)} on target {_word(run.target)}",
        "Trigger": _word(run.trigger.key),
        "Started": _word(run.started_at or NONE),
        "Duration": format_duration(duration_of(report)),
        "Attempt": str(run.attempt) if run.attempt > 1 else "",
        "Asked by": _word(run.requested_by),
        "Commit": _word(source.commit or NONE),
        "File": f"{_word(source.path)} (blob {_word(source.blob[:12])})" if source.path else "",
        "Changed in": _word(source.changed_in) if source.changed_in != source.commit else "",
        "Parameters": ", ".join(f"{_word(name)}={_word(str(value))}" for name, value in report.parameters.items()),
    }
    yield from (f"  {name + ':':<12}{value}" for name, value in fields.items() if value)
    for task in report.tasks:
        yield from _task_lines(task)


def _task_lines(task: ReportTask) -> Iterator[str]:
    exit_code = "" if task.exit_code is None else f", exit {task.exit_code}: {_word(task.meaning)}"
    took = "" if task.started_at is None else f" in {format_duration(task_duration(task))}"
    yield f"  Task {_word(task.id)}: {_word(task.status)}{took}{exit_code}"
    yield from (f"    warning: {_word(warning)}" for warning in task.warnings)
    yield from (f"    {_word(name)} = {_word(str(value))}" for name, value in task.outputs.items())
    yield from _stream_lines("stdout", task.stdout)
    yield from _stream_lines("stderr", task.stderr)


def _stream_lines(name: str, stream: ReportStream) -> Iterator[str]:
    lines = output_lines(stream.tail)
    if not lines:
        return
    hidden = len(lines) - SHOWN_LINES
    shown = len(stream.tail.encode("utf-8", "replace"))
    part = f", the last {shown:,} bytes of {stream.bytes:,}" if stream.bytes > shown else ""
    yield f"    {name}{part}:"
    if hidden > 0:
        yield f"      ... {hidden} lines before"
    yield from (f"      {line}" for line in lines[max(0, hidden) :])


def output_lines(tail: str) -> list[str]:
    """Return output as lines that are safe to show; a line end of Windows counts as one."""
    text = tail.replace("\r\n", "\n").rstrip("\n")
    return [escape_text(line, keep_lines=True, limit=2000) for line in text.split("\n")] if text else []


def count_by_status(reports: Iterable[Report]) -> dict[str, int]:
    """Return how many runs ended in each status, in the order of the statuses."""
    statuses = [report.run.status for report in reports]
    known = {status.value: statuses.count(status.value) for status in RunStatus}
    return {status: count for status, count in known.items() if count}


def _word(text: str) -> str:
    return escape_text(text, limit=500)
