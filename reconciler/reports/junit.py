"""Reports as JUnit XML, for build services that show tests: a job is a suite, a run of it a case."""

from collections.abc import Sequence
from xml.etree import ElementTree as ET

from reconciler.model.report import Report
from reconciler.model.run import Occurrence, RunStatus
from reconciler.model.text import safe_word
from reconciler.reports.figures import deciding_task, device_of, duration_of, fate_of, is_success, one_line
from reconciler.reports.questions import question_words
from reconciler.reports.safe import safe_lines

_NOT_RUN = frozenset({RunStatus.SKIPPED, RunStatus.EXPIRED})
_FAILED = frozenset({RunStatus.FAILED, RunStatus.TIMEOUT, RunStatus.CANCELLED})


def render_junit(reports: Sequence[Report], *, not_run: Sequence[Occurrence] = ()) -> str:
    """Return the XML document: suites in the order of their first run, cases in the order given.

    Failed, timed out and cancelled runs are failures; skipped and expired ones are skipped; every other end that is not
    completed (lost, unknown) is an error.  ``not_run`` are the instants that did not run: a suite of skipped cases.
    """
    root = ET.Element("testsuites", {"name": "reconciler", **_totals(reports)})
    suites: dict[str, list[Report]] = {}
    for report in reports:
        suites.setdefault(report.run.job_id, []).append(report)
    for job_id, runs in suites.items():
        suite = ET.SubElement(root, "testsuite", {"name": safe_word(job_id), **_totals(runs)})
        for report in runs:
            _add_case(suite, report)
    if not_run:
        _add_not_run(root, not_run)
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _add_not_run(root: ET.Element, occurrences: Sequence[Occurrence]) -> None:
    count = str(len(occurrences))
    totals = {"tests": count, "failures": "0", "errors": "0", "skipped": count, "time": "0.000"}
    for name in ("tests", "skipped"):
        root.set(name, str(int(root.get(name, "0")) + len(occurrences)))
    suite = ET.SubElement(root, "testsuite", {"name": "did not run", **totals})
    for item in occurrences:
        words = {"classname": safe_word(item.job_id), "name": safe_word(item.trigger.key), "time": "0.000"}
        ET.SubElement(ET.SubElement(suite, "testcase", words), "skipped", {"message": fate_of(item)})


def _totals(reports: Sequence[Report]) -> dict[str, str]:
    kinds = [_kind(report) for report in reports]
    totals = {"tests": str(len(kinds))}
    totals |= {f"{name}s": str(kinds.count(name)) for name in ("failure", "error")}
    totals["skipped"] = str(kinds.count("skipped"))
    return totals | {"time": f"{sum(_seconds(report) for report in reports):.3f}"}


def _kind(report: Report) -> str:
    if is_success(report):
        return ""
    if report.run.status in _NOT_RUN:
        return "skipped"
    return "failure" if report.run.status in _FAILED else "error"


def _add_case(suite: ET.Element, report: Report) -> None:
    run = report.run
    case = ET.SubElement(
        suite,
        "testcase",
        {
            "classname": safe_word(run.job_id),
            "name": safe_word(f"{run.trigger.key} on {device_of(report)}"),
            "time": f"{_seconds(report):.3f}",
        },
    )
    properties = ET.SubElement(case, "properties")
    for name, value in (("uid", run.uid), ("commit", report.source.commit), ("path", report.source.path)):
        ET.SubElement(properties, "property", {"name": name, "value": safe_word(value)})
    for question in (question for task in report.tasks for question in task.questions):
        words = question_words(question, safe_word)
        ET.SubElement(properties, "property", {"name": "question", "value": words})
    kind = _kind(report)
    if kind:
        outcome = ET.SubElement(case, kind, {"message": _message(report)})
        if kind != "skipped":
            outcome.set("type", safe_word(run.reason or run.status))
            outcome.text = one_line(report)
    for name, tails in (
        ("system-out", [(task.id, task.stdout.tail) for task in report.tasks]),
        ("system-err", [(task.id, task.stderr.tail) for task in report.tasks]),
    ):
        lines = [f"[{safe_word(task_id)}] {line}" for task_id, tail in tails for line in safe_lines(tail)]
        if lines:
            ET.SubElement(case, name).text = "\n".join(lines)


def _message(report: Report) -> str:
    task = deciding_task(report)
    words = report.run.status + (f" ({report.run.reason})" if report.run.reason else "")
    if task is None or (task.exit_code is None and not task.meaning):
        return safe_word(words)
    code = "" if task.exit_code is None else f" ended with exit code {task.exit_code}"
    return safe_word(f"{words}: task {task.id}{code}: {task.meaning}")


def _seconds(report: Report) -> float:
    duration = duration_of(report)
    return max(0.0, duration.total_seconds()) if duration else 0.0
