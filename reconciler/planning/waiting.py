"""Changes that wait for another one that is held: what refers to an object comes only once that is there."""

from collections.abc import Iterator, Sequence

from msgspec.structs import replace

from reconciler.model.change import Action, Change
from reconciler.model.forms import Kind
from reconciler.model.job import Job

_Place = tuple[str, Kind, str]


def hold_what_waits(changes: Sequence[Change]) -> list[Change]:
    """Return the changes, those held that refer to an object which is held and was never applied."""
    absent = {_place(change) for change in changes if change.action is Action.HELD and change.before is None}
    found = list(changes)
    waits = bool(absent)
    while waits:  # one that waits may be needed too
        waits = False
        for index, change in enumerate(found):
            missing = next((place for place in _needed(change) if place in absent), None)
            if change.action is Action.HELD or missing is None:
                continue
            found[index] = replace(
                change, action=Action.HELD, reason=f"waits for {missing[1]} {missing[2]}, which is held"
            )
            if change.before is None:
                absent.add(_place(change))
                waits = True
    return found


def _place(change: Change) -> _Place:
    return change.target, change.kind, change.id


def _needed(change: Change) -> Iterator[_Place]:
    if isinstance(change.after, Job):
        if change.after.alternate_job_id is not None:
            yield change.target, Kind.JOB, change.after.alternate_job_id
        if change.after.component is not None:
            yield change.target, Kind.COMPONENT, change.after.component
