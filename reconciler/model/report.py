"""The report of a run: the document that ``schemas/report.schema.json`` describes, as a value."""

from typing import Any

from msgspec import Struct

SCHEMA_VERSION = 1


class _Part(Struct, frozen=True, kw_only=True, rename="camel"):
    """Instants are text here, RFC 3339 UTC with milliseconds; what is not known is null, never left out."""


class ReportDevice(_Part, frozen=True, kw_only=True):
    uid: str
    hostname: str
    site: str


class ReportTrigger(_Part, frozen=True, kw_only=True):
    kind: str
    key: str


class ReportRun(_Part, frozen=True, kw_only=True):
    uid: str
    job_id: str
    target: str
    device: ReportDevice
    trigger: ReportTrigger
    scheduled_for: str
    created_at: str
    queued_at: str | None
    started_at: str | None
    ended_at: str | None
    attempt: int
    status: str
    reason: str
    parent_uid: str | None
    requested_by: str


class ReportSource(_Part, frozen=True, kw_only=True):
    repository: str
    commit: str
    path: str
    blob: str
    digest: str
    changed_in: str


class ReportStream(_Part, frozen=True, kw_only=True):
    bytes: int
    sha256: str
    tail: str


class ReportQuestion(_Part, frozen=True, kw_only=True):
    """``outcome`` is answered, expired or withdrawn; the answer to a secret question is ``***``."""

    text: str
    choices: tuple[str, ...]
    is_secret: bool
    asked_at: str
    outcome: str
    answer: str
    answered_by: str
    ended_at: str | None


class ReportTask(_Part, frozen=True, kw_only=True):
    id: str
    status: str
    exit_code: int | None
    meaning: str
    started_at: str | None
    ended_at: str | None
    stdout: ReportStream
    stderr: ReportStream
    outputs: dict[str, Any]
    warnings: tuple[str, ...]
    questions: tuple[ReportQuestion, ...] = ()
    children: tuple[str, ...] = ()


class ReportVersions(_Part, frozen=True, kw_only=True):
    reconciler: str
    tzdata: str


class Report(_Part, frozen=True, kw_only=True):
    """``host`` is the machine that wrote the report, ``parameters`` what the run was given, secrets as ``***``."""

    schema_version: int = SCHEMA_VERSION
    run: ReportRun
    source: ReportSource
    parameters: dict[str, Any]
    tasks: tuple[ReportTask, ...]
    host: str
    versions: ReportVersions
