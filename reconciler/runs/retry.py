"""Running a run again: the same form, device and values, as a new run that is linked to the first."""

from datetime import datetime

from msgspec.structs import replace

from reconciler.model.instant import NewUid
from reconciler.model.run import Occurrence, Run, RunStatus, Trigger, TriggerKind
from reconciler.runs.enqueue import Requested
from reconciler.store.store import Store

MAX_RERUNS = 3
"""How often a lost run is started again by itself: what takes its machine down must not do so for ever."""


def make_retry(run: Run, *, now: datetime, new_uid: NewUid, requested_by: str, number: int = 1) -> Requested:
    """Return the occurrence and the run that repeat ``run``; ``number`` tells several retries of one run apart."""
    key = f"retry:{run.uid}" if number == 1 else f"retry:{run.uid}:{number}"
    occurrence = Occurrence(
        id=new_uid(),
        root_id=run.root_id,
        job_id=run.job_id,
        target=run.target,
        trigger=Trigger(TriggerKind.RETRY, key),
        scheduled_for=now,
        created_at=now,
        origin=run.origin,
    )
    again = replace(
        run,
        uid=new_uid(),
        occurrence_id=occurrence.id,
        trigger=occurrence.trigger,
        scheduled_for=now,
        due_at=now,
        created_at=now,
        queued_at=None,
        started_at=None,
        ended_at=None,
        attempt=1,
        status=RunStatus.CREATED,
        reason="",
        parent_uid=run.uid,
        requested_by=requested_by,
        handle=None,
        cancel_requested_at=None,
        question=None,
    )
    return Requested(occurrence=occurrence, runs=(again,))


def retries_of(store: Store, run: Run) -> list[Run]:
    """Return the runs that repeat ``run``, oldest first."""
    return [child for child in store.children(run.uid) if child.trigger.kind is TriggerKind.RETRY]


def count_reruns(store: Store, run: Run) -> int:
    """Return how many retries lie between ``run`` and the run that was no retry."""
    count = 0
    while run.trigger.kind is TriggerKind.RETRY and run.parent_uid and count < MAX_RERUNS:
        count += 1
        parent = store.run(run.parent_uid)
        if parent is None:
            break
        run = parent
    return count
