"""What jobs say of one another: alternates, former ids, and whether anything starts them."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping

from reconciler.definitions.suggest import did_you_mean, listed, quote
from reconciler.model.forms import OneOff
from reconciler.model.job import Job
from reconciler.model.problem import Severity
from reconciler.model.provider import Finding

_FOLLOWING = frozenset({"alternateJobId", "previousId", "schedule", "events"})


def says_who_follows(damaged_fields: frozenset[str]) -> bool:
    """False for a job of which nothing can be said here, since what it says of other jobs has an error."""
    return not damaged_fields & _FOLLOWING


def check_references(
    jobs: Mapping[str, Job],
    one_offs: Mapping[str, OneOff],
    known_jobs: Collection[str],
    *,
    places: Mapping[str, Collection[str]],
) -> Iterator[tuple[str, Finding]]:
    """Yield (job id, finding); ``known_jobs`` are the ids of all job files, those with errors too.

    ``places`` are the targets of those of ``jobs`` of which they are known.
    """
    for job_id, job in jobs.items():
        alternate = job.alternate_job_id
        if alternate is not None and alternate not in known_jobs:
            message = f"alternateJobId {quote(alternate)} is not defined{did_you_mean(alternate, known_jobs)}"
            yield job_id, Finding(code="REF001", json_path="alternateJobId", message=message)
        elif alternate is not None and alternate in places and job_id in places:
            missing = [target for target in places[job_id] if target not in places[alternate]]
            yield from ((job_id, finding) for finding in _refuse_elsewhere(alternate, missing))
    yield from _find_cycles(jobs)
    yield from _check_former_ids(jobs, known_jobs)
    yield from _find_idle(jobs, one_offs)


def _refuse_elsewhere(alternate: str, missing: list[str]) -> Iterator[Finding]:
    """The alternate runs on the same target and device, or not at all."""
    if missing:
        where = f"target{'s' if len(missing) > 1 else ''} {listed(missing)}"
        message = f"alternateJobId {quote(alternate)} is not on {where} of this job"
        hint = f"Add that to the targets of {quote(alternate)}, or make a job without an alternate for it."
        yield Finding(code="REF009", json_path="alternateJobId", message=message, hint=hint)


def _find_cycles(jobs: Mapping[str, Job]) -> Iterator[tuple[str, Finding]]:
    """Yield each cycle once, at the job whose id comes first."""
    settled: set[str] = set()
    for start in sorted(jobs):
        chain: list[str] = []
        current: str | None = start
        while current is not None and current in jobs and current not in settled and current not in chain:
            chain.append(current)
            current = jobs[current].alternate_job_id
        settled.update(chain)
        if current is None or current not in chain:
            continue
        cycle = chain[chain.index(current) :]
        first = cycle.index(min(cycle))
        ordered = [*cycle[first:], *cycle[:first], cycle[first]]
        message = f"cycle: {' -> '.join(_shorten(ordered))}"
        hint = "Let one of these jobs have no alternate."
        yield ordered[0], Finding(code="REF002", json_path="alternateJobId", message=message, hint=hint)


def _shorten(ids: list[str]) -> list[str]:
    return ids if len(ids) <= 12 else [*ids[:6], f"({len(ids) - 11} more)", *ids[-5:]]


def _check_former_ids(jobs: Mapping[str, Job], known_jobs: Collection[str]) -> Iterator[tuple[str, Finding]]:
    claimed: dict[str, list[str]] = defaultdict(list)
    for job_id, job in jobs.items():
        if job.previous_id is None or job.previous_id == job_id:
            continue
        claimed[job.previous_id].append(job_id)
        if job.previous_id in known_jobs:
            message = f"previousId {quote(job.previous_id)} is the id of another job, which is still there"
            hint = "Two jobs cannot share one history: remove the other job, or previousId."
            yield job_id, Finding(code="REF006", json_path="previousId", message=message, hint=hint)
    for former, ids in claimed.items():
        for job_id in sorted(ids)[1:]:
            message = f"previousId {quote(former)} is also that of {quote(min(ids))}"
            yield job_id, Finding(code="REF006", json_path="previousId", message=message)


def _find_idle(jobs: Mapping[str, Job], one_offs: Mapping[str, OneOff]) -> Iterator[tuple[str, Finding]]:
    """Yield the enabled jobs that no schedule, event, one-off or other job starts."""
    named = {job.alternate_job_id for job in jobs.values()} | {one_off.job for one_off in one_offs.values()}
    for job_id, job in jobs.items():
        if job.schedule is None and not job.events and job.enabled and job_id not in named:
            message = "nothing starts this job by itself"
            hint = "Give it a schedule or events; or, where its target runs what it is asked to, use: reconciler run."
            yield job_id, Finding(code="JOB004", json_path="", message=message, hint=hint, severity=Severity.WARNING)
