"""How long it takes to start a job on all its devices, where its target takes only so many starts in some time."""

from collections.abc import Iterable, Iterator

from reconciler.model.job import Job
from reconciler.model.pace import Pace
from reconciler.planning.judgement_values import Company, FanOut, Known, Level, Mark, Matched, Starts, place_of


def last_start_seconds(
    number: int, pace: Pace, *, batch: int | None = None, pause_seconds: float = 0, ahead: int = 0
) -> float:
    """Return how long after the first the last of ``number`` starts comes, if no run takes any time.

    ``ahead`` starts of others share the window before them.  A batch begins ``pause_seconds`` after the last start of
    the one before.
    """
    size = batch or max(1, number)
    times = [pace.seconds * (index // pace.starts) for index in range(ahead)]
    begin = 0.0
    for index in range(number):
        if index and index % size == 0:
            begin = times[-1] + pause_seconds
        earlier = len(times) - pace.starts
        times.append(max(begin, times[earlier] + pace.seconds) if earlier >= 0 else begin)
    return times[-1] if number else 0.0


def judge_fan_out(target: str, job: Job, starts: Starts | None, known: Known) -> FanOut | None:
    """Return how long the starts of ``job`` take on ``target``; None where they are made at once, or nobody knows."""
    pace = known.paces.get(target)
    if pace is None or not job.enabled:
        return None
    matched = known.devices.get(place_of(target, job, known.job_of)) or known.match(target, job)
    if matched is None or not matched.count or _is_too_wide(job, matched):
        return None
    company = _company(target, job, starts, known)
    sharing = list(_sharing(target, company.others, known)) if company is not None else []
    counts = {other.id: count for other, count in sharing if count is not None}
    ahead = sum(_ahead(job, matched.count, other, count) for other, count in sharing if count is not None)
    rollout = job.rollout
    size = rollout.batch_size(matched.count) if rollout is not None else matched.count
    pause = rollout.pause_seconds if rollout is not None else 0
    batches = -(-matched.count // size)
    seconds = last_start_seconds(matched.count, pace, batch=size, pause_seconds=pause, ahead=ahead)
    if not seconds and batches == 1:
        return None
    return FanOut(
        devices=matched.count,
        seconds=seconds,
        pace=pace,
        batches=batches,
        pause_seconds=pause,
        others=tuple(counts),
        other_devices=sum(counts.values()),
        others_unknown=company.count - len(counts) if company is not None else 0,
        spread_seconds=last_start_seconds(size, pace, ahead=ahead),
    )


def _is_too_wide(job: Job, matched: Matched) -> bool:
    most = job.devices.max if job.devices is not None else None
    return most is not None and matched.count + matched.kept_off > most


def _company(target: str, job: Job, starts: Starts | None, known: Known) -> Company | None:
    if starts is None or not starts.next_at or starts.is_vague:
        return None
    return known.company(target, job.id, starts.next_at[0])


def _sharing(target: str, job_ids: Iterable[str], known: Known) -> Iterator[tuple[Job, int | None]]:
    """Yield the jobs, each with how many devices it has today; None where nobody can say."""
    for job_id in job_ids:
        other = known.job_of(job_id)
        if other is not None:
            matched = known.match(target, other)
            yield other, matched.count if matched is not None else None


def _ahead(job: Job, number: int, other: Job, count: int) -> int:
    """Return how many starts of ``other`` come before the last of ``job``: higher priorities first, equals in turn."""
    if other.priority == job.priority:
        return min(number, count)
    return count if other.priority > job.priority else 0


def mark_fan_out(fan_out: FanOut, job: Job, starts: Starts | None) -> Iterator[Mark]:
    """Yield what a reviewer has to look at: starts that come too late, or not before the next ones are due."""
    if fan_out.spread_seconds > job.expire_after_minutes * 60:
        text = "cannot be started on all its devices before expireAfterMinutes; those that are left then expire"
        yield Mark(code="fan-out", level=Level.CAUTION, text=text)
    elif starts is not None and len(starts.next_at) > 1:
        gap = (starts.next_at[1] - starts.next_at[0]).total_seconds()
        if fan_out.seconds >= gap:
            yield Mark(code="fan-out", level=Level.CAUTION, text="still starts on devices when its next start is due")
