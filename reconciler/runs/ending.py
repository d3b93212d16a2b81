"""The end of runs: what is kept of them, and what follows from how they ended."""

from collections.abc import Sequence
from datetime import datetime

from msgspec.structs import replace

from reconciler.model.errors import TargetRefused
from reconciler.model.job import Job, OnLost, OnWarning
from reconciler.model.run import Disposition, OutputRecord, Run, RunStatus, StreamSummary, TaskResult, TriggerKind
from reconciler.runs.announce import announce_ends
from reconciler.runs.attempts import tasks_of_run
from reconciler.runs.driver import Driver
from reconciler.runs.masking import mask_news
from reconciler.runs.retry import MAX_RERUNS, count_reruns, make_retry
from reconciler.store.records import FinishedRun
from reconciler.targets.protocol import LiveTarget, Progress


def ended_record(driver: Driver, run: Run, job: Job, news: Progress) -> FinishedRun:
    """Return the end of ``run`` as it is stored, with its report, without its output."""
    ended_at = news.ended_at or driver.clock()
    is_first = run.attempt == 1
    started_at = (is_first and news.started_at) or run.started_at or news.started_at
    status, reason = judge(job, news)
    earlier = [] if is_first else driver.store.attempts(run.uid)
    tasks = tasks_of_run(news.tasks, earlier, attempts=job.retry.attempts)
    ended = replace(run, status=status, reason=reason, started_at=started_at, ended_at=ended_at)
    return FinishedRun(
        uid=run.uid,
        status=ended.status,
        reason=ended.reason,
        started_at=started_at,
        ended_at=ended_at,
        tasks=tasks,
        report=driver.report_of(ended, tasks, job),
        output=(),
        disposition=Disposition.CANCELLED if _never_began(status, started_at) else Disposition.RUN,
    )


def judge(job: Job, news: Progress) -> tuple[RunStatus, str]:
    """Return the status and the reason that the job's own rules make of how its target says a run ended."""
    has_warning = any(task.warnings for task in news.tasks)
    if news.status is RunStatus.COMPLETED and job.on_warning is OnWarning.FAIL and has_warning:
        return RunStatus.FAILED, "warning"
    return news.status, news.reason


def _never_began(status: RunStatus, started_at: datetime | None) -> bool:
    return status is RunStatus.CANCELLED and started_at is None


def record_with_output(driver: Driver, target: LiveTarget, run: Run, news: Progress) -> FinishedRun:
    """Return the end of ``run`` with what it wrote, unless its job says that this is not kept."""
    form = driver.form_of(run)
    news = without_discarded(form, news)
    news, output = mask_news(driver, target, form, news, output=kept_output(target, run, form, news))
    return replace(ended_record(driver, run, form, news), output=output)


def without_discarded(job: Job, news: Progress) -> Progress:
    """Return ``news`` with nothing of what was written, but how much, where the job says that it is not kept."""
    if not job.discard_output:
        return news
    tasks = (replace(task, stdout=_counted(task.stdout), stderr=_counted(task.stderr)) for task in news.tasks)
    return replace(news, tasks=tuple(tasks))


def _counted(stream: StreamSummary) -> StreamSummary:
    return replace(stream, tail="")


def kept_output(target: LiveTarget, run: Run, job: Job, news: Progress) -> tuple[OutputRecord, ...]:
    """Return what the attempt that ended wrote, as far as it is to be kept."""
    has_output = any(task.stdout.bytes or task.stderr.bytes for task in news.tasks)
    if job.discard_output or run.handle is None or not has_output:
        return ()
    try:
        return tuple(target.output(run.handle))
    except TargetRefused:
        return ()  # the target has nothing to give; the outcome stands


def finish(driver: Driver, run: Run, job: Job, news: Progress) -> None:
    finish_all(driver, [run], [ended_record(driver, run, job, news)])


def finish_all(driver: Driver, runs: Sequence[Run], records: Sequence[FinishedRun]) -> None:
    """Store the ends of ``runs``, and the runs that take the place of lost ones where their jobs ask for it."""
    by_uid = {run.uid: run for run in runs}
    with driver.store.transaction():
        ended = driver.store.finish_runs(records)
        announce_ends(driver.store, [(by_uid[record.uid], record) for record in records if record.uid in ended])
        for record in records:
            if record.status is RunStatus.LOST and record.uid in ended:
                _rerun_lost(driver, by_uid[record.uid])


def _rerun_lost(driver: Driver, run: Run) -> None:
    # A one-off is started at most once, ever: only a person starts it again.
    if driver.form_of(run).on_lost is not OnLost.RERUN or run.trigger.kind is TriggerKind.ONE_OFF:
        return
    if count_reruns(driver.store, run) < MAX_RERUNS:
        retry = make_retry(run, now=driver.clock(), new_uid=driver.new_uid, requested_by="onLost")
        driver.store.add_occurrence(retry.occurrence, retry.runs)


def first_task(job: Job) -> str:
    """Return the id under which what concerns the whole run is told; a component that a target has, has no task."""
    return job.tasks[0].id if job.tasks else "component"


def failed_to_start(job: Job, why: str, now: datetime, *, reason: str = "failed_to_start") -> Progress:
    task = TaskResult(id=first_task(job), status=RunStatus.FAILED, meaning=why, ended_at=now)
    return Progress(status=RunStatus.FAILED, reason=reason, ended_at=now, tasks=(task,))
