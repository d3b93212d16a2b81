"""What a state must know that was put back or mended, before it acts: what was done since it was written.

The reports on their branch tell of the runs.  What they do not tell of is taken for done where doing it twice would be
worse than not doing it: no instant of the gap starts any more, no run that may have begun, and no one-off.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta

import msgspec
from msgspec import Struct

from reconciler.git.report_branch import read_reports
from reconciler.git.repository import Repository
from reconciler.loop.due import skip_to
from reconciler.loop.mending import lose_run
from reconciler.loop.one_offs import RESTORED, doubt_before
from reconciler.loop.ownership import read_shared_receipts
from reconciler.model.errors import CouldNot, DefinitionsInvalid, UsageError
from reconciler.model.forms import Kind, digest_form
from reconciler.model.instant import NewUid
from reconciler.model.inventory import Applied
from reconciler.model.job import Job
from reconciler.model.report import Report
from reconciler.model.run import Occurrence, TriggerKind
from reconciler.model.settings import ReportSettings
from reconciler.reports.build import decode_report
from reconciler.reports.recall import Recalled, recall
from reconciler.store.records import RunFilter
from reconciler.store.store import Store

_OVERLAP = timedelta(hours=1)


JobsAt = Callable[[str], Iterable[Job]]
"""Returns the jobs that a commit declares."""


class Gap(Struct, frozen=True, kw_only=True):
    """How many runs their reports told of, instants are skipped, and runs are lost: they may have begun, or not.

    ``unreadable`` counts the reports that could not be read.
    """

    runs: int
    instants: int
    lost: int
    unreadable: int


def close_gap(
    store: Store,
    repository: Repository,
    *,
    settings: ReportSettings,
    host: str,
    since_last_run: bool,
    doubts_one_offs: bool,
    jobs_at: JobsAt,
    now: datetime,
    new_uid: NewUid,
) -> Gap:
    """Bring ``store`` up to what was done until ``now``; one transaction, and once more changes nothing.

    The reports of this ``host`` are read from the last run on that the store knows, or else from the first on.
    ``doubts_one_offs``: what the state before had started is not known.  ``jobs_at`` gives the forms of runs that the
    store does not have; a run whose form cannot be found any more is known by its report alone.
    """
    with store.transaction():
        inventory = store.inventory()
        last = store.runs(RunFilter(), limit=1) if since_last_run else []
        since = last[0].created_at - _OVERLAP if last else None
        commit, documents = read_reports(repository, branch=settings.branch, since=since)
        reports, unreadable = _decode(documents, host)
        recalled = recall(reports, root_of=_roots(inventory), new_uid=new_uid)
        _find_forms(store, recalled, jobs_at)
        runs = _take_in(store, recalled, commit)
        store.note_footing("")  # the next plan looks at everything
        store.add_receipts(read_shared_receipts(repository, settings))
        if doubts_one_offs:
            doubt_before(store, now)
        instants = _skip_instants(store, inventory, _last_instants(recalled), now=now, new_uid=new_uid)
        lost = [run for run in store.active_runs() if run.handle is None]
        store.finish_runs([lose_run(run, RESTORED, host=host, now=now) for run in lost])
    return Gap(runs=runs, instants=instants, lost=len(lost), unreadable=unreadable)


def _decode(documents: Iterable[bytes], host: str) -> tuple[list[tuple[Report, bytes]], int]:
    found, unreadable = [], 0
    for data in documents:
        try:
            report = decode_report(data)
        except msgspec.MsgspecError:
            unreadable += 1
            continue
        if report.host == host:
            found.append((report, data))
    return found, unreadable


def _roots(inventory: Iterable[Applied]) -> Mapping[str, str]:
    return {item.id: item.root_id for item in inventory if item.kind is Kind.JOB}


def _find_forms(store: Store, recalled: Iterable[Recalled], jobs_at: JobsAt) -> None:
    """Keep the forms from which runs were made, as far as the store does not have them and Git does."""
    origins = {item.occurrence.origin.digest: item.occurrence.origin for item in recalled}
    missing = {digest: origin for digest, origin in origins.items() if store.form(Kind.JOB, digest) is None}
    for commit in sorted({origin.commit for origin in missing.values()}):
        with suppress(CouldNot, DefinitionsInvalid, UsageError):
            for job in jobs_at(commit):
                if digest_form(job) in missing:
                    store.keep_form(Kind.JOB, job)


def _take_in(store: Store, recalled: Sequence[Recalled], commit: str) -> int:
    """Add the runs that the store does not know, and end those that it takes for under way; return how many."""
    for item in recalled:
        has_form = store.form(Kind.JOB, item.occurrence.origin.digest) is not None
        store.add_occurrence(item.occurrence, item.runs if has_form else ())
    endings = [ending for item in recalled for ending in item.endings]
    ended = store.finish_runs(endings)
    store.keep_published({ending.uid: ending.report for ending in endings}, commit=commit)
    return len(ended)


def _last_instants(recalled: Iterable[Recalled]) -> Mapping[tuple[str, str], datetime]:
    """Return the last instant for which each job ran, by target and root id."""
    latest: dict[tuple[str, str], datetime] = {}
    for item in recalled:
        occurrence = item.occurrence
        if occurrence.trigger.kind is TriggerKind.SCHEDULE:
            key = (occurrence.target, occurrence.root_id)
            latest[key] = max(latest.get(key, occurrence.scheduled_for), occurrence.scheduled_for)
    return latest


def _skip_instants(
    store: Store,
    inventory: Iterable[Applied],
    latest: Mapping[tuple[str, str], datetime],
    *,
    now: datetime,
    new_uid: NewUid,
) -> int:
    jobs = {(item.target, item.root_id): item for item in inventory if item.kind is Kind.JOB}
    states = []
    skipped: list[Occurrence] = []
    for state in store.schedules():
        key = (state.target, state.root_id)
        if key in jobs and state.next_at is not None and state.next_at <= now:
            after = max(latest.get(key, state.cursor_at), state.cursor_at)
            moved, occurrence = skip_to(state, jobs[key], after=after, now=now, reason=RESTORED, new_uid=new_uid)
            states.append(moved)
            skipped += [occurrence] if occurrence else []
    store.settle(states, skipped, [])
    return sum(occurrence.count for occurrence in skipped)
