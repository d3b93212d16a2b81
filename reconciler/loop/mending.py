"""Going on where rows of the state cannot be read: they are set aside, and what hung on them ends or begins anew."""

from collections.abc import Callable
from datetime import datetime
from typing import TypeVar

from msgspec.structs import replace

from reconciler.loop.due import first_state
from reconciler.model.forms import Kind
from reconciler.model.instant import Clock
from reconciler.model.inventory import ScheduleState
from reconciler.model.job import Job
from reconciler.model.run import Run, RunStatus
from reconciler.reports.build import build_report, encode_report
from reconciler.schedule.zones import tzdata_version
from reconciler.store.errors import RowUnreadable
from reconciler.store.mending import keep_beside
from reconciler.store.records import FinishedRun
from reconciler.store.store import Store

R = TypeVar("R")

UNREADABLE = "unreadable"
"""The reason of a run that ends as lost since its row, or the form that it was made from, could not be read."""


def go_on(store: Store, act: Callable[[], R], *, host: str, clock: Clock, tell: Callable[[str], None]) -> R:
    """Return what ``act`` returns; where a row keeps it from its work, set such rows aside and let it try once more.

    ``act`` must be such that it can be repeated wherever it was cut off.
    """
    try:
        return act()
    except RowUnreadable:
        for line in set_aside(store, host=host, now=clock()):
            tell(f"a row of the state could not be read, and is set aside: {line}")
        return act()


def set_aside(store: Store, *, host: str, now: datetime) -> tuple[str, ...]:
    """Set aside every row that cannot be read; return them, a line each.

    They are kept in a file beside the state.  A run under way ends as lost, a schedule goes on from ``now``.
    """
    with store.transaction():
        kept = store.path.with_name(f"{store.path.name}-unreadable.jsonl")
        mended = store.mend_rows(now=now, keep=keep_beside(kept))
        lost = [run for run in store.active_runs() if run.uid in mended.runs or not _has_form(store, run)]
        store.finish_runs([lose_run(run, UNREADABLE, host=host, now=now) for run in lost])
        states = [_begun_anew(store, state, now) for state in store.schedules() if _key(state) in mended.schedules]
        store.save_schedules([state for state in states if state is not None])
        store.note_footing("")  # the next plan looks at everything
    return mended.lines


def lose_run(run: Run, reason: str, *, host: str, now: datetime) -> FinishedRun:
    """Return the end of a run of which it is not known what became of it."""
    ended = replace(run, status=RunStatus.LOST, reason=reason, ended_at=now)
    report = build_report(ended, (), parameters=run.variables, host=host, tzdata=tzdata_version())
    return FinishedRun(
        uid=run.uid, status=ended.status, reason=ended.reason, ended_at=now, report=encode_report(report)
    )


def _has_form(store: Store, run: Run) -> bool:
    return store.form(Kind.JOB, run.origin.digest) is not None


def _key(state: ScheduleState) -> tuple[str, str]:
    return state.target, state.root_id


def _begun_anew(store: Store, state: ScheduleState, now: datetime) -> ScheduleState | None:
    applied = store.applied_job(state.target, state.root_id)
    if applied is None or not isinstance(applied.form, Job) or applied.form.schedule is None:
        return None
    return first_state(applied, applied.form.schedule, anchor_at=state.anchor_at, now=now)
