"""Runs as rows of a table and as documents."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from reconciler.cli.output import echo_table
from reconciler.model.run import Run, TaskResult
from reconciler.store.store import Store

UID_SHOWN = 18
"""The time and the first random digits of a UUIDv7: enough to name a run, and a table still fits a terminal."""

COLUMNS = ("RUN", "JOB", "TRIGGER", "STATUS", "DURATION", "EXIT", "COMMIT", "STARTED")


def echo_runs(store: Store, runs: Iterable[Run]) -> None:
    """Write a table of runs with how each went and the commit it came from."""
    echo_table(COLUMNS, [run_row(run, store.tasks(run.uid)) for run in runs])


def run_row(run: Run, tasks: Sequence[TaskResult]) -> tuple[str, ...]:
    status = f"{run.status.value} ({run.reason})" if run.reason else run.status.value
    return (
        run.uid[:UID_SHOWN],
        run.job_id,
        run.trigger.kind.value,
        status,
        duration_words(run.started_at, run.ended_at),
        exit_code_text(tasks),
        run.origin.commit[:12],
        f"{run.started_at:%Y-%m-%d %H:%M:%S}Z" if run.started_at else "-",
    )


def exit_code_text(tasks: Sequence[TaskResult]) -> str:
    code = deciding_code(tasks)
    return "-" if code is None else str(code)


def deciding_code(tasks: Sequence[TaskResult]) -> int | None:
    """Return the exit code of the task that decided."""
    task = deciding_task(tasks)
    return None if task is None else task.exit_code


def deciding_task(tasks: Sequence[TaskResult]) -> TaskResult | None:
    """Return the task whose exit code decided: the last one that failed, else the last; None where none has one."""
    ended = [task for task in tasks if task.exit_code is not None]
    bad = [task for task in ended if task.exit_code != 0]
    return (bad or ended)[-1] if ended else None


def duration_words(start: datetime | None, end: datetime | None) -> str:
    if start is None or end is None:
        return "-"
    seconds = (end - start).total_seconds()
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s"
