"""The order in which changes are carried out, the same whatever order they were found in."""

from collections.abc import Iterable, Mapping

from reconciler.model.change import Action, Change
from reconciler.model.forms import Kind
from reconciler.model.job import Job

_STEP = {
    Action.DELETE: 0,
    Action.REPLACE: 1,
    Action.MOVE: 1,
    Action.UPDATE: 1,
    Action.RETIRE: 1,
    Action.SUSPEND: 1,
    Action.RESUME: 1,
    Action.ADOPT: 1,
    Action.DRIFT: 1,
    Action.CREATE: 1,
    Action.HELD: 2,
    Action.ONE_OFF: 3,
}
"""Removals come before additions, so a name that moves from one job to another is free when it is taken."""

_KINDS = (Kind.VARIABLE, Kind.COMPONENT, Kind.JOB, Kind.RUN, Kind.TARGET)
_LONGEST = 1000
"""Alternates of alternates; a cycle is a problem of validation, and must not hang a plan."""

Key = tuple[str, str]
"""Target and job id."""


def in_order(changes: Iterable[Change]) -> tuple[Change, ...]:
    """Return the changes by target; what others refer to comes before them, and goes after them."""
    changes = tuple(changes)
    alternates = {
        (change.target, change.id): change.form.alternate_job_id
        for change in changes
        if isinstance(change.form, Job) and change.form.alternate_job_id is not None
    }
    return tuple(sorted(changes, key=lambda change: _place(change, alternates)))


def _place(change: Change, alternates: Mapping[Key, str]) -> tuple[str, int, int, int, str, str]:
    rank, depth = _KINDS.index(change.kind), _depth(change, alternates)
    if change.action is Action.DELETE:
        rank, depth = -rank, -depth
    return change.target, _STEP[change.action], rank, depth, change.id, change.action


def _depth(change: Change, alternates: Mapping[Key, str]) -> int:
    """Return how many alternates in a row have to be there before this job."""
    depth, job_id = 0, alternates.get((change.target, change.id)) if change.kind is Kind.JOB else None
    while job_id is not None and depth < _LONGEST:
        depth += 1
        job_id = alternates.get((change.target, job_id))
    return depth
