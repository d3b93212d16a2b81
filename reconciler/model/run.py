"""Occurrences and runs: what became of each instant, event and request, and each execution on a device."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from msgspec import Struct

from reconciler.model.job import Concurrency, Value


class RunStatus(StrEnum):
    """One word per state; the first four are under way, the others have ended and never change."""

    CREATED = "created"
    QUEUED = "queued"
    RUNNING = "running"
    WAITING = "waiting"
    COMPLETED = "completed"
    FAILED = "failed"
    TIMEOUT = "timeout"
    CANCELLED = "cancelled"
    SKIPPED = "skipped"
    EXPIRED = "expired"
    LOST = "lost"
    UNKNOWN = "unknown"

    @property
    def is_ended(self) -> bool:
        return self not in ACTIVE_STATUSES


ACTIVE_STATUSES = frozenset({RunStatus.CREATED, RunStatus.QUEUED, RunStatus.RUNNING, RunStatus.WAITING})


class Disposition(StrEnum):
    """What became of an occurrence."""

    PENDING = "pending"
    RUN = "run"
    MISSED = "missed"
    SKIPPED = "skipped"
    EXPIRED = "expired"
    COALESCED = "coalesced"
    CANCELLED = "cancelled"


class TriggerKind(StrEnum):
    SCHEDULE = "schedule"
    EVENT = "event"
    ONE_OFF = "oneoff"
    MANUAL = "manual"
    RETRY = "retry"


class Trigger(Struct, frozen=True, gc=False):
    """What makes a run due. ``key`` is unique per job and target: ``schedule:<instant>``, ``oneoff:<id>`` ..."""

    kind: TriggerKind
    key: str


class Device(Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True, gc=False):
    """Where a run happens. ``os`` is windows, linux or macOS; ``online`` None where the target cannot say."""

    uid: str
    hostname: str
    os: str = ""
    site: str = ""
    tags: tuple[str, ...] = ()
    online: bool | None = None
    last_seen: datetime | None = None


class Origin(Struct, frozen=True, kw_only=True, rename="camel", gc=False):
    """From where the form that runs was applied: the ``source`` of a report.

    ``changed_in`` is the commit that last changed the file; ``digest`` is that of the effective definition.
    """

    commit: str
    path: str
    blob: str
    digest: str
    changed_in: str = ""
    repository: str = ""


class Occurrence(Struct, frozen=True, kw_only=True, gc=False):
    """An instant, event or request that a trigger named, whatever became of it: unique by (root, target, key).

    ``root_id`` is the job's id, or the oldest of its ``previousId`` chain.  A missed span is one occurrence: the first
    and last instants and their ``count``.
    """

    id: str
    root_id: str
    job_id: str
    target: str
    trigger: Trigger
    scheduled_for: datetime
    created_at: datetime
    disposition: Disposition = Disposition.PENDING
    reason: str = ""
    origin: Origin
    last_instant: datetime | None = None
    count: int = 1


class Question(Struct, frozen=True, kw_only=True, rename="camel"):
    """What a task asks a person. ``outcome`` is empty while it is open; then answered, expired or withdrawn.

    ``key`` tells it from others of its run.  The answer to one that ``is_secret`` is kept nowhere: it is ``***`` here.
    """

    key: str
    text: str
    is_secret: bool = False
    choices: tuple[str, ...] = ()
    asked_at: datetime
    deadline_at: datetime | None = None
    outcome: str = ""
    answer: str = ""
    answered_by: str = ""
    ended_at: datetime | None = None

    @property
    def is_open(self) -> bool:
        return not self.outcome


class Run(Struct, frozen=True, kw_only=True, gc=False):
    """One execution of a job for one occurrence on one device. ``due_at`` is with jitter, ``handle`` the target's.

    ``event`` is the event that is its trigger, ``refusal`` why it fails without being started (condition_error),
    ``question`` what a person is to answer before it goes on.
    One that ``is_exclusive`` is not started while another run of its job is under way on the same device; one with a
    ``concurrency`` not while as many runs of its key are under way as that says; none before ``start_after``.
    """

    uid: str
    occurrence_id: str
    root_id: str
    job_id: str
    target: str
    device: Device
    trigger: Trigger
    scheduled_for: datetime
    due_at: datetime
    created_at: datetime
    origin: Origin
    priority: int = 5
    queued_at: datetime | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    attempt: int = 1
    status: RunStatus = RunStatus.CREATED
    reason: str = ""
    parent_uid: str | None = None
    requested_by: str = ""
    variables: dict[str, Value] = {}
    event: dict[str, Any] = {}
    refusal: str = ""
    handle: str | None = None
    is_exclusive: bool = True
    concurrency: Concurrency | None = None
    cancel_requested_at: datetime | None = None
    start_after: datetime | None = None
    question: Question | None = None


class Stream(StrEnum):
    STDOUT = "stdout"
    STDERR = "stderr"


class OutputRecord(Struct, frozen=True):
    """A piece of output as it came: bytes as they are, ``at`` when they were read."""

    task_id: str
    stream: Stream
    at: datetime
    data: bytes


class StreamSummary(Struct, frozen=True, rename="camel"):
    """True size and SHA-256 of all that was written, also past the cap; ``tail`` is its end, masked, as text."""

    bytes: int = 0
    sha256: str = ""
    tail: str = ""


class TaskResult(Struct, frozen=True, kw_only=True, rename="camel"):
    """How one task ended. ``exit_code`` is None where there is none; a negative one is the signal that killed it.

    ``children`` are the uids of the runs that it started.
    """

    id: str
    status: RunStatus
    exit_code: int | None = None
    meaning: str = ""
    started_at: datetime | None = None
    ended_at: datetime | None = None
    stdout: StreamSummary = StreamSummary()
    stderr: StreamSummary = StreamSummary()
    outputs: dict[str, Any] = {}
    warnings: tuple[str, ...] = ()
    questions: tuple[Question, ...] = ()
    children: tuple[str, ...] = ()
