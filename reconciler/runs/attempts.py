"""Attempts of one run: when there is another, and what the report of the last says of those before.

The time limit of a job is that of each attempt, and the wait between two is part of none: a run that is tried again
because it took too long needs the same time once more.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from msgspec.structs import replace

from reconciler.model.job import Backoff, Job, Retry
from reconciler.model.run import Run, RunStatus, TaskResult
from reconciler.store.records import Attempt
from reconciler.targets.protocol import Progress

_TRIED_AGAIN = frozenset({RunStatus.FAILED, RunStatus.TIMEOUT})
LONGEST_DELAY = timedelta(days=1)


def is_tried_again(run: Run, job: Job, status: RunStatus) -> bool:
    """Return whether another attempt follows one that ended with ``status``."""
    return status in _TRIED_AGAIN and run.attempt < job.retry.attempts and run.cancel_requested_at is None


def delay_after(retry: Retry, attempt: int) -> timedelta:
    """Return the wait after attempt number ``attempt``: the same each time, or twice the one before."""
    doubled = attempt - 1 if retry.backoff is Backoff.EXPONENTIAL else 0
    return timedelta(seconds=min(retry.delay_seconds * 2**doubled, LONGEST_DELAY.total_seconds()))


def ended_attempt(run: Run, news: Progress, *, ended_at: datetime) -> Attempt:
    """Return what is kept of an attempt that another follows."""
    return Attempt(
        run_uid=run.uid,
        attempt=run.attempt,
        status=news.status,
        reason=news.reason,
        started_at=news.started_at,
        ended_at=ended_at,
        tasks=news.tasks,
    )


def tasks_of_run(tasks: Sequence[TaskResult], earlier: Sequence[Attempt], *, attempts: int) -> tuple[TaskResult, ...]:
    """Return the tasks of a run that ended: the last attempt's, with a warning for each attempt before.

    A run that ended between two attempts has those of the one before.
    """
    if not earlier:
        return tuple(tasks)
    first, *others = tasks or earlier[-1].tasks
    warnings = tuple(f"attempt {item.attempt} of {attempts}: {_outcome(item)}" for item in earlier)
    return (replace(first, warnings=(*warnings, *first.warnings)), *others)


def _outcome(attempt: Attempt) -> str:
    words = attempt.status.value if not attempt.reason else f"{attempt.status.value} ({attempt.reason})"
    failed = next((task for task in attempt.tasks if task.status in _TRIED_AGAIN), None)
    if failed is None:
        return words
    code = "" if failed.exit_code is None else f", exit code {failed.exit_code}"
    return f"{words} in task {failed.id}{code}"
