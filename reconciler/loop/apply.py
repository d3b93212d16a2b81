"""Carry out a plan: object by object, each recorded as ours once done; a second apply finishes what a kill cut."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime

from msgspec import Struct

from reconciler.loop.due import first_state, missed_at_apply
from reconciler.loop.world import World
from reconciler.model.change import Action, Change, Plan
from reconciler.model.errors import GuardRefused, StalePlan, TargetRefused, TargetUnavailable
from reconciler.model.inventory import Applied, ScheduleState
from reconciler.model.job import Job, Schedule
from reconciler.model.run import Origin

SHORTEST_DIGEST = 8
APPLIED_ACTIONS = frozenset({Action.CREATE, Action.UPDATE, Action.REPLACE, Action.ADOPT})


class ApplyFailure(Struct, frozen=True, kw_only=True):
    """One change that could not be carried out; the others were."""

    change: Change
    message: str


class ApplyResult(Struct, frozen=True, kw_only=True):
    done: tuple[Change, ...]
    failures: tuple[ApplyFailure, ...]


def refuse_if_stale(plan: Plan, expected_digest: str | None) -> None:
    """Raise StalePlan when the plan is not the one that was looked at, named by its digest or the start of it."""
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
    if any(names_plan(digest, plan) for digest in allowed):
        guards = [guard for guard in plan.guards if not guard.override]
    else:
        guards = list(plan.guards)
    if guards:
        message = "\n".join(f"{guard.message}; nothing was changed." for guard in guards)
        overrides = [guard.override for guard in guards if guard.override]
        raise GuardRefused(message, hint=f"If this is meant: {overrides[0]}" if overrides else "")


def apply_plan(world: World, plan: Plan, *, now: datetime) -> ApplyResult:
    """Carry out the plan's changes in their order; one-offs and held changes are not changes of this kind."""
    changes = [change for change in plan.changes if change.action in APPLIED_ACTIONS or change.action is Action.DELETE]
    origins = _origins(world, plan.commit, changes)
    before = {(state.target, state.root_id): state for state in world.store.schedules()} if changes else {}
    done: list[Change] = []
    failures: list[ApplyFailure] = []
    for change in changes:
        try:
            _carry_out(world, change)
        except (TargetUnavailable, TargetRefused) as error:
            failures.append(ApplyFailure(change=change, message=str(error)))
            continue
        if change.action is Action.DELETE:
            world.store.record_deleted(change.target, change.kind, change.id)
        done.append(change)
        if _has_remote_object(world, change):
            _record(world, [change], origins, before, now)
    _record(world, [change for change in done if not _has_remote_object(world, change)], origins, before, now)
    return ApplyResult(done=tuple(done), failures=tuple(failures))


def _carry_out(world: World, change: Change) -> None:
    target = world.targets.get(change.target)
    if target is None:
        raise TargetUnavailable(f"target {change.target} is not configured")
    target.apply(change)


def _has_remote_object(world: World, change: Change) -> bool:
    return world.targets[change.target].capabilities.holds_schedules


def _record(
    world: World,
    changes: Iterable[Change],
    origins: Mapping[str, Origin],
    before: Mapping[tuple[str, str], ScheduleState],
    now: datetime,
) -> None:
    items, schedules, missed = [], [], []
    for change in changes:
        if change.action is Action.DELETE:
            continue
        assert change.after is not None
        applied = Applied(
            target=change.target,
            kind=change.kind,
            id=change.id,
            root_id=change.root_id,
            form=change.after,
            origin=origins[change.path],
            applied_at=now,
        )
        items.append(applied)
        if isinstance(change.after, Job) and change.after.schedule is not None:
            known = before.get((change.target, change.root_id))
            anchor_at = known.anchor_at if known and not _moves_anchor(change) else now
            schedules.append(first_state(applied, change.after.schedule, anchor_at=anchor_at, now=now))
            missed += missed_at_apply(applied, change.after.schedule, now=now, new_uid=world.new_uid)
    if items:
        with world.store.transaction():
            world.store.record_applied(items, schedules)
            world.store.settle([], missed, [])


def _moves_anchor(change: Change) -> bool:
    return _anchor_fields(change.before) != _anchor_fields(change.after)


def _anchor_fields(form: object) -> tuple[int | None, datetime | None] | None:
    schedule: Schedule | None = form.schedule if isinstance(form, Job) else None
    return (schedule.interval_minutes, schedule.start_at) if schedule else None


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
