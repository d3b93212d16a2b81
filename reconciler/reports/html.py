"""Reports as one HTML page that needs nothing else: totals, a table, and each run with the end of its output."""

from collections.abc import Iterator, Sequence
from html import escape

from reconciler.model.report import Report, ReportTask
from reconciler.model.run import Occurrence
from reconciler.model.text import safe_word
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
    task_duration,
    value_words,
)
from reconciler.reports.questions import question_words
from reconciler.reports.safe import safe_lines

_STYLE = """
:root { color-scheme: light dark; }
body { font: 15px/1.5 system-ui, sans-serif; margin: 0 auto; padding: 1rem; max-width: 1080px; }
body { background: light-dark(#ffffff, #0d1117); color: light-dark(#1f2328, #e6edf3); }
.wide { overflow-x: auto; } table { border-collapse: collapse; width: 100%; } th { text-align: left; }
td, th { border-bottom: 1px solid light-dark(#d1d9e0, #3d444d); padding: .3rem .5rem; vertical-align: top; }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; } .time { white-space: nowrap; }
code, pre { font-size: .88em; } code { overflow-wrap: anywhere; }
pre { background: light-dark(#f6f8fa, #151b23); padding: .6rem; overflow-x: auto; border-radius: 6px; }
.good { color: light-dark(#1a7f37, #3fb950); } .bad { color: light-dark(#cf222e, #f85149); font-weight: 600; }
details { border-bottom: 1px solid light-dark(#d1d9e0, #3d444d); padding: .4rem 0; } summary { cursor: pointer; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .1rem 1rem; } dd { margin: 0; }
"""


def render_html(reports: Sequence[Report], *, title: str, not_run: Sequence[Occurrence] = ()) -> str:
    """Return an HTML document; the runs that did not end well are unfolded, ``not_run`` are instants without a run."""
    totals = ", ".join(f"{count:,} {status}" for status, count in count_by_status(reports).items())
    parts = [
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{_text(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>",
        f"<h1>{_text(title)}</h1>\n<p>{totals or 'No run has ended.'}</p>",
        *_not_run(not_run),
        *_table(reports),
        *(["<h2>Runs</h2>"] if reports else []),
        *(line for number, report in enumerate(reports) for line in _run(number, report)),
        "</body>\n</html>",
    ]
    return "\n".join(parts) + "\n"


def _text(text: str) -> str:
    return escape(safe_word(text))


def _code(text: str) -> str:
    return f"<code>{_text(text)}</code>"


def _first_up(words: str) -> str:
    return words[:1].upper() + words[1:]


def _table(reports: Sequence[Report]) -> Iterator[str]:
    if not reports:
        return
    yield '<div class="wide"><table><thead><tr><th>Status</th><th>Job</th><th>Device</th><th>Started (UTC)</th>'
    yield '<th class="number">Duration</th><th class="number">Exit</th><th>Commit</th></tr></thead><tbody>'
    for number, report in enumerate(reports):
        yield _row(number, report)
    yield "</tbody></table></div>"


def _not_run(occurrences: Sequence[Occurrence]) -> Iterator[str]:
    if not occurrences:
        return
    yield '<h2>Did not run</h2>\n<div class="wide"><table><thead><tr><th>Job</th><th>Scheduled for (UTC)</th>'
    yield "<th>What became of it</th></tr></thead><tbody>"
    for item in occurrences:
        yield f'<tr><td>{_text(item.job_id)}</td><td class="time">{item.scheduled_for:%Y-%m-%d %H:%M}</td>'
        yield f"<td>{escape(fate_of(item))}</td></tr>"
    yield "</tbody></table></div>"


def _row(number: int, report: Report) -> str:
    run, task = report.run, deciding_task(report)
    code = NONE if task is None or task.exit_code is None else str(task.exit_code)
    started = _text(run.started_at[:19].replace("T", " ")) if run.started_at else NONE
    return (
        f'<tr><td>{_status(report)}</td><td><a href="#run-{number}">{_text(run.job_id)}</a></td>'
        f'<td>{_text(device_of(report))}</td><td class="time">{started}</td>'
        f'<td class="number">{format_duration(duration_of(report))}</td><td class="number">{code}</td>'
        f"<td><code>{_text(report.source.commit[:12]) or NONE}</code></td></tr>"
    )


def _status(report: Report) -> str:
    reason = f" ({_text(report.run.reason)})" if report.run.reason else ""
    return f'<span class="{"good" if is_success(report) else "bad"}">{_text(report.run.status)}{reason}</span>'


def _run(number: int, report: Report) -> Iterator[str]:
    run, source = report.run, report.source
    yield f'<details id="run-{number}"{"" if is_success(report) else " open"}>'
    yield f"<summary>{_status(report)} <b>{_text(run.job_id)}</b> <code>{_text(run.uid)}</code></summary>\n<dl>"
    fields = {
        "Device": f"{device_of(report)} on target {run.target}",
        "Trigger": run.trigger.key,
        "Asked by": run.requested_by,
        "Parent": run.parent_uid or "",
        "Commit": source.commit,
        "Changed in": source.changed_in if source.changed_in != source.commit else "",
        "File": source.path,
        "Blob": source.blob,
        "Attempt": str(run.attempt) if run.attempt > 1 else "",
        "Parameters": ", ".join(f"{name}={value_words(value)}" for name, value in report.parameters.items()),
        "Host": report.host,
    }
    yield from (f"<dt>{name}</dt><dd>{_text(value)}</dd>" for name, value in fields.items() if value)
    yield "</dl>"
    for task in report.tasks:
        yield from _task(task)
    yield "</details>"


def _task(task: ReportTask) -> Iterator[str]:
    took = "" if task.started_at is None else f" in {format_duration(task_duration(task))}"
    yield f"<p>Task <b>{_text(task.id)}</b>: {_text(task.status)}{took}{end_words(task, _text)}</p>"
    yield from (f"<p>Warning: {_text(warning)}</p>" for warning in task.warnings)
    results = (f"{name} = {value_words(value)}" for name, value in task.outputs.items())
    yield from (f"<p>{_code(result)}</p>" for result in results)
    yield from (f"<p>{_first_up(question_words(question, _code))}</p>" for question in task.questions)
    if task.children:
        yield f"<p>Started {', '.join(map(_code, task.children))}</p>"
    for name, stream in (("stdout", task.stdout), ("stderr", task.stderr)):
        lines = safe_lines(stream.tail)
        if lines:
            cut = stream.bytes > len(stream.tail.encode("utf-8", "replace"))
            part = f", the end of {stream.bytes:,} bytes" if cut else ""
            yield f"<p>{name}{part}:</p>\n<pre>{escape(chr(10).join(lines))}</pre>"
