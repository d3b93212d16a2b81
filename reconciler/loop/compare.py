"""What merging would change: two commits compared as if all that the first declares had been applied.

A pull request is looked at where there is neither the state nor a target, and must not depend on either.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime, timedelta

from msgspec import Struct

from reconciler.definitions.known.affected import TooMuch
from reconciler.definitions.known.declaring import KnownDefinitions
from reconciler.definitions.known.shelf import Damaged
from reconciler.git.ancestry import merge_base
from reconciler.git.repository import Repository
from reconciler.loop.desired import CommitState
from reconciler.loop.part import MOST, declare_only
from reconciler.loop.reconcile import Planned
from reconciler.loop.surroundings import default_grace
from reconciler.model.change import Action, Change
from reconciler.model.desired import DesiredState
from reconciler.model.errors import DefinitionsInvalid, UsageError
from reconciler.model.forms import Component, Kind, Variable
from reconciler.model.inventory import Applied
from reconciler.model.job import Job
from reconciler.model.run import Origin
from reconciler.planning.one_offs import check_receipts
from reconciler.planning.plan import component_targets, make_plan
from reconciler.planning.surroundings import Surroundings
from reconciler.targets.prune import graces_of
from reconciler.targets.registry import LOCAL, holding_targets


def find_base(repository: Repository, ref: str, *, head: str) -> str:
    """Return the commit at which the branch of ``head`` left ``ref``. Raises UsageError when there is none."""
    commit = merge_base(repository, repository.resolve(ref).sha, head)
    if commit is None:
        raise UsageError(
            f"{ref} and {head[:12]} have no commit in common",
            hint="A shallow clone may lack it: fetch the whole history (fetch-depth: 0).",
        )
    return commit


def read_base(commit: str, read: Callable[[str], CommitState]) -> CommitState | None:
    """Return what ``commit`` declares, None where that is nothing."""
    try:
        return read(commit)
    except DefinitionsInvalid:
        return None  # no definitions, or no settings to read them by: nothing was applied from there


class _Between(Struct, frozen=True, kw_only=True):
    """What two commits declare, or what may not be the same in both: then ``existing`` counts all of the first."""

    base: DesiredState
    head: DesiredState
    existing: Mapping[str, int] | None = None
    is_empty: bool | None = None


def compare_commits(base: CommitState | None, head: CommitState, *, now: datetime) -> Planned:
    """Return the plan that brings what ``base`` declares to what ``head`` declares; without a base all is new.

    One-offs that ``base`` has already are not started again.
    """
    between = _between(base, head)
    before = make_plan(between.base, (), settled_one_offs=(), commit="", tree_digest="").changes
    plan = make_plan(
        between.head,
        list(_as_applied(before, now)),
        settled_one_offs={(change.id, change.target) for change in before if change.action is Action.ONE_OFF},
        commit=head.commit,
        tree_digest=head.tree_digest,
        around=Surroundings(graces=_graces(head)),
        existing=between.existing,
        is_empty=between.is_empty,
    )
    problems = (*head.problems, *check_receipts(between.head, ()))
    is_part = between.existing is not None
    return Planned(source=head, desired=between.head, plan=plan, problems=problems, is_part=is_part)


def _between(base: CommitState | None, head: CommitState) -> _Between:
    if base is not None and base.known is not None and head.known is not None and base.settings == head.settings:
        try:
            return _narrow(base.known, head.known, base.tree_id, head.tree_id)
        except (TooMuch, Damaged):
            pass
    return _Between(base=base.loaded.desired if base is not None else DesiredState(), head=head.loaded.desired)


def _narrow(before: KnownDefinitions, after: KnownDefinitions, base_id: str, head_id: str) -> _Between:
    """Return what may not be the same in both, with all that decides what becomes of it (as ``part_for`` does)."""
    both = (before, after)
    keys = {*before.changed_since(head_id), *after.changed_since(base_id)}
    queue = {name for kind, name in keys if kind is Kind.JOB}.union(*(known.one_off_jobs() for known in both))
    jobs: set[str] = set()
    while queue:
        jobs |= queue
        if len(jobs) > MOST:
            raise TooMuch
        queue = {other for known in both for name in queue for other in known.beside(name)} - jobs
    components = {name for kind, name in keys if kind is Kind.COMPONENT}
    base, head = (declare_only(known, {Kind.JOB: jobs, Kind.COMPONENT: components}) for known in both)
    return _Between(base=base, head=head, existing=_count(before, base), is_empty=not after.job_count)


def _count(known: KnownDefinitions, desired: DesiredState) -> dict[str, int]:
    """Return how many jobs and components would be applied, by target."""
    counts = Counter(known.jobs)
    every, scripted = known.components
    for target, has_own in component_targets(desired).items():
        counts[target] += every if has_own else scripted
    return counts


def _graces(head: CommitState) -> dict[str, timedelta]:
    """Return the graces of deletions as ``head`` declares them."""
    targets = head.targets
    holding, own = holding_targets(targets.values()), graces_of(targets)
    return {name: own.get(name, default_grace(head.settings, name in holding)) for name in {LOCAL, *targets}}


def _as_applied(changes: Iterable[Change], now: datetime) -> Iterator[Applied]:
    for change in changes:
        if change.action is Action.CREATE and isinstance(change.after, Job | Component | Variable):
            yield Applied(
                target=change.target,
                kind=change.kind,
                id=change.id,
                root_id=change.root_id,
                form=change.after,
                origin=Origin(commit="", path=change.path, blob=change.blob, digest=change.digest),
                applied_at=now,
            )
