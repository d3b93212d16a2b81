"""What every target can be asked, in our terms: the one contract that all providers keep.

A target that is not reachable raises ``TargetUnavailable`` (try later), one that says no ``TargetRefused`` (never).
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol, runtime_checkable

from msgspec import Struct

from reconciler.model.change import Change
from reconciler.model.errors import TargetRefused, TargetUnavailable
from reconciler.model.event import Event
from reconciler.model.forms import Component, Form
from reconciler.model.job import Devices, Job
from reconciler.model.live import ComponentState, LiveState
from reconciler.model.pace import Pace
from reconciler.model.run import Device, OutputRecord, Question, Run, RunStatus, TaskResult
from reconciler.model.secret import Secret

ParameterValue = str | int | float | bool | Secret


class Capabilities(Struct, frozen=True, kw_only=True):
    """What a target can do; what it cannot is said at validation, never left out silently.

    ``holds_schedules``: jobs are objects there, and the target starts them by itself; we never do at their instants.
    ``exit_code``: each ended run has one, so a run without is ``unknown``.  ``idempotent_start``: a start that is
    repeated with the same run uid starts nothing twice; ``find_seconds``: for how long after an ambiguous start the
    target may not know yet what it started.  ``is_local``: its runs are of this machine; a pass waits for them,
    and no other clone can reach it.  Of others, only one state may reconcile each.
    ``ends_late_runs``: it keeps the time limit of a job itself; of others, we only stop waiting.  ``queues``: so many
    runs beyond ``max_runs`` it may be given; it starts them by priority, in time (``latest_start``), and no more at
    once than it may.
    """

    holds_schedules: bool
    runs_now: bool
    cancels: bool
    feedback: bool
    output: bool
    exit_code: bool
    lists_devices: bool
    idempotent_start: bool
    queues: int = 0
    find_seconds: int = 0
    is_local: bool = False
    ends_late_runs: bool = False


STARTS_ITSELF = "its target starts it by itself, and cannot be asked to"
"""Why a job is not run now: to follow its name."""


class DeviceList(Struct, frozen=True, kw_only=True):
    """The devices that a selector admits, by hostname. Not ``complete``: there may be more."""

    devices: tuple[Device, ...]
    complete: bool = True


def attempt_handle(run: Run) -> str:
    """Return by what name a target may know this attempt of ``run``: each attempt is started for itself, once."""
    return run.uid if run.attempt == 1 else f"{run.uid}.{run.attempt}"


def latest_start(run: Run, job: Job) -> datetime:
    """Return until when ``run`` may wait for its start, whatever for."""
    return max(run.due_at, run.created_at) + timedelta(minutes=job.expire_after_minutes)


class StartOrder(Struct, frozen=True, kw_only=True):
    """One run to be started: its job in the form that was applied, and the value of every parameter."""

    run: Run
    job: Job
    values: Mapping[str, ParameterValue] = {}
    secrets: Mapping[str, Secret] = {}


class Started(Struct, frozen=True, kw_only=True):
    """It runs, or will without us; ``handle`` finds it again. ``is_queued``: the target has it, the device not yet."""

    handle: str
    is_queued: bool = False


class Unavailable(Struct, frozen=True, kw_only=True):
    """Not started: try again later, not before ``retry_at`` where the target says so."""

    reason: str
    retry_at: datetime | None = None


class Offline(Struct, frozen=True, kw_only=True):
    """Not started: the device is not online, and the target does not keep the run for it. The job says what follows."""

    reason: str


class Refused(Struct, frozen=True, kw_only=True):
    """Not started, and never will be. ``cause`` is the reason of the run's status."""

    reason: str
    cause: str = "failed_to_start"


class Ambiguous(Struct, frozen=True, kw_only=True):
    """Perhaps started: the answer was lost. It is looked for with ``find``, never started again on a guess."""

    reason: str


StartAnswer = Started | Unavailable | Offline | Refused | Ambiguous


class Call(Struct, frozen=True, kw_only=True):
    """What the task of a run asks of other runs: that they are made, or, with ``uids``, the end of those.

    Or, with an ``event`` (its `id`, `type`, `device` and `data`), that it is taken.

    ``key`` tells it from others of the run.  ``waits``: they are there, as ``children``, and their end is waited for;
    else they are still to be made.  ``wait`` is what was asked for.
    """

    key: str
    job: str = ""
    component: str = ""
    target: str = ""
    device: str = ""
    variables: Mapping[str, str] = {}
    is_forced: bool = False
    uids: tuple[str, ...] = ()
    wait: bool = False
    children: tuple[str, ...] = ()
    waits: bool = False
    event: dict[str, Any] | None = None


class Settlement(Struct, frozen=True, kw_only=True):
    """What a call came to: the runs, as documents, as they are now or, where it ``is_final``, have ended; or why none.

    ``refusal`` has `message`, `hint` and `isUsage`.
    """

    children: tuple[str, ...] = ()
    runs: tuple[dict[str, Any], ...] = ()
    is_final: bool = False
    refusal: dict[str, Any] | None = None


class Note(Struct, frozen=True):
    """How far a task says that it is, in percent, and what it does."""

    percent: int
    text: str = ""


class Progress(Struct, frozen=True, kw_only=True):
    """How a run stands. ``tasks`` are those that have begun, in order; complete once the run has ended.

    ``calls`` are those that somebody has to see to.
    """

    status: RunStatus
    reason: str = ""
    started_at: datetime | None = None
    ended_at: datetime | None = None
    tasks: tuple[TaskResult, ...] = ()
    calls: tuple[Call, ...] = ()
    note: Note | None = None

    @property
    def question(self) -> Question | None:
        """What a person is to answer first, or None."""
        return next((each for task in self.tasks for each in task.questions if each.is_open), None)


class LiveTarget(Protocol):
    """A target that one can talk to."""

    @property
    def name(self) -> str: ...

    @property
    def capabilities(self) -> Capabilities: ...

    @property
    def max_runs(self) -> int:
        """How many runs may be under way here at once."""
        ...

    def read(self) -> LiveState:
        """Return what the target holds; reads only."""
        ...

    def normalise(self, form: Form) -> Form:
        """Return ``form`` as ``read`` gives it back once it is applied: what the target has no room for is gone."""
        ...

    def apply(self, change: Change) -> None:
        """Carry out ``change``; doing it twice is the same as once.

        An ADOPT takes over an object that is there and not ours: write it, and mark it as ours.
        """
        ...

    def devices(self, selector: Devices | None) -> DeviceList:
        """Return the devices that ``selector`` admits; None stands for the one device a local target has."""
        ...

    def start(self, orders: Sequence[StartOrder]) -> Mapping[str, StartAnswer]:
        """Start the runs, answered by run uid. Raises TargetUnavailable only where none was started."""
        ...

    def find(self, run: Run) -> str | None:
        """Return the handle of ``run`` if the target knows it: asked after an ambiguous start."""
        ...

    def follow(self, handles: Mapping[str, str]) -> Mapping[str, Progress]:
        """Return how the runs stand, by run uid, given their handles; a run that is not known is left out."""
        ...

    def output(self, handle: str) -> Sequence[OutputRecord]:
        """Return what the run has written so far, masked, head and tail past the cap."""
        ...

    def cancel(self, handle: str) -> None:
        """Ask the target to end the run; ``follow`` tells when it has."""
        ...

    def answer(self, handle: str, text: str | Secret, *, question: str, by: str = "") -> None:
        """Give the task that asked the question with this key its answer; ``by`` is who gives it.

        Raises TargetRefused where it does not wait for one, or not for such.
        """
        ...

    def wait(self, handles: Collection[str], *, timeout_seconds: float) -> None:
        """Return when one of the runs may have changed, or after ``timeout_seconds``."""
        ...

    def forget(self, handles: Collection[str]) -> None:
        """The reports of these runs are durable: what the target kept for us may go."""
        ...

    def close(self) -> None:
        """Let go of connections; the runs go on."""
        ...


@runtime_checkable
class TakesCalls(Protocol):
    """A target whose tasks can ask for other runs."""

    def settle(self, handle: str, key: str, settlement: Settlement) -> None:
        """Tell the run what its call came to; telling it twice is the same as once."""
        ...


@runtime_checkable
class Paced(Protocol):
    """A target that takes so many starts in some time."""

    def starts_now(self) -> int:
        """Return how many runs may be started at this moment."""
        ...

    def next_start_at(self) -> datetime:
        """Return from when on at least one may be started."""
        ...

    def pace(self) -> Pace:
        """Return how many starts it takes in some time; it may be asked for that."""
        ...


NotApplied = TargetRefused | TargetUnavailable
"""Why a change was not carried out."""


@runtime_checkable
class AppliesMany(Protocol):
    """A target that carries out changes faster together than one by one."""

    def apply_many(self, changes: Sequence[Change]) -> Sequence[NotApplied | None]:
        """Carry out changes, in their order where it matters; return for each why it was not, or None.

        Raises TargetUnavailable where nobody can say what was done; all of them may be tried again.
        """
        ...


@runtime_checkable
class KeepsComponents(Protocol):
    """A target whose components are its own: they are looked at, and changed by hand only."""

    def compare(self, components: Sequence[Component]) -> Sequence[ComponentState]: ...

    def bundle(self, component: Component) -> bytes:
        """Return the component as a package for import by hand; the same component gives the same bytes."""
        ...


@runtime_checkable
class KeepsVariables(Protocol):
    """A target that keeps variables for what it runs; ``apply`` writes them as it does other objects."""

    def read_variables(self, ids: Collection[str]) -> LiveState:
        """Return all variables of the places that ``ids`` name; reads only."""
        ...

    def read_all_variables(self) -> LiveState:
        """Return the variables of all places; reads only."""
        ...

    def hidden_values(self) -> Sequence[Secret]:
        """Return what masked variables stand for: anything that runs may write it. Raises CouldNot."""
        ...


@runtime_checkable
class ResolvesAlerts(Protocol):
    """A target whose events are alerts that can be resolved."""

    @property
    def event_types(self) -> Collection[str]: ...

    def resolve_alert(self, alert_uid: str) -> None:
        """Resolve the alert; doing it twice is the same as once."""
        ...


@runtime_checkable
class EventSource(Protocol):
    """A target that knows of things that happen; it is asked for them where an applied job waits for their type."""

    @property
    def event_types(self) -> Collection[str]: ...

    def events(self, cursor: str) -> tuple[Sequence[Event], str]:
        """Return what happened since ``cursor`` (empty: never asked before), and the cursor to ask with next.

        What is told twice counts once: an event has a source and an id.
        """
        ...
