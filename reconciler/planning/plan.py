"""From what is declared, what we applied and what is live to a plan: pure, and the same for the same input."""

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import chain, count

import msgspec
from msgspec.structs import replace

from reconciler.model.change import Action, Change, Plan
from reconciler.model.desired import Declared, DesiredState
from reconciler.model.forms import Component, Kind, OneOff, Variable, digest_form
from reconciler.model.inventory import Applied
from reconciler.model.job import Job
from reconciler.planning.guards import check_guards, count_existing
from reconciler.planning.objects import Declaration, declared_change
from reconciler.planning.order import in_order
from reconciler.planning.removals import orphan_removal, removal
from reconciler.planning.surroundings import Surroundings
from reconciler.planning.waiting import hold_what_waits

LOCAL = "local"
"""The provider of this machine, and the name of a target that is always there."""

WITH_OWN_COMPONENTS = frozenset({"datto"})
"""Providers whose targets know components by themselves, and take ours only by hand."""

ALONE = Surroundings()


def make_plan(
    desired: DesiredState,
    inventory: Collection[Applied],
    *,
    settled_one_offs: Collection[tuple[str, str]],
    commit: str,
    tree_digest: str,
    around: Surroundings = ALONE,
    existing: Mapping[str, int] | None = None,
    is_empty: bool | None = None,
) -> Plan:
    """Return the plan that brings every target to ``desired``.

    ``inventory`` is what this repository has applied: only that is ever deleted.  ``settled_one_offs`` holds (one-off
    id, target) of those that were started or have expired.

    A part of all objects gives the same plan as the whole where the rest is in step: all that is declared or applied
    under the ids in question, all targets and variables, all one-offs that are not settled.  Then ``existing`` counts
    what else is applied, by target, and ``is_empty`` says whether no job is declared at all.
    """
    changes = in_order(
        hold_what_waits(
            [
                *_object_changes(Kind.JOB, _declared_jobs(desired), inventory, desired, around),
                *(
                    _by_hand(change, desired)
                    for change in _object_changes(
                        Kind.COMPONENT, _declared_components(desired), inventory, desired, around
                    )
                ),
                *_object_changes(Kind.VARIABLE, desired.variables, inventory, desired, around),
                *_one_off_changes(desired, settled_one_offs),
            ]
        )
    )
    digest = _digest_plan(tree_digest, changes, _live_versions(desired, inventory, around))
    guards = check_guards(
        changes,
        count_existing(inventory, existing),
        digest=digest,
        is_empty=not desired.jobs if is_empty is None else is_empty,
    )
    return Plan(commit=commit, tree_digest=tree_digest, changes=changes, guards=guards, digest=digest)


AnyDeclared = Declared[Job] | Declared[Component] | Declared[Variable]
Declarations = (
    Mapping[tuple[str, str], Declared[Job]]
    | Mapping[tuple[str, str], Declared[Component]]
    | Mapping[tuple[str, str], Declared[Variable]]
)
"""By target and id."""


def _declared_jobs(desired: DesiredState) -> Mapping[tuple[str, str], Declared[Job]]:
    return {(target, job_id): item for job_id, item in desired.jobs.items() for target in item.form.targets}


def _declared_components(desired: DesiredState) -> Mapping[tuple[str, str], Declared[Component]]:
    targets = component_targets(desired)
    return {
        (target, component_id): item
        for component_id, item in desired.components.items()
        for target, has_own in targets.items()
        if has_own or item.form.script is not None
    }


def component_targets(desired: DesiredState) -> dict[str, bool]:
    """Return the targets where components can be run without a job: where we bring the script; True: it has its own."""
    providers = {LOCAL: LOCAL} | {name: item.form.provider for name, item in desired.targets.items()}
    return {
        name: provider in WITH_OWN_COMPONENTS
        for name, provider in providers.items()
        if provider in WITH_OWN_COMPONENTS or provider == LOCAL
    }


def _by_hand(change: Change, desired: DesiredState) -> Change:
    """Return the change of a component with a note where only a person can bring its script to the target."""
    form, target = change.after, desired.targets.get(change.target)
    if not isinstance(form, Component) or form.script is None or target is None:
        return change
    if target.form.provider not in WITH_OWN_COMPONENTS:
        return change
    command = f"reconciler targets bundle {change.target}"
    return replace(change, reason=f"manual step, unless it is done: import {change.id}.cpt ({command})")


def _object_changes(
    kind: Kind, declared: Declarations, inventory: Collection[Applied], desired: DesiredState, around: Surroundings
) -> Iterator[Change]:
    applied = {(item.target, item.id): item for item in inventory if item.kind is kind}
    roots = frozenset((item.target, item.root_id) for item in applied.values())
    renamed = set()
    for (target, id_), declaration in declared.items():
        previous = applied.get((target, id_))
        if previous is not None and _is_in_step(declaration, previous, around):
            continue  # nearly all, most of the time
        predecessor = _predecessor(target, declaration, previous, declared, applied)
        if predecessor is not None:
            renamed.add((target, predecessor.id))
        before = predecessor or previous
        item = Declaration(
            target=target,
            kind=kind,
            declared=declaration,
            root_id=before.root_id if before is not None else _new_root(target, declaration, roots),
            previous=before,
            replaced=previous if predecessor is not None else None,
        )
        yield from declared_change(item, desired, around)
    for key, gone in applied.items():
        if key not in declared and key not in renamed:
            yield from removal(gone, desired, around)
    for place in around.begun:
        target, begun_kind, id_ = place
        if begun_kind is kind and (target, id_) not in declared and (target, id_) not in applied and desired.complete:
            yield from orphan_removal(place, around)


def _new_root(target: str, declaration: AnyDeclared, roots: Collection[tuple[str, str]]) -> str:
    """Return the root of an object that begins here; one that was renamed keeps the root of its first id for itself."""
    form = declaration.form
    first = (form.previous_id if isinstance(form, Job) else None) or form.id
    names = chain([first], (f"{first}~{number}" for number in count(2)))  # no id has this character
    return next(name for name in names if (target, name) not in roots)


def _is_in_step(declaration: AnyDeclared, previous: Applied, around: Surroundings) -> bool:
    """Return whether it is plain, without a look at the target, that there is nothing to say of an object."""
    return (
        previous.origin.digest == declaration.digest
        and previous.origin.path == declaration.path
        and previous.retired_at is None
        and around.view(previous.target, previous.kind) is None
        and previous.root_id not in around.holds
    )


def _predecessor(
    target: str,
    declaration: AnyDeclared,
    previous: Applied | None,
    declared: Declarations,
    applied: Mapping[tuple[str, str], Applied],
) -> Applied | None:
    """Return what was applied under the ``previousId`` of a job that takes its place in this plan."""
    form = declaration.form
    if not isinstance(form, Job) or form.previous_id is None or (target, form.previous_id) in declared:
        return None
    if previous is not None and isinstance(previous.form, Job) and previous.form.previous_id == form.previous_id:
        return None  # it took that place before
    return applied.get((target, form.previous_id))


def _one_off_changes(desired: DesiredState, settled: Collection[tuple[str, str]]) -> Iterator[Change]:
    for declaration in desired.one_offs.values():
        for target in one_off_targets(declaration.form, desired):
            if (declaration.form.id, target) not in settled:
                yield Change(
                    action=Action.ONE_OFF,
                    kind=Kind.RUN,
                    id=declaration.form.id,
                    root_id=declaration.form.id,
                    target=target,
                    after=declaration.form,
                    path=declaration.path,
                    blob=declaration.blob,
                    digest=declaration.digest,
                    reason=declaration.form.reason,
                )


def one_off_targets(one_off: OneOff, desired: DesiredState) -> tuple[str, ...]:
    """Return the targets a one-off runs on: its own, else those of its job."""
    if one_off.targets:
        return one_off.targets
    job = desired.jobs.get(one_off.job)
    return job.form.targets if job else ()


def _live_versions(
    desired: DesiredState, inventory: Collection[Applied], around: Surroundings
) -> dict[str, dict[str, str]]:
    """Return the versions of what is ours or declared, by target: what others have there may change as it likes."""
    ours = {(item.target, item.kind, item.id) for item in inventory if around.view(item.target, item.kind)}
    ours |= around.begun.keys()
    versions: dict[str, dict[str, str]] = {}
    for target, view in around.live.items():
        versions[target] = {
            f"{kind}/{id_}": live.version
            for (kind, id_), live in view.state.objects.items()
            if (target, kind, id_) in ours or _is_declared(desired, target, kind, id_)
        }
    return versions


def _is_declared(desired: DesiredState, target: str, kind: Kind, id_: str) -> bool:
    if kind is Kind.VARIABLE:
        return (target, id_) in desired.variables
    job = desired.jobs.get(id_) if kind is Kind.JOB else None
    return job is not None and target in job.form.targets


def _digest_plan(tree_digest: str, changes: Iterable[Change], live_versions: Mapping[str, Mapping[str, str]]) -> str:
    """Neither commit nor clock go in, so the digest survives a squash and a night; what is held is not done."""
    facts = [
        tree_digest,
        [
            (change.action, change.kind, change.id, change.target, change.digest, _digest_of(change))
            for change in changes
            if change.action is not Action.HELD
        ],
        live_versions,
    ]
    return hashlib.sha256(msgspec.json.encode(facts, order="sorted")).hexdigest()


def _digest_of(change: Change) -> str:
    return digest_form(change.before) if change.before is not None else ""
