"""From what is declared, what we applied and what is live to a plan: pure, and the same for the same input."""

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping

import msgspec

from reconciler.model.change import Action, Change, Plan
from reconciler.model.desired import Declared, DesiredState
from reconciler.model.forms import Component, Kind, OneOff, digest_form
from reconciler.model.inventory import Applied
from reconciler.model.job import Job
from reconciler.planning.diff import diff_forms
from reconciler.planning.guards import check_guards

LOCAL = "local"
"""The provider of this machine, and the name of a target that is always there."""

INVALID = "a definition is invalid; this waits until it is mended"


def make_plan(
    desired: DesiredState,
    inventory: Collection[Applied],
    *,
    settled_one_offs: Collection[tuple[str, str]],
    commit: str,
    tree_digest: str,
    live_versions: Mapping[str, Mapping[str, str]] | None = None,
    incomplete_targets: Collection[str] = (),
) -> Plan:
    """Return the plan that brings every target to ``desired``.

    ``inventory`` is what this repository has applied: only that is ever deleted.  ``settled_one_offs`` holds (one-off
    id, target) of those that were started or have expired.  ``live_versions`` maps target to the versions of its
    objects; ``incomplete_targets`` are those whose listing may lack something.
    """
    changes = [
        *_job_changes(desired, inventory),
        *_component_changes(desired, inventory),
        *_one_off_changes(desired, settled_one_offs),
    ]
    changes.sort(key=lambda change: (change.target, _STEP[change.action], _rank(change), change.id))
    digest = _digest_plan(tree_digest, changes, live_versions or {})
    guards = check_guards(
        changes, inventory, digest=digest, is_empty=not desired.jobs, incomplete_targets=incomplete_targets
    )
    return Plan(commit=commit, tree_digest=tree_digest, changes=tuple(changes), guards=guards, digest=digest)


# Removals come before additions, so a name that moves from one job to another is free when it is taken.
_STEP = {
    Action.DELETE: 0,
    Action.REPLACE: 1,
    Action.UPDATE: 1,
    Action.ADOPT: 1,
    Action.DRIFT: 1,
    Action.CREATE: 1,
    Action.HELD: 2,
    Action.ONE_OFF: 3,
}


def _rank(change: Change) -> int:
    """A component is there before the jobs that use it, and goes after them."""
    order = (Kind.COMPONENT, Kind.JOB, Kind.RUN, Kind.TARGET)
    if change.action is Action.DELETE:
        order = order[::-1]
    return order.index(change.kind)


def _job_changes(desired: DesiredState, inventory: Collection[Applied]) -> Iterator[Change]:
    applied = {(item.target, item.id): item for item in inventory if item.kind is Kind.JOB}
    declared = {
        (target, job_id): declaration
        for job_id, declaration in desired.jobs.items()
        for target in declaration.form.targets
    }
    renamed = {
        (target, declaration.form.previous_id)
        for (target, job_id), declaration in declared.items()
        if (target, job_id) not in applied
    }
    for (target, job_id), declaration in declared.items():
        previous = applied.get((target, job_id)) or applied.get((target, declaration.form.previous_id or ""))
        yield from _declared_change(target, declaration, previous)
    for key, item in applied.items():
        if key not in declared and key not in renamed:
            yield _removal(item, desired)


def _component_changes(desired: DesiredState, inventory: Collection[Applied]) -> Iterator[Change]:
    """Yield what is to be done for the components that local targets keep, so that they can be run without a job."""
    applied = {(item.target, item.id): item for item in inventory if item.kind is Kind.COMPONENT}
    declared = {
        (target, component_id): declaration
        for component_id, declaration in desired.components.items()
        if declaration.form.script is not None
        for target in _local_targets(desired)
    }
    for (target, component_id), declaration in declared.items():
        yield from _declared_change(target, declaration, applied.get((target, component_id)))
    for key, item in applied.items():
        if key not in declared:
            yield _removal(item, desired)


def _local_targets(desired: DesiredState) -> list[str]:
    providers = {LOCAL: LOCAL} | {name: item.form.provider for name, item in desired.targets.items()}
    return [name for name, provider in providers.items() if provider == LOCAL]


def _declared_change(
    target: str, declaration: Declared[Job] | Declared[Component], previous: Applied | None
) -> Iterator[Change]:
    form = declaration.form
    if previous is None:
        previous_id = form.previous_id if isinstance(form, Job) else None
        action, before, root_id = Action.CREATE, None, previous_id or form.id
    elif previous.origin.digest == declaration.digest:
        return
    else:
        action, before, root_id = Action.UPDATE, previous.form, previous.root_id
    yield Change(
        action=action,
        kind=Kind.JOB if isinstance(form, Job) else Kind.COMPONENT,
        id=form.id,
        root_id=root_id,
        target=target,
        before=before,
        after=form,
        fields=diff_forms(before, form) if before else (),
        path=declaration.path,
        blob=declaration.blob,
        digest=declaration.digest,
        reason=f"renamed from {before.id}" if before and before.id != form.id else "",
    )


def _removal(item: Applied, desired: DesiredState) -> Change:
    action, reason = Action.DELETE, ""
    if not desired.complete or (item.kind, item.id) in desired.unreadable:
        action, reason = Action.HELD, INVALID
    elif isinstance(item.form, Job) and item.form.protect:
        action, reason = Action.HELD, "it is protected; apply it once with `protect: false`, then remove it"
    return Change(
        action=action,
        kind=item.kind,
        id=item.id,
        root_id=item.root_id,
        target=item.target,
        before=item.form,
        path=item.origin.path,
        blob=item.origin.blob,
        digest=item.origin.digest,
        reason=reason,
    )


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


def _digest_plan(tree_digest: str, changes: Iterable[Change], live_versions: Mapping[str, Mapping[str, str]]) -> str:
    """Neither commit nor clock go in, so the digest survives a squash and a night."""
    facts = [
        tree_digest,
        [
            (change.action, change.kind, change.id, change.target, change.digest, _digest_of(change))
            for change in changes
        ],
        {target: dict(versions) for target, versions in live_versions.items()},
    ]
    return hashlib.sha256(msgspec.json.encode(facts, order="sorted")).hexdigest()


def _digest_of(change: Change) -> str:
    return digest_form(change.before) if change.before is not None else ""
