"""What driving runs works with, put together once by the caller."""

from collections.abc import Callable, Mapping, Sequence

from msgspec import Struct

from reconciler.model.errors import CouldNot, TargetUnavailable
from reconciler.model.forms import Kind
from reconciler.model.instant import Clock, NewUid
from reconciler.model.job import Job
from reconciler.model.run import Run, TaskResult
from reconciler.runs.pace import Pace
from reconciler.runs.secrets import SecretSource
from reconciler.store.store import Store
from reconciler.targets.protocol import LiveTarget, Progress

ReportOf = Callable[[Run, Sequence[TaskResult], Job], bytes]
"""Returns the report of an ended run as it is stored."""


class Driver(Struct, frozen=True, kw_only=True):
    """``owner`` names this process in claims; ``pause`` lets some seconds pass.

    ``forgettable`` are handles, by target, of runs whose end is durable: the target is told of many at once.
    ``handles`` are those of the runs under way, by target, as they were after the last turn.
    ``max_depth`` bounds runs that tasks ask for, each from another; ``guard`` raises where a target may have none.
    ``paces`` is how long runs took that have ended lately, by target.
    ``latest`` is how the runs under way stood when they were last followed, by uid.
    ``is_gone`` tells whether the process that signs so lives no more; ``troubles`` says, by target, why it could not be
    talked to in the last turn.
    """

    store: Store
    targets: Mapping[str, LiveTarget]
    secrets: SecretSource
    report_of: ReportOf
    clock: Clock
    pause: Callable[[float], object]
    new_uid: NewUid
    owner: str
    is_gone: Callable[[str], bool] = lambda _owner: True
    troubles: dict[str, TargetUnavailable] = {}
    forgettable: dict[str, list[str]] = {}
    handles: dict[str, list[str]] = {}
    latest: dict[str, Progress] = {}
    paces: dict[str, Pace] = {}
    max_depth: int = 8
    guard: Callable[[str], None] = lambda _: None

    def form_of(self, run: Run) -> Job:
        """Return the form from which ``run`` was made, as ``form_of_run`` does."""
        return form_of_run(self.store, run)


def form_of_run(store: Store, run: Run) -> Job:
    """Return the form from which ``run`` was made, whatever has been applied since. Raises CouldNot without it."""
    form = store.form(Kind.JOB, run.origin.digest)
    if not isinstance(form, Job):
        raise CouldNot(
            f"the form of job {run.job_id} that run {run.uid} was made from is not in the state any more",
            hint=f"Its report tells of it: reconciler report --run {run.uid}",
        )
    return form
