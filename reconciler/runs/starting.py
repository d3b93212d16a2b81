"""Starting claimed runs: an order for each, and what its target answered."""

from collections.abc import Sequence

from reconciler.model.errors import ReconcilerError
from reconciler.model.run import Run, RunStatus
from reconciler.runs.driver import Driver
from reconciler.runs.ending import failed_to_start, finish
from reconciler.runs.parameters import resolve_parameters
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
    latest_start,
)


def start_claimed(driver: Driver, target: LiveTarget, claimed: Sequence[Run]) -> dict[str, str]:
    """Start ``claimed`` and return the handles of those that run, by uid.

    One that cannot be started ends here, or waits for a later claim.
    """
    orders = [order for run in claimed if (order := _order(driver, run))]
    if not orders:
        return {}
    answers = target.start(orders)
    started = {uid: answer.handle for uid, answer in answers.items() if isinstance(answer, Started)}
    if target.capabilities.queues:
        driver.store.record_accepted(started)
    else:
        # Where a start may be repeated, forgetting one costs nothing, and waiting for the disk a quarter of all time.
        is_durable = not target.capabilities.idempotent_start
        driver.store.record_starts(started, at=driver.clock(), is_durable=is_durable)
    for order in orders:
        _record_answer(driver, target, order, answers[order.run.uid])
    return started


def ask_again(driver: Driver, target: LiveTarget, unanswered: Sequence[Run]) -> list[Run]:
    """Return those that may be started again of runs that were claimed by a process that died before it was answered.

    Of the others the target is asked whether it knows them.
    """
    if target.capabilities.idempotent_start:
        return list(unanswered)
    for run in unanswered:
        _settle_ambiguous(driver, target, run, reason="start_unconfirmed")
    return []


def _order(driver: Driver, run: Run) -> StartOrder | None:
    """Return the order for ``run``, or None when it ended here: too late, or without what it needs."""
    form = driver.form_of(run)
    now = driver.clock()
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
        case Refused(reason=reason):
            finish(driver, order.run, order.job, failed_to_start(order.job, reason, driver.clock()))
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
    form = driver.form_of(run)
    finish(driver, run, form, Progress(status=RunStatus.UNKNOWN, reason=reason, ended_at=driver.clock()))
