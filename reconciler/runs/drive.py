"""The life of runs once they exist: claim, start, follow, finish. Any process may drive; the store decides who won.

Nothing is started twice: a run is claimed in the store before it is started, a target with idempotent starts may be
asked again, and any other is asked whether it knows the run before its outcome is called unknown.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime

from msgspec import Struct
from msgspec.structs import replace

from reconciler.model.errors import TargetUnavailable
from reconciler.model.forms import Kind
from reconciler.model.run import Run, RunStatus
from reconciler.runs.alerts import resolve_alert
from reconciler.runs.attempts import delay_after, ended_attempt, is_tried_again
from reconciler.runs.calls import Settled, settle_new, settle_waiting
from reconciler.runs.deadlines import past_deadline
from reconciler.runs.driver import Driver
from reconciler.runs.ending import ended_record, finish_all, judge, kept_output, record_with_output, without_discarded
from reconciler.runs.masking import mask_news
from reconciler.runs.pace import pace_of, runs_ahead
from reconciler.runs.rollout import advance_rollouts
from reconciler.runs.starting import ask_again, start_claimed
from reconciler.store.records import Attempt, FinishedRun, Standing
from reconciler.targets.protocol import LiveTarget, Paced, Progress, TakesCalls

FOLLOW_SECONDS = 0.5
_FORGET_AT_ONCE = 64


def drive_once(driver: Driver, *, starts: bool = True, is_last: bool = True) -> bool:
    """Finish what has ended, and start what may start (unless told not to). True: something did, so look again.

    Not ``is_last``: another turn follows, and what can be done for many runs at once may be left to it.
    """
    moved = False
    driver.latest.clear()
    driver.handles.clear()
    for target in driver.targets.values():
        try:
            moved = _drive_target(driver, target, starts=starts) or moved
        except TargetUnavailable as error:
            driver.troubles[target.name] = error
            continue  # its runs stay as they are, and the other targets go on
        driver.troubles.pop(target.name, None)
    forget_ended(driver, at_least=1 if is_last or not moved else _FORGET_AT_ONCE)
    return moved


def start_what_may(driver: Driver) -> None:
    """Start what may start now; what a target's limits leave for later waits for whoever drives next.

    Raises TargetUnavailable as ``drive_until_ended`` does.
    """
    drive_once(driver)
    _refuse_silence(driver)
    while any(_takes_more(driver, target) for target in driver.targets.values()):
        if not drive_once(driver):
            return


def _takes_more(driver: Driver, target: LiveTarget) -> bool:
    is_ready = isinstance(target, Paced) and target.starts_now() > 0
    return is_ready and driver.store.count_startable(target.name, driver.clock()) > 0


def drive_until_ended(
    driver: Driver,
    *,
    uids: frozenset[str] | None = None,
    deadline: datetime | None = None,
    starts: bool = True,
    is_remote_waited_for: bool = True,
    look: Callable[[], object] = lambda: None,
) -> bool:
    """Drive until the runs ``uids`` (None: all) have ended. False: ``deadline`` came first, and they go on.

    ``look`` is called after each turn.  Unless ``is_remote_waited_for``, of all runs those that other systems run need
    only have started: later turns follow them.  Raises TargetUnavailable where this machine's engine does not answer.
    """
    try:
        while True:
            moved = drive_once(driver, starts=starts, is_last=False)
            _refuse_silence(driver)
            look()
            if _have_ended(driver, uids, is_remote_waited_for=is_remote_waited_for):
                return True
            seconds = FOLLOW_SECONDS
            if deadline is not None:
                seconds = min(seconds, (deadline - driver.clock()).total_seconds())
            if seconds <= 0:
                return False
            wait_for_news(driver, seconds, unless=moved)
    finally:
        forget_ended(driver)


def _refuse_silence(driver: Driver) -> None:
    """Raise TargetUnavailable where it is our own engine that does not answer: nothing comes of waiting for others."""
    for name, target in driver.targets.items():
        if target.capabilities.is_local and name in driver.troubles:
            raise driver.troubles[name]


def _have_ended(driver: Driver, uids: frozenset[str] | None, *, is_remote_waited_for: bool) -> bool:
    if uids is None and is_remote_waited_for:
        return not any(driver.handles.values()) and driver.store.count_active() == 0
    if uids is None:
        return all(_is_left_alone(driver, target) for target in driver.targets.values())
    runs = (driver.store.run(uid) for uid in uids)
    return all(run is None or run.status.is_ended for run in runs)


def _is_left_alone(driver: Driver, target: LiveTarget) -> bool:
    """Return whether nothing of ``target`` keeps a pass from its end."""
    if target.capabilities.is_local:
        return driver.store.count_active(target.name) == 0
    if target.name in driver.troubles:
        return True  # the next pass finds it as it is
    return driver.store.count_startable(target.name, driver.clock()) == 0


def wait_for_news(driver: Driver, seconds: float, *, unless: bool = False) -> None:
    """Return when a run that the last turn saw under way may have changed, or after ``seconds``.

    ``unless``: at once where none is under way.
    """
    handles = {name: found for name, found in driver.handles.items() if found and name in driver.targets}
    if not handles and not unless:
        driver.pause(seconds)
    for name, its_handles in handles.items():
        try:
            driver.targets[name].wait(its_handles, timeout_seconds=seconds / len(handles))
        except TargetUnavailable:
            driver.pause(seconds / len(handles))


class _Again(Struct, frozen=True):
    """An attempt that ended, by what name its target knows it, and when the next one is due."""

    ended: Attempt
    handle: str
    due_at: datetime


class _News(Struct, frozen=True, kw_only=True):
    """What following found: the runs, those that ended, those that are tried again, and how the others go on.

    ``settled`` is what runs are to be told of their calls; ``waiting`` are those whose calls wait for other runs.
    """

    under_way: Sequence[Run]
    finished: Sequence[FinishedRun]
    forgettable: Sequence[str]
    again: Sequence[_Again]
    moved: Sequence[tuple[Run, Progress]]
    settled: Sequence[Settled]
    waiting: Sequence[tuple[Run, Progress]]


def _drive_target(driver: Driver, target: LiveTarget, *, starts: bool) -> bool:
    news = _follow(driver, target, starts=starts)
    if pace := pace_of(news.finished, now=driver.clock()):
        driver.paces[target.name] = pace
    claimed: list[Run] = []
    # One transaction, because each waits for the disk: what has ended makes room for what is claimed.
    with driver.store.transaction():
        finish_all(driver, news.under_way, news.finished)
        forgettable = [item.handle for item in news.again if driver.store.try_again(item.ended, due_at=item.due_at)]
        driver.store.record_progress([_standing(driver, run, its) for run, its in news.moved])
        settled = [*news.settled, *_settle_waiting(driver, news.waiting)]
        if starts:
            advance_rollouts(driver, target)
            claimed = _claim(driver, target)
            driver.store.hold_forms(Kind.JOB, [run.origin.digest for run in claimed])
    driver.handles[target.name] = [run.handle for run in news.under_way if run.handle and run.uid in driver.latest]
    driver.forgettable.setdefault(target.name, []).extend([*news.forgettable, *forgettable])
    if starts:
        unanswered = [run for run in news.under_way if run.status is RunStatus.QUEUED and run.handle is None]
        started = start_claimed(driver, target, [*claimed, *ask_again(driver, target, unanswered)])
        driver.handles[target.name] += started.values()
    # What they wait for is with the target by now, and takes the slots that they give back.
    _tell_callers(target, settled)
    return bool(news.finished or news.again or claimed or settled)


def _claim(driver: Driver, target: LiveTarget) -> list[Run]:
    now, most = driver.clock(), target.max_runs
    if not isinstance(target, Paced):
        queues = target.capabilities.queues
        slots = most + runs_ahead(driver.paces.get(target.name), at_once=most, queues=queues, now=now)
        return driver.store.claim_runs(
            target.name, owner=driver.owner, now=now, limit=slots, slots=slots, overtakes=queues > 0
        )
    limit = min(most, target.starts_now())
    if not limit:
        return []
    return driver.store.claim_shares(target.name, owner=driver.owner, now=now, limit=limit, slots=most)


def _standing(driver: Driver, run: Run, its: Progress) -> Standing:
    began_at = its.started_at or (driver.clock() if its.status is RunStatus.RUNNING else None)
    return Standing(uid=run.uid, status=its.status, reason=its.reason, question=its.question, started_at=began_at)


def _settle_waiting(driver: Driver, waiting: Sequence[tuple[Run, Progress]]) -> list[Settled]:
    """Return what is to be told of runs that have ended; who waited for them takes a slot again at once."""
    settled: list[Settled] = []
    for run, progress in waiting:
        calls = [call for call in progress.calls if call.waits]
        told = settle_waiting(driver, run, calls)
        if calls and len(told) == len(calls) and progress.reason == "child":
            driver.store.record_progress([Standing(uid=run.uid, status=RunStatus.RUNNING)])
        settled += told
    return settled


def _tell_callers(target: LiveTarget, settled: Sequence[Settled]) -> None:
    for item in settled:
        if item.run.handle is not None and isinstance(target, TakesCalls):
            with suppress(TargetUnavailable):  # the next turn tells it again
                target.settle(item.run.handle, item.call.key, item.settlement)


def _follow(driver: Driver, target: LiveTarget, *, starts: bool) -> _News:
    """Read how the runs under way stand, and ask the target to end those that are to be cancelled."""
    under_way = driver.store.runs_under_way(target.name)
    handles = {run.uid: run.handle for run in under_way if run.handle is not None}
    progress = target.follow(handles) if handles else {}
    finished: list[FinishedRun] = []
    forgettable: list[str] = []
    again: list[_Again] = []
    moved: list[tuple[Run, Progress]] = []
    settled: list[Settled] = []
    waiting: list[tuple[Run, Progress]] = []
    for run in under_way:
        if run.handle is None:
            continue
        news = progress.get(run.uid)
        if news is not None and not news.status.is_ended and not target.capabilities.ends_late_runs:
            news = past_deadline(run, driver.form_of(run), news, now=driver.clock()) or news
        if news is not None and news.calls:
            told, is_all = _settle_new(driver, run, news, starts=starts)
            settled += told
            if news.status.is_ended and not is_all:
                continue  # its end is not recorded while what it asked for is not there
            waiting.append((run, news))
            news = _with_wait(news, told)
        if news is None:
            lost = Progress(status=RunStatus.LOST, reason="not_known", ended_at=driver.clock())
            finished.append(ended_record(driver, run, driver.form_of(run), lost))
        elif news.status.is_ended and (following := _next_attempt(driver, target, run, news)) is not None:
            again.append(following)
        elif news.status.is_ended:
            try:
                news = resolve_alert(target, run, driver.form_of(run), news)
            except TargetUnavailable:
                continue  # its end is recorded once its alert is resolved
            finished.append(record_with_output(driver, target, run, news))
            forgettable.append(run.handle)
        else:
            driver.latest[run.uid] = news
            if (news.status, news.reason, news.question) != (run.status, run.reason, run.question):
                moved.append((run, news))
            if run.cancel_requested_at is not None and target.capabilities.cancels:
                target.cancel(run.handle)
    return _News(
        under_way=under_way,
        finished=finished,
        forgettable=forgettable,
        again=again,
        moved=moved,
        settled=settled,
        waiting=waiting,
    )


def _settle_new(driver: Driver, run: Run, news: Progress, *, starts: bool) -> tuple[list[Settled], bool]:
    new = [call for call in news.calls if not call.waits]
    return settle_new(driver, run, new) if starts else ([], not new)


def _with_wait(news: Progress, settled: Sequence[Settled]) -> Progress:
    """Return ``news`` as they will be once its task has been told: its slot is free for what it waits for."""
    waits = any(item.call.wait and item.settlement.refusal is None for item in settled)
    if news.status is not RunStatus.RUNNING or not waits:
        return news
    return replace(news, status=RunStatus.WAITING, reason="child")


def _next_attempt(driver: Driver, target: LiveTarget, run: Run, news: Progress) -> _Again | None:
    form = driver.form_of(run)
    status, reason = judge(form, news)
    if run.handle is None or run.cancel_requested_at is not None or not is_tried_again(run, form, status):
        return None
    ended_at = news.ended_at or driver.clock()
    news = without_discarded(form, news)
    news, output = mask_news(driver, target, form, news, output=kept_output(target, run, form, news))
    ended = ended_attempt(run, replace(news, status=status, reason=reason), ended_at=ended_at)
    ended = replace(ended, output=output)
    return _Again(ended, run.handle, ended_at + delay_after(form.retry, run.attempt))


def forget_ended(driver: Driver, *, at_least: int = 1) -> None:
    """Let targets drop what they kept of runs whose end is durable, where ``at_least`` so many wait for that."""
    for name, handles in driver.forgettable.items():
        if len(handles) >= at_least and name in driver.targets:
            with suppress(TargetUnavailable):
                driver.targets[name].forget(list(handles))
                handles.clear()
