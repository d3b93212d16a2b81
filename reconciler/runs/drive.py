"""The life of runs once they exist: claim, start, follow, finish. Any process may drive; the store decides who won.

Nothing is started twice: a run is claimed in the store before it is started, a target with idempotent starts may be
asked again, and any other is asked whether it knows the run before its outcome is called unknown.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

from msgspec import Struct
from msgspec.structs import replace

from reconciler.model.errors import ReconcilerError, TargetRefused, TargetUnavailable
from reconciler.model.forms import Kind
from reconciler.model.instant import Clock
from reconciler.model.job import Job
from reconciler.model.run import Run, RunStatus, TaskResult
from reconciler.runs.parameters import resolve_parameters
from reconciler.runs.secrets import SecretSource
from reconciler.store.records import FinishedRun
from reconciler.store.store import Store
from reconciler.targets.protocol import (
    Ambiguous,
    LiveTarget,
    ParameterValue,
    Progress,
    Refused,
    StartAnswer,
    Started,
    StartOrder,
    Unavailable,
)

ReportOf = Callable[[Run, Sequence[TaskResult], Job], bytes]
"""Returns the report of an ended run as it is stored."""

FOLLOW_SECONDS = 0.5


class Driver(Struct, frozen=True, kw_only=True):
    """What driving needs. ``owner`` names this process in claims; ``pause`` lets some seconds pass."""

    store: Store
    targets: Mapping[str, LiveTarget]
    secrets: SecretSource
    report_of: ReportOf
    clock: Clock
    pause: Callable[[float], object]
    owner: str


def drive_once(driver: Driver, *, starts: bool = True) -> bool:
    """Finish what has ended, and start what may start (unless told not to). True: something did, so look again."""
    moved = False
    for target in driver.targets.values():
        try:
            moved = follow_runs(driver, target) > 0 or moved
            moved = (starts and start_runs(driver, target) > 0) or moved
        except TargetUnavailable:
            continue  # its runs stay as they are, and the other targets go on
    return moved


def drive_until_ended(driver: Driver, *, uids: frozenset[str] | None = None, deadline: datetime | None = None) -> bool:
    """Drive until the runs ``uids`` (None: all) have ended. False: ``deadline`` came first, and they go on."""
    while True:
        moved = drive_once(driver)
        if _have_ended(driver, uids):
            return True
        seconds = FOLLOW_SECONDS
        if deadline is not None:
            seconds = min(seconds, (deadline - driver.clock()).total_seconds())
        if seconds <= 0:
            return False
        if not moved or driver.store.active_runs(is_under_way=True):
            wait_for_news(driver, seconds)


def _have_ended(driver: Driver, uids: frozenset[str] | None) -> bool:
    if uids is None:
        return driver.store.count_active() == 0
    runs = (driver.store.run(uid) for uid in uids)
    return all(run is None or run.status.is_ended for run in runs)


def wait_for_news(driver: Driver, seconds: float) -> None:
    """Return when a run under way may have changed, or after ``seconds``."""
    handles = defaultdict(list)
    for run in driver.store.active_runs(is_under_way=True):
        if run.handle is not None and run.target in driver.targets:
            handles[run.target].append(run.handle)
    if not handles:
        driver.pause(seconds)
    for name, its_handles in handles.items():
        driver.targets[name].wait(its_handles, timeout_seconds=seconds / len(handles))


def start_runs(driver: Driver, target: LiveTarget) -> int:
    """Claim as many due runs as the target has room for, expire those that waited too long, and start the rest.

    Return how many were claimed.
    """
    under_way = driver.store.active_runs(target.name, is_under_way=True)
    claimed = driver.store.claim_runs(
        target.name, owner=driver.owner, now=driver.clock(), limit=max(0, target.max_runs - len(under_way))
    )
    unanswered = [run for run in under_way if run.status is RunStatus.QUEUED and run.handle is None]
    orders = [order for run in (*claimed, *_ask_again(driver, target, unanswered)) if (order := _order(driver, run))]
    if orders:
        answers = target.start(orders)
        started = {uid: answer.handle for uid, answer in answers.items() if isinstance(answer, Started)}
        driver.store.record_starts(started, at=driver.clock())
        for order in orders:
            _record_answer(driver, target, order, answers[order.run.uid])
    return len(claimed)


def _ask_again(driver: Driver, target: LiveTarget, unanswered: Sequence[Run]) -> list[Run]:
    """Runs that were claimed by a process that died before it heard whether they started."""
    if target.capabilities.idempotent_start:
        return list(unanswered)
    for run in unanswered:
        _settle_ambiguous(driver, target, run, reason="start_unconfirmed")
    return []


def _order(driver: Driver, run: Run) -> StartOrder | None:
    """Return the order for ``run``, or None when it ended here: too late, or without what it needs."""
    form = _form_of(driver, run)
    now = driver.clock()
    if now - max(run.due_at, run.created_at) > timedelta(minutes=form.expire_after_minutes):
        _finish(driver, run, form, Progress(status=RunStatus.EXPIRED, reason="waited_too_long", ended_at=now))
        return None
    try:
        values = resolve_parameters(form, run.variables)
        secrets = driver.secrets.for_job(form, run.target)
    except ReconcilerError as error:
        _finish(driver, run, form, _failed_to_start(form, str(error), now))
        return None
    revealed: dict[str, ParameterValue] = {}
    for name, value in values.items():
        if isinstance(value, str | int | float | bool):
            revealed[name] = value
        elif value is not None:
            revealed[name] = secrets[value.secret]
    return StartOrder(run=run, job=form, values=revealed, secrets=secrets)


def _failed_to_start(job: Job, why: str, now: datetime) -> Progress:
    task = TaskResult(id=job.tasks[0].id, status=RunStatus.FAILED, meaning=why, ended_at=now)
    return Progress(status=RunStatus.FAILED, reason="failed_to_start", ended_at=now, tasks=(task,))


def _record_answer(driver: Driver, target: LiveTarget, order: StartOrder, answer: StartAnswer) -> None:
    now = driver.clock()
    match answer:
        case Refused(reason=reason):
            _finish(driver, order.run, order.job, _failed_to_start(order.job, reason, now))
        case Ambiguous():
            _settle_ambiguous(driver, target, order.run, reason="start_unconfirmed")
        case Unavailable():
            driver.store.release_run(order.run.uid)


def _settle_ambiguous(driver: Driver, target: LiveTarget, run: Run, *, reason: str) -> None:
    """Adopt a run that the target knows; else its outcome is unknown, and it is never started again on a guess."""
    handle = target.find(run)
    if handle is not None:
        driver.store.record_started(run.uid, at=driver.clock(), handle=handle)
        return
    form = _form_of(driver, run)
    _finish(driver, run, form, Progress(status=RunStatus.UNKNOWN, reason=reason, ended_at=driver.clock()))


def follow_runs(driver: Driver, target: LiveTarget) -> int:
    """Read how the runs under way stand, and finish those that have ended; return how many have."""
    active = driver.store.active_runs(target.name, is_under_way=True)
    under_way = [run for run in active if run.handle is not None]
    if not under_way:
        return 0
    progress = target.follow({run.uid: run.handle for run in under_way if run.handle})
    finished = []
    for run in under_way:
        news = progress.get(run.uid)
        if news is None:
            lost = Progress(status=RunStatus.LOST, reason="not_known", ended_at=driver.clock())
            finished.append(_ended_record(driver, run, _form_of(driver, run), lost))
        elif news.status.is_ended:
            finished.append(_with_output(driver, target, run, news))
        elif news.status is not run.status:
            driver.store.record_progress(run.uid, news.status)
    if finished:
        driver.store.finish_runs(finished)
        target.forget([run.handle for run in under_way if run.handle and _has_ended(progress, run)])
    return len(finished)


def _has_ended(progress: Mapping[str, Progress], run: Run) -> bool:
    return run.uid in progress and progress[run.uid].status.is_ended


def _with_output(driver: Driver, target: LiveTarget, run: Run, news: Progress) -> FinishedRun:
    form = _form_of(driver, run)
    record = _ended_record(driver, run, form, news)
    has_output = any(task.stdout.bytes or task.stderr.bytes for task in news.tasks)
    if form.discard_output or run.handle is None or not has_output:
        return record
    try:
        return replace(record, output=tuple(target.output(run.handle)))
    except TargetRefused:
        return record  # the target has nothing to give; the outcome stands


def _form_of(driver: Driver, run: Run) -> Job:
    """Return the form from which ``run`` was made, whatever has been applied since."""
    form = driver.store.form(Kind.JOB, run.origin.digest)
    assert isinstance(form, Job), f"the form of run {run.uid} is not in the store"
    return form


def _finish(driver: Driver, run: Run, job: Job, news: Progress) -> None:
    driver.store.finish_runs([_ended_record(driver, run, job, news)])


def _ended_record(driver: Driver, run: Run, job: Job, news: Progress) -> FinishedRun:
    ended_at = news.ended_at or driver.clock()
    started_at = news.started_at or run.started_at
    ended = replace(run, status=news.status, reason=news.reason, started_at=started_at, ended_at=ended_at)
    return FinishedRun(
        uid=run.uid,
        status=ended.status,
        reason=ended.reason,
        started_at=started_at,
        ended_at=ended_at,
        tasks=news.tasks,
        report=driver.report_of(ended, news.tasks, job),
        output=(),
    )
