"""Reports as text for a terminal."""

from collections.abc import Iterator, Sequence

from reconciler.model.report import Report, ReportStream, ReportTask
from reconciler.model.text import safe_word
from reconciler.reports.figures import NONE, duration_of, end_words, format_duration, task_duration, value_words
from reconciler.reports.questions import question_words
from reconciler.reports.safe import safe_lines

SHOWN_LINES = 40


def render_reports(reports: Sequence[Report]) -> str:
    """Return each report as a few lines of text, with the end of what its tasks wrote; a blank line between two."""
    return "\n".join("".join(f"{line}\n" for line in _report_lines(report)) for report in reports)


def _report_lines(report: Report) -> Iterator[str]:
    run, source = report.run, report.source
    reason = f" ({safe_word(run.reason)})" if run.reason else ""
    yield f"Run {safe_word(run.uid)} of {safe_word(run.job_id)}: {safe_word(run.status)}{reason}"
    fields = {
        "Device": f"{safe_word(run.device.hostname or run.device.uid or NONE)} on target {safe_word(run.target)}",
        "Trigger": safe_word(run.trigger.key),
        "Started": safe_word(run.started_at or NONE),
        "Duration": format_duration(duration_of(report)),
        "Attempt": str(run.attempt) if run.attempt > 1 else "",
        "Asked by": safe_word(run.requested_by),
        "Parent": safe_word(run.parent_uid or ""),
        "Commit": safe_word(source.commit or NONE),
        "File": f"{safe_word(source.path)} (blob {safe_word(source.blob[:12])})" if source.path else "",
        "Changed in": safe_word(source.changed_in) if source.changed_in != source.commit else "",
        "Parameters": ", ".join(
            f"{safe_word(name)}={safe_word(value_words(value))}" for name, value in report.parameters.items()
        ),
    }
    yield from (f"  {name + ':':<12}{value}" for name, value in fields.items() if value)
    for task in report.tasks:
        yield from _task_lines(task)


def _task_lines(task: ReportTask) -> Iterator[str]:
    took = "" if task.started_at is None else f" in {format_duration(task_duration(task))}"
    yield f"  Task {safe_word(task.id)}: {safe_word(task.status)}{took}{end_words(task, safe_word)}"
    yield from (f"    warning: {safe_word(warning)}" for warning in task.warnings)
    yield from (f"    {safe_word(name)} = {safe_word(value_words(value))}" for name, value in task.outputs.items())
    yield from (f"    {question_words(question, safe_word)}" for question in task.questions)
    if task.children:
        yield f"    started: {', '.join(map(safe_word, task.children))}"
    yield from _stream_lines("stdout", task.stdout)
    yield from _stream_lines("stderr", task.stderr)


def _stream_lines(name: str, stream: ReportStream) -> Iterator[str]:
    lines = safe_lines(stream.tail)
    if not lines:
        return
    hidden = len(lines) - SHOWN_LINES
    shown = len(stream.tail.encode("utf-8", "replace"))
    part = f", the last {shown:,} bytes of {stream.bytes:,}" if stream.bytes > shown else ""
    yield f"    {name}{part}:"
    if hidden > 0:
        yield f"      ({hidden} lines before)"
    yield from (f"      | {line}" for line in lines[max(0, hidden) :])
