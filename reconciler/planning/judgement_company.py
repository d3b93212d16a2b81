"""Which jobs start in the same minute."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta

from reconciler.model.job import Schedule
from reconciler.planning.judgement_values import Company
from reconciler.schedule.forecast import Scheduled
from reconciler.schedule.times import count_fires

MOST_QUESTIONS = 200_000
"""Of one plan; one costs some six microseconds."""

MOST_OTHERS = 20
"""So many are told by id: the devices of each may have to be looked up."""

_NAMED = 4
_INSTANT = timedelta(microseconds=1)


class Timetable:
    """The schedules of all jobs, by target; jobs with equal schedules are asked as one."""

    def __init__(self, jobs: Mapping[str, Iterable[Scheduled]]) -> None:
        self._groups = {target: _group(scheduled) for target, scheduled in jobs.items()}
        self._found: dict[tuple[str, datetime], list[str]] = {}
        self._questions = 0

    def company(self, target: str, job_id: str, at: datetime) -> Company | None:
        """Return who else starts on ``target`` in the minute of ``at``; None where nobody looked: too much to ask."""
        minute = at.astimezone(UTC).replace(second=0, microsecond=0)
        if (target, minute) not in self._found:
            groups = self._groups.get(target, {})
            self._questions += len(groups)
            if self._questions > MOST_QUESTIONS:
                return None
            self._found[target, minute] = _starting(groups, minute)
        others = [other for other in self._found[target, minute] if other != job_id]
        return Company(count=len(others), names=tuple(others[:_NAMED]), others=tuple(others[:MOST_OTHERS]))


def _group(jobs: Iterable[Scheduled]) -> dict[tuple[Schedule, datetime | None], list[str]]:
    groups: dict[tuple[Schedule, datetime | None], list[str]] = {}
    for job in jobs:
        anchor = job.anchor_at if job.schedule.interval_minutes is not None else None
        groups.setdefault((job.schedule, anchor), []).append(job.id)
    return groups


def _starting(groups: Mapping[tuple[Schedule, datetime | None], list[str]], minute: datetime) -> list[str]:
    before, last = minute - _INSTANT, minute + timedelta(minutes=1) - _INSTANT
    return sorted(
        job_id
        for (schedule, anchor), job_ids in groups.items()
        if count_fires(schedule, after=before, until=last, anchor=anchor or minute)
        for job_id in job_ids
    )
