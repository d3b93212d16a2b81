"""What this repository has applied, and how far each schedule is settled: the state that a pass starts from."""

from datetime import datetime

from msgspec import Struct

from reconciler.model.forms import Form, Kind
from reconciler.model.run import Origin

NOT_COMMITTED = "0" * 40
"""As the commit of an origin: taken over from a target, and in no commit yet (as git blame has it)."""


class Applied(Struct, frozen=True, kw_only=True, gc=False):
    """One object in the inventory of a target: the form we applied last, and from where.

    ``root_id`` is the job's id, or the oldest of its ``previousId`` chain: schedules, occurrences and runs of a
    renamed job stay together by it.  For other kinds it is the id.  ``retired_at`` is when a job that is no longer
    declared was disabled, to be removed after a while; None for what is declared.
    """

    target: str
    kind: Kind
    id: str
    root_id: str
    form: Form
    origin: Origin
    applied_at: datetime
    retired_at: datetime | None = None


class ScheduleState(Struct, frozen=True, kw_only=True, gc=False):
    """How far the schedule of one job on one target is settled.

    Every instant up to and including ``cursor_at`` is accounted for; ``next_at`` is the first after it, None when there
    is none.  ``anchor_at`` is where intervals count from.
    """

    root_id: str
    job_id: str
    target: str
    anchor_at: datetime
    cursor_at: datetime
    next_at: datetime | None


class Hold(Struct, frozen=True, kw_only=True):
    """A job that a person paused, beside Git: until ``until`` (None: until it is resumed) nothing starts it."""

    root_id: str
    job_id: str
    at: datetime
    until: datetime | None
    reason: str
    held_by: str

    def covers(self, at: datetime) -> bool:
        return self.until is None or at < self.until


class Receipt(Struct, frozen=True, kw_only=True):
    """Proof that a one-off was started on a device: written before the start, kept for ever."""

    one_off_id: str
    target: str
    device_uid: str
    run_uid: str
    digest: str
    at: datetime
