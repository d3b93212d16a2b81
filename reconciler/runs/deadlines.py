"""How long we wait for a run whose target does not end it itself; after that it goes on without us."""

from datetime import datetime, timedelta

from reconciler.model.job import Job
from reconciler.model.run import Run, RunStatus, TaskResult
from reconciler.runs.ending import first_task
from reconciler.targets.protocol import Progress

GRACE = timedelta(seconds=60)
LONGEST_WAIT = timedelta(days=1)
"""How long a run that has begun is followed where its job has no time limit."""


def past_deadline(run: Run, job: Job, news: Progress, *, now: datetime) -> Progress | None:
    """Return the end that we give a run that takes longer than we wait for it, or None.

    It is never a failure: nobody knows how the run itself ends, and what is heard of it later is kept beside this.
    """
    if news.status is RunStatus.QUEUED:
        if now - max(run.due_at, run.created_at) > timedelta(minutes=job.expire_after_minutes):
            return _end(job, RunStatus.EXPIRED, "not_picked_up", "its device did not take it in time", now=now)
        return None
    began = news.started_at or run.started_at
    if began is None:
        return None
    if job.timeout_seconds is not None:
        if now - began > timedelta(seconds=job.timeout_seconds) + GRACE:
            meaning = "it may still be running on its device"
            return _end(job, RunStatus.TIMEOUT, "deadline", meaning, now=now, started_at=began)
    elif now - began > LONGEST_WAIT:
        meaning = "it was still running when we stopped waiting"
        return _end(job, RunStatus.UNKNOWN, "deadline", meaning, now=now, started_at=began)
    return None


def _end(
    job: Job, status: RunStatus, reason: str, meaning: str, *, now: datetime, started_at: datetime | None = None
) -> Progress:
    task = TaskResult(id=first_task(job), status=status, meaning=meaning, started_at=started_at, ended_at=now)
    return Progress(status=status, reason=reason, started_at=started_at, ended_at=now, tasks=(task,))
