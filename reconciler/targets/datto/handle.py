"""The name by which a started job is found again, and the one by which the service's log knows it as ours."""

from datetime import UTC, datetime
from urllib.parse import quote, unquote

from msgspec import Struct

from reconciler.model.run import Run
from reconciler.targets.protocol import attempt_handle

_SHOWN_COMMIT = 7


class JobRef(Struct, frozen=True, kw_only=True):
    """A job on one device; the service gives results by both. ``made_at`` is when we were told of it."""

    job_uid: str
    device_uid: str
    made_at: datetime


def write_handle(ref: JobRef) -> str:
    parts = (ref.job_uid, ref.device_uid, str(int(ref.made_at.timestamp())))
    return "/".join(quote(part, safe="") for part in parts)


def read_handle(handle: str) -> JobRef:
    job_uid, device_uid, seconds = (unquote(part) for part in handle.split("/"))
    return JobRef(job_uid=job_uid, device_uid=device_uid, made_at=datetime.fromtimestamp(int(seconds), UTC))


def job_name(run: Run) -> str:
    """Return ``disk-cleanup@3f2a9c1 run:0198a1c2-...``: job, commit and run, by which a lost start is found again."""
    return f"{run.job_id}@{run.origin.commit[:_SHOWN_COMMIT]} {run_mark(run)}"


def run_mark(run: Run) -> str:
    return f"run:{attempt_handle(run)}"
