"""What a reviewer has to know of a change, as values.

Sentences here are ours; what definitions, devices and vendors say stands beside them, in values of its own, so that a
rendering can keep the two apart.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from enum import StrEnum

from msgspec import Struct

from reconciler.model.change import Change, FieldCause
from reconciler.model.forms import Kind, OneOff
from reconciler.model.inventory import Hold
from reconciler.model.job import Devices, Job
from reconciler.model.systems import ALL_SYSTEMS, systems_of

Key = tuple[str, Kind, str]
"""Target, kind and id: what a change is about."""


Place = tuple[str, Devices | None, frozenset[str]]
"""A target, a selector, and the systems that are admitted: what tells on which devices something runs."""


def place_of(target: str, form: object, job_of: Callable[[str], Job | None]) -> Place:
    """Return where ``form``, a job or a one-off of one, runs; ``job_of`` gives a declared job by id."""
    devices = form.devices if isinstance(form, Job | OneOff) else None
    job = job_of(form.job) if isinstance(form, OneOff) else form
    return target, devices, systems_of(job) if isinstance(job, Job) else ALL_SYSTEMS


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
    fields: tuple[FieldFact, ...] = ()
    more_fields: int = 0
    texts: tuple[TextChange, ...] = ()

    @property
    def level(self) -> Level:
        return self.marks[0].level if self.marks else Level.NOTE


class Company(Struct, frozen=True, kw_only=True):
    """Other jobs that start in the same minute."""

    count: int
    names: tuple[str, ...]


def _alone(_target: str, _job_id: str, _at: datetime) -> Company | None:
    return None


class Known(Struct, frozen=True, kw_only=True):
    """What is known beside the plan; nothing, where nobody asked.

    ``anchors`` is where applied intervals count from, by (target, root id); ``holds`` are by root id; ``devices`` by
    place.  ``job_of`` gives a declared job by id.  ``root_targets`` run their services as root or SYSTEM.
    ``company`` tells who else starts in the minute of an instant: (target, own id, instant).
    """

    anchors: Mapping[tuple[str, str], datetime] = {}
    holds: Mapping[str, Hold] = {}
    devices: Mapping[Place, Matched] = {}
    job_of: Callable[[str], Job | None] = lambda _id: None
    root_targets: frozenset[str] = frozenset()
    company: Callable[[str, str, datetime], Company | None] = _alone
