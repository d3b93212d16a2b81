"""Starting claimed runs: an order for each, and what its target answered."""

import traceback
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import TypeGuard

from reconciler.model.errors import ReconcilerError, TargetRefused, TargetUnavailable
from reconciler.model.job import Job, OnOffline
from reconciler.model.run import Run, RunStatus, TaskResult
from reconciler.runs.driver import Driver
from reconciler.runs.ending import failed_to_start, finish, first_task
from reconciler.runs.offline import seen_words
from reconciler.runs.parameters import resolve_parameters
from reconciler.targets.protocol import (
    Ambiguous,
    LiveTarget,
    Offline,
    ParameterValue,
    Progress,
    Refused,
    StartAnswer,
    Started,
    StartOrder,
    Unavailable,
    latest_start,
)

SHORTEST_WAIT = timedelta(seconds=5)
LONGEST_WAIT = timedelta(minutes=5)
LONGEST_CLAIM = timedelta(minutes=10)
"""How long a process of another machine, of which we know nothing, may take to start what it claimed."""


def start_claimed(driver: Driver, target: LiveTarget, claimed: Sequence[Run]) -> dict[str, str]:
    """Start ``claimed`` and return the handles of those that run, by uid.

    One that cannot be started ends here, or waits for a later claim.  Where our own engine does not answer they keep
    their claim, for the next turn to ask again, and TargetUnavailable is raised.
    """
    orders = [order for run in claimed if (order := _order(driver, run))]
    if not orders:
        return {}
    answers = _ask(target, orders)
    started = {uid: answer.handle for uid, answer in answers.items() if _runs_now(answer)}
    # Where a start may be repeated, forgetting one costs nothing, and waiting for the disk a quarter of all time.
    is_durable = not target.capabilities.idempotent_start
    if target.capabilities.queues:
        driver.store.record_accepted(started, is_durable=is_durable)
    else:
        driver.store.record_starts(started, at=driver.clock(), is_durable=is_durable)
    for order in orders:
        answer = answers.get(order.run.uid, Unavailable(reason="it was not answered"))
        _record_answer(driver, target, order, answer)
    return started


def _ask(target: LiveTarget, orders: Sequence[StartOrder]) -> Mapping[str, StartAnswer]:
    """Return the target's answers. One that it breaks down over, for a mistake of ours, ends that run and no other."""
    can_repeat = target.capabilities.is_local and target.capabilities.idempotent_start
    try:
        return target.start(orders)
    except TargetUnavailable as error:
        if can_repeat:
            raise
        return {order.run.uid: Unavailable(reason=str(error)) for order in orders}
    except ReconcilerError:
        raise
    except Exception as error:
        # The boundary of a run: what nobody thought of must not keep the others from starting, again at every turn.
        if can_repeat and len(orders) > 1:
            return {uid: answer for order in orders for uid, answer in _ask(target, [order]).items()}
        # Where it happened, and not its words: they may hold a value that must not be shown.
        traceback.print_tb(error.__traceback__)
        reason = (
            f"a mistake of reconciler itself ({type(error).__name__}): please report it with what it wrote to its log"
        )
        answer = Refused(reason=reason, cause="internal_error") if can_repeat else Ambiguous(reason=reason)
        return {order.run.uid: answer for order in orders}


def _runs_now(answer: StartAnswer) -> TypeGuard[Started]:
    return isinstance(answer, Started) and not answer.is_queued


def ask_again(driver: Driver, target: LiveTarget, unanswered: Sequence[Run]) -> list[Run]:
    """Return those that may be started again of runs that were claimed by a process that died before it was answered.

    Of the others the target is asked whether it knows them; one that a living process is starting is left to it.
    """
    if target.capabilities.idempotent_start or not unanswered:
        return list(unanswered)
    owners = driver.store.claimants([run.uid for run in unanswered])
    for run in unanswered:
        owner = owners.get(run.uid, "")
        waited = driver.clock() - (run.queued_at or run.created_at)
        if owner == driver.owner or driver.is_gone(owner) or waited > LONGEST_CLAIM:
            _settle_ambiguous(driver, target, run)
    return []


def _order(driver: Driver, run: Run) -> StartOrder | None:
    """Return the order for ``run``, or None when it ended here: too late, or without what it needs."""
    form = driver.form_of(run)
    now = driver.clock()
    if run.device.online is False and form.on_offline is not OnOffline.QUEUE:
        _end_offline(driver, run, form)
        return None
    if now > latest_start(run, form):
        finish(driver, run, form, Progress(status=RunStatus.EXPIRED, reason="waited_too_long", ended_at=now))
        return None
    if run.refusal:
        finish(driver, run, form, failed_to_start(form, run.refusal, now, reason="condition_error"))
        return None
    try:
        values = resolve_parameters(form, run.variables)
        secrets = driver.secrets.for_job(form, run.target)
    except ReconcilerError as error:
        finish(driver, run, form, failed_to_start(form, str(error), now))
        return None
    revealed: dict[str, ParameterValue] = {}
    for name, value in values.items():
        if isinstance(value, str | int | float | bool):
            revealed[name] = value
        elif value is not None:
            revealed[name] = secrets[value.secret]
    return StartOrder(run=run, job=form, values=revealed, secrets=secrets)


def _record_answer(driver: Driver, target: LiveTarget, order: StartOrder, answer: StartAnswer) -> None:
    match answer:
        case Refused(reason=reason, cause=cause):
            news = failed_to_start(order.job, reason, driver.clock(), reason=cause)
            finish(driver, order.run, order.job, news)
        case Started(handle=handle, is_queued=True):
            driver.store.record_accepted({order.run.uid: handle}, is_durable=True)
        case Ambiguous(reason=reason):
            _settle_ambiguous(driver, target, order.run, why=reason)
        case Unavailable(retry_at=retry_at):
            driver.store.release_run(order.run.uid, start_after=retry_at or _next_try(order.run, driver.clock()))
        case Offline() if order.job.on_offline is OnOffline.QUEUE:
            driver.store.release_run(order.run.uid, start_after=_next_try(order.run, driver.clock()))
        case Offline():
            _end_offline(driver, order.run, order.job)


def _next_try(run: Run, now: datetime) -> datetime:
    """Return when a run that could not be started is tried again: each wait is as long as all before it together."""
    waited = now - max(run.due_at, run.created_at)
    return now + min(max(waited, SHORTEST_WAIT), LONGEST_WAIT)


def _end_offline(driver: Driver, run: Run, job: Job) -> None:
    """End a run whose job does not wait for its device: skipped, or failed, as the job says."""
    now = driver.clock()
    status = RunStatus.SKIPPED if job.on_offline is OnOffline.SKIP else RunStatus.FAILED
    meaning = f"the device is offline; last seen: {seen_words(run.device, now)}"
    task = TaskResult(id=first_task(job), status=status, meaning=meaning, ended_at=now)
    finish(driver, run, job, Progress(status=status, reason="offline", ended_at=now, tasks=(task,)))


def _settle_ambiguous(driver: Driver, target: LiveTarget, run: Run, *, why: str = "") -> None:
    """Adopt a run that the target knows; else its outcome is unknown, and it is never started again on a guess.

    What the target does not know yet is looked for again in later turns, as long as it may take it to know.
    """
    now = driver.clock()
    try:
        handle = target.find(run)
    except TargetUnavailable:
        return  # it cannot be asked now: the run keeps its claim, and the next turn asks
    except TargetRefused as error:
        handle, why = None, str(error)
    else:
        if handle is None and now - (run.queued_at or now) < timedelta(seconds=target.capabilities.find_seconds):
            return
    if handle is not None:
        driver.store.record_accepted({run.uid: handle}, is_durable=True)
        return
    form = driver.form_of(run)
    meaning = why or "its start was not confirmed, and its target does not know it"
    task = TaskResult(id=first_task(form), status=RunStatus.UNKNOWN, meaning=meaning, ended_at=now)
    news = Progress(status=RunStatus.UNKNOWN, reason="start_unconfirmed", ended_at=now, tasks=(task,))
    finish(driver, run, form, news)
