"""Which job runs on a device when a trigger names one: that job, its alternate, or none."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from msgspec import Struct

from reconciler.model.errors import UsageError
from reconciler.model.expressions import ExpressionFailed, ExpressionInvalid
from reconciler.model.inventory import Applied, Hold
from reconciler.model.job import Job, Overlap, Value
from reconciler.model.run import Device, Run, RunStatus, Trigger, TriggerKind
from reconciler.model.secret import SecretRef
from reconciler.model.systems import keeps_off
from reconciler.runs.conditions import Moment, holds_for
from reconciler.runs.parameters import resolve_parameters

_LONGEST_CHAIN = 32


class Request(Struct, frozen=True, kw_only=True, gc=False):
    """Why and when a job is to run: the trigger, its instant, and what was given with it.

    ``event`` is the event that is the trigger: id, type, source, device, data, at and depth; ``device``, a hostname or
    a uid, is the only one of those that the job selects where it is to run.
    """

    trigger: Trigger
    scheduled_for: datetime
    variables: Mapping[str, Value] = {}
    event: Mapping[str, Any] = {}
    device: str = ""
    requested_by: str = ""
    parent_uid: str | None = None
    is_forced: bool = False


class History(Protocol):
    """What choosing asks of the store."""

    def applied_by_id(self, target: str, job_id: str) -> Applied | None: ...

    def last_status(self, job_id: str, target: str, device_uid: str) -> RunStatus | None: ...

    def active_runs_of(self, root_ids: Collection[str]) -> Sequence[Run]: ...

    def holds(self) -> Mapping[str, Hold]: ...


class Choice(Struct, frozen=True, kw_only=True, gc=False):
    """The job that runs and what it is given; ``refusal`` says why it fails instead, or is empty.

    ``active`` are its runs on the target that have not ended.
    """

    applied: Applied
    variables: Mapping[str, Value]
    active: Sequence[Run]
    refusal: str = ""

    @property
    def job(self) -> Job:
        assert isinstance(self.applied.form, Job)
        return self.applied.form


def choose_job(
    applied: Applied, device: Device, request: Request, *, history: History, active: Sequence[Run], now: datetime
) -> Choice | str:
    """Return what runs on ``device``, or the word for why nothing does.

    An alternate is asked for one hop only: where its own condition does not hold, nothing runs.
    """
    plain = Choice(applied=applied, variables=request.variables, active=active)
    job = plain.job
    if job.condition is None or request.is_forced:
        return plain
    try:
        values = resolve_parameters(job, request.variables)
    except UsageError:
        return plain  # the start refuses it, and says what is wrong
    verdict = _judge(plain, device, request, values, history)
    if verdict is None or isinstance(verdict, Choice):
        return verdict or plain
    if job.alternate_job_id is None:
        return verdict
    return _choose_alternate(plain, device, request, values, history=history, now=now)


def _judge(
    choice: Choice, device: Device, request: Request, values: Mapping[str, Value], history: History
) -> Choice | str | None:
    """Return None where the condition holds, the word where it does not, a refused choice where nobody can tell."""
    applied = choice.applied
    moment = Moment(
        target=applied.target,
        commit=applied.origin.commit,
        trigger=request.trigger,
        scheduled_for=request.scheduled_for,
        requested_by=request.requested_by,
        event=request.event,
    )

    def last_status() -> str:
        status = history.last_status(applied.id, applied.target, device.uid)
        return status.value if status is not None else ""

    try:
        holds = holds_for(choice.job, device, moment, values=values, last_status=last_status)
    except (ExpressionInvalid, ExpressionFailed) as error:
        why = f"the condition could not be evaluated: {error}"
        return Choice(applied=applied, variables=choice.variables, active=choice.active, refusal=why)
    return None if holds else "condition"


def _choose_alternate(
    first: Choice, device: Device, request: Request, values: Mapping[str, Value], *, history: History, now: datetime
) -> Choice | str:
    if _is_circular(first.applied, history):
        return "alternate_cycle"
    alternate_id = first.job.alternate_job_id
    applied = history.applied_by_id(first.applied.target, alternate_id) if alternate_id else None
    if applied is None:
        return "alternate_missing"
    active = [run for run in history.active_runs_of([applied.root_id]) if run.target == applied.target]
    job = applied.form
    assert isinstance(job, Job)
    alternate = Choice(applied=applied, variables=_passed_on(job, values), active=active)
    hold = history.holds().get(applied.root_id)
    if not job.enabled:
        return "alternate_disabled"
    if hold is not None and hold.covers(now):
        return "alternate_held"
    if keeps_off(job, device.os):
        return "alternate_os_filter"
    if device.uid in busy_devices(job, request, active):
        return "alternate_overlap"
    if job.condition is None:
        return alternate
    try:
        own = resolve_parameters(job, alternate.variables)
    except UsageError:
        return alternate
    verdict = _judge(alternate, device, request, own, history)
    return "alternate_condition" if isinstance(verdict, str) else verdict or alternate


def _is_circular(applied: Applied, history: History) -> bool:
    """Return whether the chain of alternates comes back to a job of it: then none of it is followed."""
    seen: set[str] = set()
    current: Applied | None = applied
    while current is not None and len(seen) < _LONGEST_CHAIN:
        if current.id in seen:
            return True
        seen.add(current.id)
        form = current.form
        following = form.alternate_job_id if isinstance(form, Job) else None
        current = history.applied_by_id(current.target, following) if following else None
    return current is not None


def _passed_on(job: Job, values: Mapping[str, Value]) -> dict[str, Value]:
    """Return the values that ``job`` declares; which secrets it may use is said in its own definition."""
    declared = {parameter.name for parameter in job.parameters}
    return {name: value for name, value in values.items() if name in declared and not isinstance(value, SecretRef)}


def busy_devices(job: Job, request: Request, active: Sequence[Run]) -> set[str]:
    """Return the uids of the devices on which the job's overlap rule lets no further run come into being.

    A run that may come into being still is not started beside another of its job (``is_exclusive``): it waits.
    """
    if job.overlap is Overlap.ALLOW or request.trigger.kind is TriggerKind.ONE_OFF:
        return set()
    if job.overlap is Overlap.SKIP:
        return {run.device.uid for run in active}
    # queue holds one at most; replace puts the newest in the place of whatever waits, and of what runs.
    return {run.device.uid for run in active if run.status is RunStatus.CREATED}
