"""How a pass went, as a status of its commit for each target: failures as surely as successes.

The words are the same for the same outcome, so that a pass that changes nothing sends nothing.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import timedelta

from reconciler.loop.apply import ApplyFailure
from reconciler.loop.desired import CommitState
from reconciler.loop.world import World
from reconciler.model.change import Change, Plan
from reconciler.model.errors import ReconcilerError
from reconciler.model.text import escape_text
from reconciler.reports.forge.values import CommitStatus, StatusState

LONGEST = 140
PREFIX = "reconciler/"


def note_pass(
    world: World, source: CommitState, plan: Plan, failures: Sequence[ApplyFailure], unavailable: Mapping[str, str]
) -> None:
    """Note for each target how applying ``plan`` went."""
    if world.statuses is None:
        return
    statuses = list(statuses_of_pass(source, plan, failures, unavailable))
    world.statuses.note(statuses, now=world.clock())


def tell_refusal(world: World, commit: str, error: ReconcilerError, *, targets: Collection[str] = ()) -> None:
    """Tell for each target that ``commit`` was not applied at all; without ``targets`` for those applied to before."""
    if world.statuses is None:
        return
    names = set(targets) or set(world.store.applied_targets()) or set(world.targets)
    first_line = str(error).partition("\n")[0]
    statuses = [_status(commit, name, StatusState.FAILURE, f"Not applied: {first_line}") for name in sorted(names)]
    world.statuses.note(statuses, now=world.clock())
    if problem := send_statuses(world):
        world.tell(f"statuses: {problem}")


def send_statuses(world: World, *, again_after: timedelta = timedelta(0)) -> str:
    """Send what is to be told; return why something waits, or nothing."""
    return world.statuses.send(now=world.clock(), again_after=again_after) if world.statuses is not None else ""


def targets_of(jobs: Mapping[str, int], changes: Sequence[Change]) -> set[str]:
    """Return the targets that a commit is about; ``jobs`` counts what it declares."""
    return {*jobs, *(change.target for change in changes)}


def statuses_of_pass(
    source: CommitState, plan: Plan, failures: Sequence[ApplyFailure], unavailable: Mapping[str, str]
) -> Iterator[CommitStatus]:
    errors, jobs = source.errors, source.jobs
    for name in sorted({*targets_of(jobs, plan.changes), *unavailable}):
        own = [failure for failure in failures if failure.change.target == name]
        if name in unavailable:
            yield _status(plan.commit, name, StatusState.ERROR, f"Could not be read: {unavailable[name]}")
        elif own:
            count = "1 change" if len(own) == 1 else f"{len(own)} changes"
            words = f"{count} failed: {own[0].change.id}: {own[0].message}"
            yield _status(plan.commit, name, StatusState.FAILURE, words)
        elif errors:
            what = "1 problem" if errors == 1 else f"{errors} problems"
            words = f"Applied in part: {what} in the definitions; what is invalid keeps its applied form"
            yield _status(plan.commit, name, StatusState.FAILURE, words)
        else:
            count = "1 job" if jobs.get(name) == 1 else f"{jobs.get(name, 0)} jobs"
            yield _status(plan.commit, name, StatusState.SUCCESS, f"Applied: {count}")


def _status(commit: str, target: str, state: StatusState, words: str) -> CommitStatus:
    description = escape_text(words)
    if len(description) > LONGEST:
        description = f"{description[: LONGEST - 3]}..."
    return CommitStatus(commit=commit, context=f"{PREFIX}{target}", state=state, description=description)
