"""One-off runs: each started at most once, ever, with a receipt that is written before the start."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from msgspec import Struct
from msgspec.structs import replace

from reconciler.loop.ownership import share_receipts
from reconciler.loop.world import World
from reconciler.model.change import Action, Change
from reconciler.model.errors import CouldNot, TargetUnavailable
from reconciler.model.forms import Kind, OneOff
from reconciler.model.inventory import Applied
from reconciler.model.job import Job
from reconciler.model.run import Disposition, Run, Trigger, TriggerKind
from reconciler.runs.choosing import Request
from reconciler.runs.enqueue import Requested, make_occurrence, make_receipts, make_runs
from reconciler.targets.protocol import STARTS_ITSELF, LiveTarget

DEFAULT_LIFE = timedelta(days=7)
WAITS = {"no_device": "no device matches"}
"""What skips a scheduled run only holds a one-off up: it was asked for once, and is still owed."""


class _NotYet(Exception):
    """The one-off waits for the next pass."""


class Waiting(Struct, frozen=True, kw_only=True):
    """A one-off that does not start in this pass, and why."""

    change: Change
    reason: str


def start_one_offs(
    world: World, changes: Sequence[Change], *, commit: str, now: datetime
) -> tuple[list[Run], list[Waiting]]:
    """Enqueue the one-offs among ``changes`` that are due; return their runs, and those that wait."""
    changes = [change for change in changes if change.action is Action.ONE_OFF]
    inventory = world.store.inventory() if changes else []
    jobs = {(item.target, item.id): item for item in inventory if item.kind is Kind.JOB}
    ends = _ends(world, commit, changes)
    holds = world.store.holds() if changes else {}
    runs: list[Run] = []
    waiting: list[Waiting] = []
    for change in changes:
        assert isinstance(change.after, OneOff)
        applied = jobs.get((change.target, change.after.job))
        if applied is None:
            waiting.append(Waiting(change=change, reason=f"job {change.after.job} is not applied yet"))
        elif (hold := holds.get(applied.root_id)) is not None and hold.covers(now):
            waiting.append(Waiting(change=change, reason=f"job {applied.id} is paused: {hold.reason}"))
        elif change.path not in ends:
            reason = "when it was added is beyond this shallow clone; give it `notAfter`, or fetch the whole history"
            waiting.append(Waiting(change=change, reason=reason))
        elif change.after.not_before is not None and now < change.after.not_before:
            waiting.append(Waiting(change=change, reason=f"not before {change.after.not_before:%Y-%m-%d %H:%M} UTC"))
        else:
            try:
                runs += _start(world, change, applied, ends_at=ends[change.path], now=now)
            except (CouldNot, _NotYet) as error:
                waiting.append(Waiting(change=change, reason=str(error)))
    return runs, waiting


def _start(world: World, change: Change, applied: Applied, *, ends_at: datetime, now: datetime) -> tuple[Run, ...]:
    one_off = change.after
    assert isinstance(one_off, OneOff)
    if not world.targets[change.target].capabilities.runs_now:
        raise _NotYet(f"job {applied.id} on target {change.target}: {STARTS_ITSELF}")
    scheduled_for = one_off.not_before or now
    request = Request(
        trigger=Trigger(TriggerKind.ONE_OFF, f"oneoff:{one_off.id}"),
        scheduled_for=scheduled_for,
        variables=one_off.variables,
    )
    if now > ends_at:
        occurrence = make_occurrence(
            applied, request, now=now, new_uid=world.new_uid, disposition=Disposition.EXPIRED, reason="not_after"
        )
        requested = Requested(occurrence=occurrence)
    else:
        requested = make_runs(
            _with_devices(applied, one_off),
            request,
            _target_of(world, change.target),
            history=world.store,
            active=(),
            now=now,
            new_uid=world.new_uid,
        )
    if requested.occurrence.reason in WAITS:
        raise _NotYet(WAITS[requested.occurrence.reason])
    receipts = make_receipts(one_off.id, change.digest, requested.runs, now=now)
    # Before our own: a start that only this state knows of would be made again by the one that comes after it.
    share_receipts(world, receipts, now=now)
    is_new = world.store.add_occurrence(requested.occurrence, requested.runs, receipts)
    return requested.runs if is_new else ()


def _target_of(world: World, name: str) -> LiveTarget:
    if name not in world.targets:
        raise TargetUnavailable(f"target {name} is not configured")
    return world.targets[name]


def _with_devices(applied: Applied, one_off: OneOff) -> Applied:
    if one_off.devices is None:
        return applied
    assert isinstance(applied.form, Job)
    return replace(applied, form=replace(applied.form, devices=one_off.devices))


def _ends(world: World, commit: str, changes: Sequence[Change]) -> Mapping[str, datetime]:
    """Return until when each one-off may start, by path: its ``notAfter``, else a week after it was added.

    One that was added before the history of a shallow clone begins is left out.
    """
    ends = {}
    for change in changes:
        assert isinstance(change.after, OneOff)
        if change.after.not_after is not None:
            ends[change.path] = change.after.not_after
    without = [change.path for change in changes if change.path not in ends]
    added = world.repository.first_added(commit, without) if without else {}
    return ends | {path: added_at + DEFAULT_LIFE for path, added_at in added.items()}
