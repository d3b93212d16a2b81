"""What the store keeps beside the shared values, and what it is asked by: plain values, no SQL."""

from datetime import datetime

from msgspec import Struct

from reconciler.model.event import Event
from reconciler.model.run import Disposition, OutputRecord, Question, RunStatus, TaskResult, TriggerKind


class Lease(Struct, frozen=True, kw_only=True):
    """Who may act under ``name`` until when. ``token`` rises each time the lease changes hands."""

    name: str
    owner: str
    token: int
    acquired_at: datetime
    until: datetime


class PassRecord(Struct, frozen=True, kw_only=True):
    """One reconcile of one commit; ``finished_at`` is None while it is under way, or when it was cut off."""

    id: int
    commit: str
    tree_digest: str
    started_at: datetime
    finished_at: datetime | None
    outcome: str
    detail: str
    counts: dict[str, int]


class JournalEntry(Struct, frozen=True, kw_only=True):
    """A change that was about to be carried out: ``data`` is JSON, its meaning the writer's own."""

    target: str
    key: str
    data: bytes
    opened_at: datetime


class FinishedRun(Struct, frozen=True, kw_only=True):
    """The end of a run. ``disposition`` is what becomes of its occurrence, unless another run of it really ran."""

    uid: str
    status: RunStatus
    reason: str = ""
    started_at: datetime | None = None
    ended_at: datetime
    tasks: tuple[TaskResult, ...] = ()
    report: bytes
    output: tuple[OutputRecord, ...] = ()
    disposition: Disposition = Disposition.RUN


class Attempt(Struct, frozen=True, kw_only=True):
    """How one attempt of a run ended, when it was not the last. ``output`` is only given, never read back with it."""

    run_uid: str
    attempt: int
    status: RunStatus
    reason: str = ""
    started_at: datetime | None = None
    ended_at: datetime
    tasks: tuple[TaskResult, ...] = ()
    output: tuple[OutputRecord, ...] = ()


class Standing(Struct, frozen=True, kw_only=True, gc=False):
    """How a run stands that has not ended."""

    uid: str
    status: RunStatus
    reason: str = ""
    question: Question | None = None
    started_at: datetime | None = None


class LateResult(Struct, frozen=True, kw_only=True):
    """An ending that arrived for a run that had already ended: kept, and without effect on the run."""

    run_uid: str
    status: RunStatus
    reason: str
    started_at: datetime | None
    ended_at: datetime
    tasks: tuple[TaskResult, ...]
    report: bytes


class RunFilter(Struct, frozen=True, kw_only=True):
    """All that is given must hold. ``device`` is a uid or a hostname, ``commit`` a full id or its beginning.

    ``since`` compares with the creation of the run, itself included.
    """

    job_id: str | None = None
    target: str | None = None
    device: str | None = None
    site: str | None = None
    status: RunStatus | None = None
    commit: str | None = None
    trigger_kind: TriggerKind | None = None
    since: datetime | None = None


class RunCount(Struct, frozen=True, kw_only=True):
    """How many runs of one form of a job ended in ``status``; ``changed_in`` is the commit that brought the form."""

    path: str
    changed_in: str
    commit: str
    status: RunStatus
    number: int


class UnpublishedReport(Struct, frozen=True, kw_only=True):
    """A durable report that is not yet on the reports branch; ``data`` is the document."""

    uid: str
    ended_at: datetime
    commit: str
    status: RunStatus
    job_id: str
    data: bytes


class StartedRun(Struct, frozen=True):
    """A run that an event started, and how many events it stands for by now."""

    trigger_key: str
    uid: str
    job_id: str
    status: RunStatus
    events: int


class EventRecord(Struct, frozen=True, kw_only=True):
    """An event as it is kept: ``outcome`` counts the jobs by what became of it there.

    ``remaining`` are the jobs, by target and root id, that it has still to reach; None: all that name its type.
    ``settled_at`` is None until it has reached them.  Not ``is_readable``: its data was damaged, and is left out.
    """

    seq: int
    event: Event
    remaining: tuple[tuple[str, str], ...] | None = None
    settled_at: datetime | None = None
    outcome: dict[str, int] = {}
    is_readable: bool = True
