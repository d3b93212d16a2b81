"""What merging would change: two commits compared as if all that the first declares had been applied.

A pull request is looked at where there is neither the state nor a target, and must not depend on either.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from reconciler.git.ancestry import merge_base
from reconciler.git.repository import Repository
from reconciler.loop.desired import CommitState, read_commit
from reconciler.loop.reconcile import Planned
from reconciler.loop.surroundings import default_grace
from reconciler.model.change import Action, Change
from reconciler.model.errors import DefinitionsInvalid, UsageError
from reconciler.model.forms import Component, Variable
from reconciler.model.inventory import Applied
from reconciler.model.job import Job
from reconciler.model.run import Origin
from reconciler.planning.one_offs import check_receipts
from reconciler.planning.plan import make_plan
from reconciler.planning.surroundings import Surroundings
from reconciler.targets.prune import graces_of
from reconciler.targets.registry import LOCAL, holding_targets


def read_base(repository: Repository, ref: str, *, head: str, now: datetime) -> tuple[str, CommitState | None]:
    """Return the commit at which the branch of ``head`` left ``ref``, and what it declares; None where that is nothing.

    Raises UsageError when the two have no commit in common.
    """
    tip = repository.resolve(ref).sha
    commit = merge_base(repository, tip, head)
    if commit is None:
        raise UsageError(
            f"{ref} and {head[:12]} have no commit in common",
            hint="A shallow clone may lack it: fetch the whole history (fetch-depth: 0).",
        )
    try:
        return commit, read_commit(repository, commit, now=now)
    except DefinitionsInvalid:
        return commit, None  # no definitions, or no settings to read them by: nothing was applied from there


def compare_commits(base: CommitState | None, head: CommitState, *, now: datetime) -> Planned:
    """Return the plan that brings what ``base`` declares to what ``head`` declares; without a base all is new.

    One-offs that ``base`` has already are not started again.
    """
    before = _first_changes(base) if base is not None else ()
    plan = make_plan(
        head.loaded.desired,
        list(_as_applied(before, now)),
        settled_one_offs={(change.id, change.target) for change in before if change.action is Action.ONE_OFF},
        commit=head.commit,
        tree_digest=head.tree_digest,
        around=Surroundings(graces=_graces(head)),
    )
    problems = (*head.loaded.problems, *check_receipts(head.loaded.desired, ()))
    return Planned(source=head, desired=head.loaded.desired, plan=plan, problems=problems)


def _graces(head: CommitState) -> dict[str, timedelta]:
    """Return the graces of deletions as ``head`` declares them."""
    targets = {name: item.form for name, item in head.loaded.desired.targets.items()}
    holding, own = holding_targets(targets.values()), graces_of(targets)
    return {name: own.get(name, default_grace(head.settings, name in holding)) for name in {LOCAL, *targets}}


def _first_changes(state: CommitState) -> tuple[Change, ...]:
    plan = make_plan(state.loaded.desired, (), settled_one_offs=(), commit=state.commit, tree_digest=state.tree_digest)
    return plan.changes


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
