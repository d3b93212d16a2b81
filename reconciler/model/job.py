"""A job: what runs, where, when and how. The form is the definition's, checked and with its defaults filled in.

Field by field it is described in ``schemas/job.schema.json``; DESIGN section 3 has the rules.
"""

from datetime import datetime
from enum import StrEnum
from math import ceil
from typing import Any

from msgspec import Struct

from reconciler.model.secret import SecretRef

Value = str | int | float | bool | SecretRef | None
"""A parameter's or variable's value."""


def value_text(value: Value) -> str:
    """Return a value as a script gets it: text as it is, a number or a boolean as JSON writes it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


class FormPart(
    Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True, forbid_unknown_fields=True, gc=False
):
    """Part of a definition: camelCase in JSON; what equals its default is left out, so digests outlive new fields."""


class ScriptType(StrEnum):
    AUTO = "auto"
    BASH = "bash"
    POWERSHELL = "powershell"
    PYTHON = "python"
    BATCH = "batch"


class ExecutionType(StrEnum):
    SERVICE = "Service"
    USER = "User"
    USER_ELEVATED = "UserElevated"
    USER_DESKTOP = "UserDesktop"
    HTTP = "Http"


class MisfirePolicy(StrEnum):
    SKIP = "skip"
    RUN_ONCE = "run-once"
    RUN_ALL = "run-all"


class Overlap(StrEnum):
    SKIP = "skip"
    QUEUE = "queue"
    REPLACE = "replace"
    ALLOW = "allow"


class OnOffline(StrEnum):
    QUEUE = "queue"
    SKIP = "skip"
    FAIL = "fail"


class OnLost(StrEnum):
    REPORT = "report"
    RERUN = "rerun"


class OnWarning(StrEnum):
    PASS = "pass"  # noqa: S105 - a policy word, not a password
    FAIL = "fail"


class Backoff(StrEnum):
    CONSTANT = "constant"
    EXPONENTIAL = "exponential"


class ValueType(StrEnum):
    STRING = "string"
    NUMBER = "number"
    BOOLEAN = "boolean"


class ScheduleKind(StrEnum):
    INTERVAL = "interval"
    CRON = "cron"
    ONE_TIME = "one-time"
    CALENDAR = "calendar"


class Misfire(FormPart, frozen=True, kw_only=True):
    """What becomes of instants that passed while nobody could act; ``grace_minutes`` counts from the instant."""

    policy: MisfirePolicy = MisfirePolicy.RUN_ONCE
    grace_minutes: int = 60


class CalendarEntry(FormPart, frozen=True, kw_only=True):
    """``time`` ("HH:MM" in the job's zone) on each of ``days_of_week`` (0-6, Sunday is 0; ascending, no repeats)."""

    days_of_week: tuple[int, ...]
    time: str


class Schedule(FormPart, frozen=True, kw_only=True):
    """Exactly one of the first four is set."""

    interval_minutes: int | None = None
    cron_expression: str | None = None
    run_at: datetime | None = None
    calendar: tuple[CalendarEntry, ...] = ()
    timezone: str = "UTC"
    jitter_seconds: int = 0
    start_at: datetime | None = None
    end_at: datetime | None = None
    misfire: Misfire = Misfire()

    @property
    def kind(self) -> ScheduleKind:
        if self.interval_minutes is not None:
            return ScheduleKind.INTERVAL
        if self.cron_expression is not None:
            return ScheduleKind.CRON
        if self.run_at is not None:
            return ScheduleKind.ONE_TIME
        return ScheduleKind.CALENDAR


class EventTrigger(FormPart, frozen=True, kw_only=True):
    """``where`` is CEL over the event, or empty."""

    event_type: str
    where: str = ""


class Parameter(FormPart, frozen=True, kw_only=True):
    """A named input of a job, or a variable of a component."""

    name: str
    type: ValueType = ValueType.STRING
    default: Value = None
    required: bool = False
    description: str = ""
    choices: tuple[str | int | float, ...] = ()


class HttpRequest(FormPart, frozen=True, kw_only=True):
    """``expect_status`` empty: any 2xx."""

    method: str = "GET"
    url: str
    headers: dict[str, str | SecretRef] = {}
    body: str = ""
    expect_status: tuple[int, ...] = ()


class Task(FormPart, frozen=True, kw_only=True):
    """One step. Exactly one of command or executable_path (or both), script, script_file, http is set.

    ``keeper`` holds what only Keeper reads of a task, as its own files spell it.
    ``arguments`` is a list, or Keeper's one command line, kept as written because a Keeper target needs it so.
    """

    id: str
    name: str = ""
    command: str | None = None
    executable_path: str | None = None
    script: str | None = None
    script_file: str | None = None
    http: HttpRequest | None = None
    script_type: ScriptType = ScriptType.AUTO
    arguments: str | tuple[str, ...] = ()
    env: dict[str, str | SecretRef] = {}
    working_directory: str | None = None
    execution_type: ExecutionType = ExecutionType.SERVICE
    timeout_seconds: int | None = None
    continue_on_failure: bool = False
    success_exit_codes: tuple[int, ...] = (0,)
    run_as: str | None = None
    keeper: dict[str, Any] = {}


class Devices(FormPart, frozen=True, kw_only=True):
    """Which devices: the fields are ANDed, the values of one field ORed. ``max``: wider than this, none starts."""

    hostnames: tuple[str, ...] = ()
    sites: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    os: tuple[str, ...] = ()
    uids: tuple[str, ...] = ()
    filters: tuple[str, ...] = ()
    all: bool = False
    max: int | None = None


class OsFilter(FormPart, frozen=True, kw_only=True, rename={"mac_os": "macOS"}):
    """Present: an omitted key is false."""

    windows: bool = False
    linux: bool = False
    mac_os: bool = False


class Retry(FormPart, frozen=True, kw_only=True):
    """``attempts`` counts all tries, the first included."""

    attempts: int = 1
    delay_seconds: int = 0
    backoff: Backoff = Backoff.CONSTANT


class Concurrency(FormPart, frozen=True, kw_only=True):
    """At most ``max`` runs at once of all jobs that share ``key``."""

    key: str
    max: int = 1


class Rollout(FormPart, frozen=True, kw_only=True):
    batch_percent: int = 100
    max_failures: int | None = None
    pause_seconds: int = 0

    def batch_size(self, devices: int) -> int:
        """Return how many of so many devices start together."""
        return max(1, ceil(devices * self.batch_percent / 100))


class ComponentLink(FormPart, frozen=True, kw_only=True):
    """By what a target may know the component of a job: its own ``uid`` if Git pins one, else the name."""

    uid: str = ""
    name: str = ""
    os_type: str = ""


class Retention(FormPart, frozen=True, kw_only=True):
    max_runs: int | None = None
    max_days: int | None = None


class Job(FormPart, frozen=True, kw_only=True):
    id: str
    previous_id: str | None = None
    name: str = ""
    description: str = ""
    enabled: bool = True
    priority: int = 5
    labels: dict[str, str] = {}
    owner: str = ""
    protect: bool = False
    targets: tuple[str, ...] = ()
    devices: Devices | None = None
    schedule: Schedule | None = None
    events: tuple[EventTrigger, ...] = ()
    parameters: tuple[Parameter, ...] = ()
    tasks: tuple[Task, ...] = ()
    component: str | None = None
    component_link: ComponentLink | None = None
    variables: dict[str, Value] = {}
    condition: str | dict[str, Any] | None = None
    alternate_job_id: str | None = None
    os_filter: OsFilter | None = None
    overlap: Overlap = Overlap.SKIP
    concurrency: Concurrency | None = None
    timeout_seconds: int | None = None
    retry: Retry = Retry()
    on_offline: OnOffline = OnOffline.QUEUE
    expire_after_minutes: int = 1440
    on_lost: OnLost = OnLost.REPORT
    on_warning: OnWarning = OnWarning.PASS
    resolve_alert_on_success: bool = False
    discard_output: bool = False
    run_as: str | None = None
    rollout: Rollout | None = None
    retention: Retention = Retention()
    mqtt_topics: dict[str, tuple[str, ...]] | None = None
    event_topic: str | None = None
    datto: dict[str, Any] = {}
    psu: dict[str, Any] = {}
    keeper: dict[str, Any] = {}
    salt: dict[str, Any] = {}

    @property
    def title(self) -> str:
        return self.name or self.id
