"""The end of a run as an event, for the jobs that wait for it."""

from collections.abc import Sequence

from reconciler.model.event import OWN_SOURCE, RUN_COMPLETED, RUN_FAILED, Event
from reconciler.model.run import Run, RunStatus
from reconciler.runs.lineage import depth_after
from reconciler.store.records import FinishedRun
from reconciler.store.store import Store

_TYPE_OF = {
    RunStatus.COMPLETED: RUN_COMPLETED,
    RunStatus.FAILED: RUN_FAILED,
    RunStatus.TIMEOUT: RUN_FAILED,
    RunStatus.LOST: RUN_FAILED,
    RunStatus.UNKNOWN: RUN_FAILED,
    RunStatus.EXPIRED: RUN_FAILED,
}
"""What somebody cancelled neither completed nor failed."""


def announce_ends(store: Store, ended: Sequence[tuple[Run, FinishedRun]]) -> None:
    """Record the ends as events, where an applied job names their type."""
    types = {_TYPE_OF[record.status] for _, record in ended if record.status in _TYPE_OF}
    awaited = store.awaited_types(types) if types else set()
    if awaited:
        events = [_end_event(store, run, record) for run, record in ended if _TYPE_OF.get(record.status) in awaited]
        store.add_events(events)


def _end_event(store: Store, run: Run, record: FinishedRun) -> Event:
    return Event(
        id=run.uid,
        type=_TYPE_OF[record.status],
        source=OWN_SOURCE,
        at=record.ended_at,
        data={"jobId": run.job_id, "runUid": run.uid, "status": record.status.value, "target": run.target},
        depth=depth_after(store, run),
    )
