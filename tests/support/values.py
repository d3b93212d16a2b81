"""Values that tests of all rooms are made of."""

from datetime import UTC, datetime
from itertools import count
from typing import Any

from reconciler.model.desired import Declared, DesiredState
from reconciler.model.forms import Kind, OneOff, digest_form
from reconciler.model.inventory import Applied
from reconciler.model.job import Job, Task
from reconciler.model.run import Origin

MIDNIGHT = datetime(2026, 3, 1, tzinfo=UTC)
COMMIT = "c0ffee" + "0" * 34


class ManualClock:
    """A clock that stands still until it is moved."""

    def __init__(self, now: datetime = MIDNIGHT) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now


def uids(start: int = 1) -> Any:
    """Return a source of ids that counts: 00000001, 00000002 ..."""
    numbers = count(start)
    return lambda: f"{next(numbers):08d}-0000-7000-8000-000000000000"


def make_job(job_id: str = "a", **fields: Any) -> Job:
    """Return a job that runs `true` on the local target."""
    fields = {"targets": ("local",), "tasks": (Task(id="only", command="true"),)} | fields
    return Job(id=job_id, **fields)


def declare(*forms: Job | OneOff, **fields: Any) -> DesiredState:
    """Return the desired state that declares ``forms``, each in a file of its own."""
    jobs = {form.id: _declared(form, "jobs") for form in forms if isinstance(form, Job)}
    one_offs = {form.id: _declared(form, "runs") for form in forms if isinstance(form, OneOff)}
    return DesiredState(jobs=jobs, one_offs=one_offs, **fields)


def _declared(form: Any, folder: str) -> Any:
    return Declared(form=form, path=f"definitions/{folder}/{form.id}.yaml", blob="b" * 40, digest=digest_form(form))


def apply_job(job: Job, *, target: str = "local", root_id: str | None = None, at: datetime = MIDNIGHT) -> Applied:
    """Return ``job`` as it stands in the inventory."""
    origin = Origin(commit=COMMIT, path=f"definitions/jobs/{job.id}.yaml", blob="b" * 40, digest=digest_form(job))
    return Applied(
        target=target, kind=Kind.JOB, id=job.id, root_id=root_id or job.id, form=job, origin=origin, applied_at=at
    )
