"""How a run stands, in the words of seed 002: queued, running, completed, failed, timed out."""

from collections.abc import Iterable, Sequence
from typing import Any

import click
import msgspec

from reconciler.cli.run_table import deciding_task
from reconciler.cli.suggestions import suggest
from reconciler.model.job import Job, Value, value_text
from reconciler.model.run import OutputRecord, Question, Run, RunStatus, Stream, TaskResult
from reconciler.model.secret import MASK, SecretRef
from reconciler.model.text import escape_text
from reconciler.reports.exit_codes import explain_end
from reconciler.runs.driver import form_of_run
from reconciler.runs.offline import OPTIONS, seen_words
from reconciler.runs.offline import TITLE as OFFLINE_TITLE
from reconciler.store.store import Store
from reconciler.targets.protocol import Note

BAR_WIDTH = 20
_RULE = "-" * 70
TITLES = {
    RunStatus.CREATED: "Job Queued Successfully",
    RunStatus.QUEUED: "Job Queued Successfully",
    RunStatus.RUNNING: "Job Running",
    RunStatus.WAITING: "Job Waiting for an Answer",
    RunStatus.COMPLETED: "Job Completed Successfully",
    RunStatus.FAILED: "Job Failed",
    RunStatus.TIMEOUT: "Job Timed Out",
    RunStatus.CANCELLED: "Job Cancelled",
    RunStatus.SKIPPED: "Job Skipped",
    RunStatus.EXPIRED: "Job Expired",
    RunStatus.LOST: "Job Lost",
    RunStatus.UNKNOWN: "Job Outcome Unknown",
}
_THIS_MACHINE = "local"
"""The uid of the one device of a local target: there a run that was ended is gone with all its processes."""


def echo_run(store: Store, run: Run, *, has_seen_output: bool = False, note: Note | None = None) -> None:
    """Write how ``run`` stands; when it has ended, with what it wrote, unless that was seen already.

    ``note`` is how far its task says that it is.
    """
    form = form_of_run(store, run)
    lines = describe_run(run, form, store.tasks(run.uid), store.output(run.uid), has_seen_output=has_seen_output)
    if note is not None and not run.status.is_ended:
        lines[-2:-2] = ["", progress_line(note.percent / 100, note.text or "Executing...")]
    click.echo("\n".join(escape_text(line) for line in lines))


def describe_run(
    run: Run, form: Job, tasks: tuple[TaskResult, ...], output: list[OutputRecord], *, has_seen_output: bool = False
) -> list[str]:
    """Return how ``run`` of ``form`` stands, as lines."""
    lines = [OFFLINE_TITLE if _is_kept_off(run) else TITLES[run.status], "", *_facts(run, form, tasks)]
    if run.variables:
        lines += ["", "Variables:", *(f"  {name}: {_shown(value)}" for name, value in run.variables.items())]
    if not run.status.is_ended:
        return [*lines, *_waiting_lines(run), "", *_next_step(run)]
    for task in tasks:
        if "\n" in task.meaning:
            lines += ["", *task.meaning.split("\n")]
    if _is_kept_off(run):
        lines += ["", *OPTIONS]
    if run.status is RunStatus.TIMEOUT:
        lines += ["", "The job exceeded the maximum execution time."]
    if not has_seen_output and (output or run.started_at is not None):
        lines += _discarded_lines(tasks) if form.discard_output else _output_lines(output, run.status)
    lines += results_lines((name, value) for task in tasks for name, value in task.outputs.items())
    if run.status is RunStatus.TIMEOUT:
        lines += ["", *_after_timeout(run)]
    if hints := suggest(run, tasks, output):
        lines += ["", "Suggestions:", *(f"- {hint}" for hint in hints)]
    return [*lines, "", f"Report: reconciler report --run {run.uid}"]


def component_title(form: Job) -> str:
    """Return the name of the component that ``form`` runs; of a job without one its own."""
    return form.component_link.name if form.component_link is not None else form.title


def _is_kept_off(run: Run) -> bool:
    return run.status.is_ended and run.reason == "offline"


def _facts(run: Run, form: Job, tasks: tuple[TaskResult, ...]) -> list[str]:
    status = run.status.value.capitalize()
    facts = [("Job UID", run.uid), ("Device", run.device.hostname)]
    title = component_title(form)
    if not form.component or title != form.title:
        facts.append(("Job", form.title))
    if form.component:
        facts.append(("Component", title))
    facts += [
        ("Commit", run.origin.commit[:12]),
        ("Status", f"{status} ({run.reason})" if run.reason else status),
    ]
    if run.attempt > 1:
        facts.append(("Attempt", f"{run.attempt} of {form.retry.attempts}"))
    if run.started_at is not None and not run.status.is_ended:
        facts.append(("Started At", f"{run.started_at:%Y-%m-%d %H:%M:%S} UTC"))
    if _is_kept_off(run) and run.ended_at is not None:
        facts.append(("Last Seen", seen_words(run.device, run.ended_at)))
        return facts_lines(facts)
    if run.status.is_ended and run.started_at is not None:
        timeout = " (timeout)" if run.status is RunStatus.TIMEOUT else ""
        facts.append(("Duration", _duration(run) + timeout))
        facts.append(("Exit Code", exit_words(deciding_task(tasks))))
    facts += [
        ("Reason", task.meaning) if form.component else ("Task", f"{task.id}: {task.meaning}")
        for task in tasks
        if task.meaning and task.exit_code != 0 and "\n" not in task.meaning and run.status is not RunStatus.TIMEOUT
    ]
    return facts_lines(facts)


def exit_words(task: TaskResult | None) -> str:
    """Return the exit code of a task and what it means."""
    if task is None or task.exit_code is None:
        return "-"
    return f"{task.exit_code} ({explain_end(task.status, task.exit_code)})"


def facts_lines(facts: Sequence[tuple[str, str]]) -> list[str]:
    return [f"{name + ':':<13} {value}" for name, value in facts]


def results_lines(results: Iterable[tuple[str, Any]]) -> list[str]:
    """Return what tasks handed on, by name; nothing where they did not."""
    lines = [f"  {name}: {result_text(value)}" for name, value in results]
    return ["", "Results:", *lines] if lines else []


def result_text(value: Any) -> str:
    """Return a result as a person reads it: text as it is, all else as JSON."""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _duration(run: Run) -> str:
    if run.started_at is None or run.ended_at is None:
        return "-"
    seconds = (run.ended_at - run.started_at).total_seconds()
    return f"{seconds:.1f} seconds" if seconds < 10 else f"{seconds:.0f} seconds"


def _next_step(run: Run) -> list[str]:
    if run.question is not None:
        return [f"To answer: reconciler runs answer {run.uid}"]
    return [f"To check status: reconciler runs show {run.uid}"]


def question_lines(question: Question) -> list[str]:
    """Return what is asked, which answers there are, and how long there is time."""
    lines = [f"Question:     {line}" if number == 0 else f"              {line}"
             for number, line in enumerate(question.text.splitlines() or [""])]  # fmt: skip
    if question.choices:
        lines.append(f"Choices:      {', '.join(question.choices)}")
    if question.is_secret:
        lines.append("The answer is a secret: it is kept nowhere.")
    if question.deadline_at is not None:
        lines.append(f"Until:        {question.deadline_at:%Y-%m-%d %H:%M:%S} UTC")
    return lines


def _waiting_lines(run: Run) -> list[str]:
    if run.question is not None:
        return ["", *question_lines(run.question)]
    if run.status is RunStatus.WAITING and run.reason == "child":
        return ["", "Job goes on when a run that it started has ended."]
    if run.status not in {RunStatus.CREATED, RunStatus.QUEUED}:
        return []
    if run.device.uid == _THIS_MACHINE:
        return ["", "Job will run when there is a free slot."]
    if run.device.online is False:
        seen = seen_words(run.device, run.queued_at or run.created_at)
        return ["", f"The device is offline, last seen: {seen}.", "Job will run when the device checks in."]
    return ["", "Job will run when the device checks in (typically within 5 minutes)."]


def _after_timeout(run: Run) -> list[str]:
    if run.device.uid == _THIS_MACHINE:
        return ["The job and all its processes were ended."]
    return ["The job may still be running on the device.", "Check device logs or run a shorter test job."]


def _discarded_lines(tasks: Sequence[TaskResult]) -> list[str]:
    counts = {"Output": sum(task.stdout.bytes for task in tasks), "Errors": sum(task.stderr.bytes for task in tasks)}
    lines: list[str] = []
    for title, count in counts.items():
        lines += ["", f"{title}: {count:,} bytes, not kept (discardOutput)" if count else f"{title}: None"]
    return lines


def _output_lines(records: list[OutputRecord], status: RunStatus) -> list[str]:
    lines: list[str] = []
    for stream, title in ((Stream.STDOUT, "Output"), (Stream.STDERR, "Errors")):
        text = b"".join(r.data for r in records if r.stream is stream).decode("utf-8", errors="backslashreplace")
        if text.strip():
            name = f"Partial {title}" if status is RunStatus.TIMEOUT else title
            lines += ["", f"{name}:", _RULE, *text.rstrip("\n").split("\n"), _RULE]
        else:
            lines += ["", f"{title}: None"]
    return lines


def _shown(value: Value) -> str:
    return MASK if isinstance(value, SecretRef) else value_text(value)


def progress_line(done: float, words: str) -> str:
    """Return ``[=========>          ] 50% - Executing...`` for the part that is ``done``, from 0 to 1."""
    full = int(done * BAR_WIDTH)
    bar = "=" * BAR_WIDTH if full == BAR_WIDTH else "=" * max(0, full - 1) + ">"
    return f"[{bar:<{BAR_WIDTH}}] {int(done * 100)}% - {escape_text(words)}"
