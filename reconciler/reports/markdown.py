"""Reports as Markdown, for a pull request, an issue or the summary of a workflow."""

from collections.abc import Iterator, Sequence

from reconciler.model.markup import code_fence, code_span
from reconciler.model.report import Report, ReportTask
from reconciler.model.run import Occurrence
from reconciler.reports.figures import (
    NONE,
    count_by_status,
    deciding_task,
    device_of,
    duration_of,
    end_words,
    fate_of,
    format_duration,
    is_success,
)
from reconciler.reports.questions import question_words
from reconciler.reports.safe import safe_lines

MOST_ROWS = 200
MOST_DETAILS = 20
MOST_LINES = 20


def render_markdown(reports: Sequence[Report], *, not_run: Sequence[Occurrence] = ()) -> str:
    """Return a line of totals, a table with a row for each run, and the end of the output of those that went wrong,
    and what was asked of a person.

    ``not_run`` are the instants that did not run: they get a table of their own.

    Every word that is not ours stands in a code span: it is no link, no mention and no HTML.  What is cut is said.
    """
    lines = [_totals(reports), "", *_table(reports)]
    bad = [report for report in reports if _has_details(report)]
    for report in bad[:MOST_DETAILS]:
        lines += ["", *_details(report)]
    lines += _cut(len(bad), MOST_DETAILS, "runs that went wrong")
    lines += _questions(reports)
    lines += _not_run(not_run)
    return "\n".join(lines) + "\n"


def _totals(reports: Sequence[Report]) -> str:
    parts = [f"{count} {status}" for status, count in count_by_status(reports).items()]
    runs = "1 run" if len(reports) == 1 else f"{len(reports):,} runs"
    return f"**{runs}**: {', '.join(parts)}" if parts else "**No runs**"


def _table(reports: Sequence[Report]) -> Iterator[str]:
    if not reports:
        return
    yield "| Status | Job | Device | Started (UTC) | Duration | Exit | Commit | Run |"
    yield "|---|---|---|---|---:|---:|---|---|"
    for report in reports[:MOST_ROWS]:
        yield f"| {' | '.join(_row(report))} |"
    yield from _cut(len(reports), MOST_ROWS, "runs in all")


def _questions(reports: Sequence[Report]) -> Iterator[str]:
    asking = [(report, task) for report in reports for task in report.tasks if task.questions]
    if not asking:
        return
    yield from ("", "**Questions**", "")
    for report, task in asking[:MOST_DETAILS]:
        for question in task.questions[:MOST_DETAILS]:
            where = f"{code_span(report.run.job_id)} on {code_span(device_of(report))}, task {code_span(task.id)}"
            yield f"- {where}: {question_words(question, code_span)}"
        yield from _cut(len(task.questions), MOST_DETAILS, "questions of that task")
    yield from _cut(len(asking), MOST_DETAILS, "tasks that asked")


def _not_run(occurrences: Sequence[Occurrence]) -> Iterator[str]:
    if not occurrences:
        return
    yield from ("", "**Did not run**", "", "| Job | Scheduled for (UTC) | What became of it |", "|---|---|---|")
    for item in occurrences[:MOST_ROWS]:
        yield f"| {_cell(item.job_id)} | {item.scheduled_for:%Y-%m-%d %H:%M} | {_cell(fate_of(item))} |"
    if len(occurrences) > MOST_ROWS:
        yield from ("", f"... the first {MOST_ROWS} of {len(occurrences):,}")


def _row(report: Report) -> Iterator[str]:
    run, task = report.run, deciding_task(report)
    yield f"**{_status(report)}**" if not is_success(report) else _status(report)
    yield _cell(run.job_id)
    yield _cell(device_of(report))
    yield _cell(run.started_at[:19].replace("T", " ")) if run.started_at else NONE
    yield format_duration(duration_of(report))
    yield NONE if task is None or task.exit_code is None else str(task.exit_code)
    yield _cell(report.source.commit[:12]) if report.source.commit else NONE
    yield _cell(run.uid)


def _status(report: Report) -> str:
    reason = f" ({_cell(report.run.reason)})" if report.run.reason else ""
    return f"{_cell(report.run.status)}{reason}"


def _cell(text: str) -> str:
    return code_span(text, in_table=True)


def _has_details(report: Report) -> bool:
    task = None if is_success(report) else deciding_task(report)
    return task is not None and bool(task.exit_code is not None or task.meaning or task.stdout.tail or task.stderr.tail)


def _details(report: Report) -> Iterator[str]:
    task = deciding_task(report)
    assert task is not None
    ended = f"{code_span(report.run.status)}{end_words(task, code_span)}"
    yield f"{code_span(report.run.job_id)} on {code_span(device_of(report))}: {ended}"
    yield from _output(task)


def _output(task: ReportTask) -> Iterator[str]:
    for name, stream in (("stdout", task.stdout), ("stderr", task.stderr)):
        lines = safe_lines(stream.tail)
        if not lines:
            continue
        shown = lines[-MOST_LINES:]
        fence = code_fence(*shown)
        part = f", the last {len(shown)} lines" if len(lines) > len(shown) else ""
        quoted = [f"| {line}" for line in shown]
        yield from ("", f"{name} of task {code_span(task.id)}{part}:", "", f"{fence}text", *quoted, fence)


def _cut(count: int, most: int, which: str) -> list[str]:
    return ["", f"... the first {most} of {count:,} {which}"] if count > most else []
