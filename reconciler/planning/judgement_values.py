"""What a reviewer has to know of a change, as values.

Sentences here are ours; what definitions, devices and vendors say stands beside them, in values of its own, so that a
rendering can keep the two apart.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from enum import StrEnum

from msgspec import Struct
from msgspec.structs import replace

from reconciler.model.change import Change, FieldCause
from reconciler.model.forms import Kind, OneOff
from reconciler.model.inventory import Hold
from reconciler.model.job import Devices, Job
from reconciler.model.pace import Pace
from reconciler.model.systems import ALL_SYSTEMS, systems_of

Key = tuple[str, Kind, str]
"""Target, kind and id: what a change is about."""


Place = tuple[str, Devices | None, frozenset[str]]
"""A target, a selector, and the systems that are admitted: what tells on which devices something runs."""


JobOf = Callable[[str], Job | None]
"""Gives a declared job by id."""


def run_by(form: object, job_of: JobOf) -> Job | None:
    """Return the job that ``form`` runs: itself, or that of a one-off, on its devices."""
    if isinstance(form, OneOff):
        job = job_of(form.job)
        return replace(job, devices=form.devices or job.devices) if job is not None else None
    return form if isinstance(form, Job) else None


def place_of(target: str, form: object, job_of: JobOf) -> Place:
    """Return where ``form``, a job or a one-off of one, runs."""
    devices = form.devices if isinstance(form, Job | OneOff) else None
    job = run_by(form, job_of)
    return target, devices, systems_of(job) if job is not None else ALL_SYSTEMS


def key_of(change: Change) -> Key:
    return change.target, change.kind, change.id


class Level(StrEnum):
    DANGER = "danger"
    CAUTION = "caution"
    NOTE = "note"

    @property
    def rank(self) -> int:
        """0 is the worst."""
        return _RANKS[self]


_RANKS = {Level.DANGER: 0, Level.CAUTION: 1, Level.NOTE: 2}


class Mark(Struct, frozen=True, kw_only=True, rename="camel"):
    """Something to look at; ``names`` are what it is about, to be shown after ``text``."""

    code: str
    level: Level
    text: str
    names: tuple[str, ...] = ()


class Starts(Struct, frozen=True, kw_only=True, rename="camel"):
    """What starts a job. ``words`` tell of its schedule, empty without one; ``events`` are the types that start it.

    ``next_at`` are the first instants that the scheduler will name, before jitter.  ``per_day`` is the mean of the four
    weeks from the first on.  ``stopped`` says why nothing starts, if so.  ``is_from_apply``: the instants count from
    when the plan is applied, taken to be now; ``is_vague``: they count from a moment that nobody here knows.
    ``clock_changes`` are those of the next twelve months.
    """

    words: str
    events: tuple[str, ...] = ()
    timezone: str = "UTC"
    next_at: tuple[datetime, ...] = ()
    per_day: float = 0.0
    jitter_seconds: int = 0
    stopped: str = ""
    is_from_apply: bool = False
    is_vague: bool = False
    clock_changes: tuple[str, ...] = ()


class Matched(Struct, frozen=True, kw_only=True, rename="camel"):
    """Devices that a job or a one-off runs on today: how many, and the first names.

    Not ``complete``: there may be more.  ``kept_off`` more are selected, and have another operating system
    than what is to run there is for.
    """

    count: int
    names: tuple[str, ...] = ()
    complete: bool = True
    kept_off: int = 0


class DeviceFacts(Struct, frozen=True, kw_only=True, rename="camel"):
    """The selector by its fields, and what it matches where somebody looked."""

    selector: tuple[tuple[str, tuple[str, ...]], ...] = ()
    matched: Matched | None = None


class FanOut(Struct, frozen=True, kw_only=True, rename="camel"):
    """The starts of one instant: the last comes ``seconds`` after the first.

    In ``batches``, of which each begins ``pause_seconds`` after the runs of the one before have ended: their own time
    is not in ``seconds``.  ``others`` are jobs that start in the same minute, and share the limit with their
    ``other_devices``; of ``others_unknown`` more nobody knows the devices.  ``spread_seconds`` is the time of
    one batch.
    """

    devices: int
    seconds: float
    pace: Pace
    batches: int = 1
    pause_seconds: int = 0
    others: tuple[str, ...] = ()
    other_devices: int = 0
    others_unknown: int = 0
    spread_seconds: float = 0


class Shown(Struct, frozen=True, rename="camel"):
    """A value as text; ``note`` is our word on it: ``default``, ``10 min``. Empty text: there is none."""

    text: str
    note: str = ""


class FieldFact(Struct, frozen=True, kw_only=True, rename="camel"):
    """One field, old to new; ``live`` where the target has something else."""

    json_path: str
    before: Shown
    after: Shown
    live: Shown | None = None
    cause: FieldCause = FieldCause.OURS


class TextChange(Struct, frozen=True, kw_only=True, rename="camel"):
    """A script or another text of several lines, as a unified diff without its two header lines.

    ``left_out`` lines are missing from the middle, where a line says so.  ``note`` says why there are no lines, or what
    they do not tell.
    """

    json_path: str
    lines: tuple[str, ...] = ()
    left_out: int = 0
    added: int = 0
    removed: int = 0
    note: str = ""


class Judgement(Struct, frozen=True, kw_only=True, rename="camel"):
    """The facts of one change. ``marks`` are sorted, worst first; ``more_fields`` counts those left out."""

    marks: tuple[Mark, ...] = ()
    before: Starts | None = None
    after: Starts | None = None
    devices_before: DeviceFacts | None = None
    devices_after: DeviceFacts | None = None
    fan_out: FanOut | None = None
    fields: tuple[FieldFact, ...] = ()
    more_fields: int = 0
    texts: tuple[TextChange, ...] = ()

    @property
    def level(self) -> Level:
        return self.marks[0].level if self.marks else Level.NOTE


class Company(Struct, frozen=True, kw_only=True):
    """Other jobs that start in the same minute: how many, some ``names`` to show, and the first ``others`` by id."""

    count: int
    names: tuple[str, ...]
    others: tuple[str, ...] = ()


def _alone(_target: str, _job_id: str, _at: datetime) -> Company | None:
    return None


class Known(Struct, frozen=True, kw_only=True):
    """What is known beside the plan; nothing, where nobody asked.

    ``anchors`` is where applied intervals count from, by (target, root id); ``holds`` are by root id; ``devices`` by
    place.  ``job_of`` gives a declared job by id.  ``root_targets`` run their services as root or SYSTEM.
    ``company`` tells who else starts in the minute of an instant: (target, own id, instant).
    ``paces`` is how fast targets take starts; ``match`` looks up the devices of another job.
    """

    anchors: Mapping[tuple[str, str], datetime] = {}
    holds: Mapping[str, Hold] = {}
    devices: Mapping[Place, Matched] = {}
    job_of: JobOf = lambda _id: None
    root_targets: frozenset[str] = frozenset()
    company: Callable[[str, str, datetime], Company | None] = _alone
    paces: Mapping[str, Pace] = {}
    match: Callable[[str, Job], Matched | None] = lambda _target, _job: None
