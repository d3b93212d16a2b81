"""How a run stands, in the words of seed 002: queued, running, completed, failed, timed out."""

import click

from reconciler.cli.run_table import duration_words, exit_code_text
from reconciler.model.job import Value, value_text
from reconciler.model.run import OutputRecord, Run, RunStatus, Stream, TaskResult
from reconciler.model.secret import MASK, SecretRef
from reconciler.model.text import escape_text
from reconciler.store.store import Store

_RULE = "-" * 70
_TITLES = {
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


def echo_run(store: Store, run: Run) -> None:
    """Write how ``run`` stands; when it has ended, with what it wrote."""
    tasks = store.tasks(run.uid)
    lines = [_TITLES[run.status], "", *_facts(run, tasks)]
    if run.variables:
        lines += ["", "Variables:", *(f"  {name}: {_shown(value)}" for name, value in run.variables.items())]
    if run.status.is_ended:
        lines += _output_lines(store.output(run.uid), run.status)
        lines += ["", f"Report: reconciler report --run {run.uid}"]
    else:
        lines += ["", f"To check status: reconciler runs show {run.uid}"]
    click.echo("\n".join(escape_text(line) for line in lines))


def _facts(run: Run, tasks: tuple[TaskResult, ...]) -> list[str]:
    status = f"{run.status.value} ({run.reason})" if run.reason else run.status.value
    facts = [
        ("Run", run.uid),
        ("Device", run.device.hostname),
        ("Job", run.job_id),
        ("Commit", run.origin.commit[:12]),
        ("Status", status),
    ]
    if run.status.is_ended:
        facts.append(("Duration", duration_words(run.started_at, run.ended_at)))
        facts.append(("Exit Code", exit_code_text(tasks)))
    facts += [("Task", f"{task.id}: {task.meaning}") for task in tasks if task.meaning and task.exit_code != 0]
    return [f"{name + ':':<13} {value}" for name, value in facts]


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
