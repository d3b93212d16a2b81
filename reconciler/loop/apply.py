"""Carry out a plan: object by object, each recorded as ours once done; a second apply finishes what a kill cut."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial

from msgspec import Struct
from msgspec.structs import replace

from reconciler.loop.due import first_state, missed_at_apply
from reconciler.loop.journal import begin_changes, close_change
from reconciler.loop.world import World
from reconciler.model.change import Action, Change, Plan
from reconciler.model.errors import GuardRefused, StalePlan, TargetRefused, TargetUnavailable, UsageError
from reconciler.model.forms import Form, Kind
from reconciler.model.inventory import Applied, ScheduleState
from reconciler.model.job import Job
from reconciler.model.run import Origin
from reconciler.schedule.anchor import moves_anchor
from reconciler.targets.protocol import AppliesMany, LiveTarget, NotApplied

SHORTEST_DIGEST = 8
MOST_TOGETHER = 100
"""So many changes are carried out before they are recorded, where a target takes them together."""

APPLIED_ACTIONS = frozenset(Action) - {Action.HELD, Action.ONE_OFF}


class ApplyFailure(Struct, frozen=True, kw_only=True):
    """One change that could not be carried out; the others were."""

    change: Change
    message: str


class ApplyResult(Struct, frozen=True, kw_only=True):
    done: tuple[Change, ...]
    failures: tuple[ApplyFailure, ...]


def refuse_if_stale(plan: Plan, expected_digest: str | None) -> None:
    """Raise StalePlan when the plan is not the one that was looked at, named by its digest or the start of it."""
    if expected_digest is not None and len(expected_digest) < SHORTEST_DIGEST:
        raise UsageError(
            f"{expected_digest!r} is too short for a digest", hint=f"Give {SHORTEST_DIGEST} characters of it or more."
        )
    if expected_digest is not None and not names_plan(expected_digest, plan):
        raise StalePlan(
            f"definitions or state moved since that plan: its digest was {expected_digest[:12]}, "
            f"now it is {plan.digest[:12]}; nothing was changed",
            hint="Look at what would happen now: reconciler plan",
        )


def names_plan(digest: str, plan: Plan) -> bool:
    return len(digest) >= SHORTEST_DIGEST and plan.digest.startswith(digest)


def refuse_if_unsafe(plan: Plan, *, allowed: Collection[str]) -> None:
    """Raise GuardRefused for a plan whose guards nobody has overridden; ``allowed`` are digests of plans."""
    guards = [guard for guard in plan.guards if not guard.warning]
    if any(names_plan(digest, plan) for digest in allowed):
        guards = [guard for guard in guards if not guard.override]
    if guards:
        message = "\n".join(f"{guard.message}; nothing was changed." for guard in guards)
        overrides = [guard.override for guard in guards if guard.override]
        raise GuardRefused(message, hint=f"If this is meant: {overrides[0]}" if overrides else "")


def apply_plan(world: World, plan: Plan, *, now: datetime, keep: Callable[[], None]) -> ApplyResult:
    """Carry out the plan's changes in their order; one-offs and held changes are not changes of this kind.

    ``keep`` is called before each write to a target, and raises where this process may go no further.
    """
    changes = [change for change in plan.changes if change.action in APPLIED_ACTIONS]
    origins = _origins(world, plan.commit, [change for change in changes if not change.retires])
    states = world.store.schedules_of({change.root_id for change in changes})
    before = {(state.target, state.root_id): state for state in states}
    record = partial(_record, world, origins=origins, before=before, now=now)
    # A target that could not be read has no changes in the plan; its journal stays for the next look.
    remote = [change for change in changes if _is_remote(world, change)]
    for name in sorted({change.target for change in remote}):
        begin_changes(world, name, [change for change in remote if change.target == name], now=now)
    done: list[Change] = []
    failures: list[ApplyFailure] = []
    for together in _groups(world, changes):
        is_remote = _is_remote(world, together[0])
        if is_remote:
            keep()
        failed = _carry_out(world, together, failures)
        failures += failed
        left = {id(failure.change) for failure in failed}
        carried_out = [change for change in together if id(change) not in left]
        done += carried_out
        if is_remote:
            with world.store.transaction():
                record(carried_out)
                for change in carried_out:
                    close_change(world, change)
    record([change for change in done if not _is_remote(world, change)])
    return ApplyResult(done=tuple(done), failures=tuple(failures))


def _is_remote(world: World, change: Change) -> bool:
    """Return whether its target keeps the object, and not only this state."""
    target = world.targets.get(change.target)
    return target is not None and (target.capabilities.holds_schedules or change.kind is Kind.VARIABLE)


def _groups(world: World, changes: Iterable[Change]) -> Iterator[list[Change]]:
    """Yield the changes in their order: those that a target takes together, and need none of each other, as one."""
    group: list[Change] = []
    for change in changes:
        if group and (
            change.target != group[0].target
            or len(group) >= MOST_TOGETHER
            or not isinstance(world.targets.get(change.target), AppliesMany)
            or any(_needs(change, other) for other in group)
        ):
            yield group
            group = []
        group.append(change)
    if group:
        yield group


def _carry_out(world: World, changes: Sequence[Change], failures: Sequence[ApplyFailure]) -> list[ApplyFailure]:
    """Change the objects at their target; return what failed of that, and why. What needs one that failed waits."""
    failed: list[ApplyFailure] = []
    ready = []
    for change in changes:
        if waits_for := next((other.change for other in failures if _waits(change, other.change)), None):
            message = f"waits for {waits_for.kind} {waits_for.id}, which failed"
            failed.append(ApplyFailure(change=change, message=message))
        else:
            ready.append(change)
    for change, error in zip(ready, _apply(world, ready), strict=True):
        if isinstance(error, TargetRefused):
            close_change(world, change)  # nothing was made
        if error is not None:
            failed.append(ApplyFailure(change=change, message=str(error)))
    return failed


def _apply(world: World, changes: Sequence[Change]) -> Sequence[NotApplied | None]:
    """Return for each change of one target why it was not carried out, or None."""
    if not changes:
        return []
    name = changes[0].target
    target: LiveTarget | AppliesMany | None = world.targets.get(name)
    try:
        if isinstance(target, AppliesMany):
            return target.apply_many(changes)
        (change,) = changes
        if target is not None:
            target.apply(change)
        elif change.action is not Action.DELETE:  # what a target had that is no more can only be forgotten
            raise TargetUnavailable(f"target {name} is not configured")
    except (TargetRefused, TargetUnavailable) as error:
        return [error] * len(changes)
    return [None]


def _waits(change: Change, other: Change) -> bool:
    return change.target == other.target and _needs(change, other)


def _needs(change: Change, other: Change) -> bool:
    """Return whether ``change`` makes sense only after ``other``: a job needs its component and its alternate."""
    if change.action is Action.DELETE:
        return _refers(other.before, change)
    return _refers(change.after, other)


def _refers(form: Form | None, other: Change) -> bool:
    if not isinstance(form, Job):
        return False
    return other.id == (form.component if other.kind is Kind.COMPONENT else form.alternate_job_id)


def _record(
    world: World,
    changes: Iterable[Change],
    *,
    origins: Mapping[str, Origin],
    before: Mapping[tuple[str, str], ScheduleState],
    now: datetime,
) -> None:
    """Write down what was done; one transaction."""
    items, schedules, missed = [], [], []
    with world.store.transaction():
        for change in changes:
            if change.action is Action.DELETE:
                world.store.record_deleted(change.target, change.kind, change.id)
            elif change.action is not Action.DRIFT:  # what we applied stays as it was; the target has it again
                assert change.after is not None
                applied = _applied(change, _origin_of(world, change, origins), now)
                items.append(applied)
                if not isinstance(change.after, Job) or change.after.schedule is None:
                    continue
                if world.targets[change.target].capabilities.holds_schedules:
                    continue  # the target starts it by itself
                known = before.get((change.target, change.root_id))
                anchor_at = known.anchor_at if known and not _moves_anchor(change) else now
                schedules.append(first_state(applied, change.after.schedule, anchor_at=anchor_at, now=now))
                missed += missed_at_apply(applied, change.after.schedule, now=now, new_uid=world.new_uid)
        if items:
            world.store.record_applied(items, schedules)
            world.store.settle([], missed, [])


def _origin_of(world: World, change: Change, origins: Mapping[str, Origin]) -> Origin:
    """Return where ``change`` stands; what is no longer declared stands where it was applied from."""
    known = world.store.applied_by_id(change.target, change.id) if change.retires else None
    return known.origin if known is not None else origins[change.path]


def _applied(change: Change, origin: Origin, now: datetime) -> Applied:
    assert change.after is not None
    return Applied(
        target=change.target,
        kind=change.kind,
        id=change.id,
        root_id=change.root_id,
        form=change.after,
        origin=replace(origin, digest=change.digest),
        applied_at=now,
        retired_at=now if change.retires else None,
    )


def _moves_anchor(change: Change) -> bool:
    before, after = (form.schedule if isinstance(form, Job) else None for form in (change.before, change.after))
    return moves_anchor(before, after)


def _origins(world: World, commit: str, changes: Sequence[Change]) -> dict[str, Origin]:
    """Return where each changed file stands, by path."""
    by_path = {change.path: change for change in changes if change.action is not Action.DELETE}
    changed_in = world.repository.last_changed(commit, by_path.keys()) if by_path else {}
    return {
        path: Origin(
            repository=world.repository.name,
            commit=commit,
            path=path,
            blob=change.blob,
            digest=change.digest,
            changed_in=changed_in.get(path, ""),
        )
        for path, change in by_path.items()
    }
