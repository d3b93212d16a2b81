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
from reconciler.model.instant import format_instant, parse_instant
from reconciler.model.inventory import Applied
from reconciler.model.job import Job
from reconciler.model.run import Disposition, Run, Trigger, TriggerKind
from reconciler.runs.choosing import Request
from reconciler.runs.enqueue import Requested, make_occurrence, make_receipts, make_runs
from reconciler.store.store import Store
from reconciler.targets.protocol import STARTS_ITSELF, LiveTarget

DEFAULT_LIFE = timedelta(days=7)
RESTORED = "restored"
"""The reason of what does not start since nobody knows whether it has: the state is not the one that would know."""

_DOUBTED = "one-offs-doubted-before"
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
    names = {change.after.job for change in changes if isinstance(change.after, OneOff)}
    jobs = {(item.target, item.id): item for item in world.store.applied_under(Kind.JOB, names)}
    doubted = _read_doubt(world.store)
    added = _added(world, commit, changes, wanted=doubted is not None)
    ends = _ends(changes, added)
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
                is_doubted = doubted is not None and added.get(change.path, doubted) <= doubted
                never = _why_never(world, change, ends_at=ends[change.path], is_doubted=is_doubted, now=now)
                runs += _start(world, change, applied, never=never, now=now)
            except (CouldNot, _NotYet) as error:
                waiting.append(Waiting(change=change, reason=str(error)))
    return runs, waiting


def _why_never(
    world: World, change: Change, *, ends_at: datetime, is_doubted: bool, now: datetime
) -> tuple[Disposition, str] | None:
    """Return what becomes of a one-off that is not to be started at all; None for one that is."""
    if now > ends_at:
        return Disposition.EXPIRED, "not_after"
    if is_doubted and world.targets[change.target].capabilities.is_local:
        world.tell(
            f"one-off {change.id} may have been started before the state was restored: it is not started again; "
            "to start it, give it a new id"
        )
        return Disposition.MISSED, RESTORED
    return None


def _start(
    world: World, change: Change, applied: Applied, *, never: tuple[Disposition, str] | None, now: datetime
) -> tuple[Run, ...]:
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
    if never is not None:
        disposition, reason = never
        occurrence = make_occurrence(
            applied, request, now=now, new_uid=world.new_uid, disposition=disposition, reason=reason
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


def doubt_before(store: Store, at: datetime) -> None:
    """Note that a one-off added before ``at`` may have been started, though the store does not know of it."""
    store.remember(_DOUBTED, format_instant(at))


def _read_doubt(store: Store) -> datetime | None:
    text = store.recall(_DOUBTED)
    return parse_instant(text) if text else None


def _added(world: World, commit: str, changes: Sequence[Change], *, wanted: bool) -> Mapping[str, datetime]:
    """Return when each one-off was added, by path, of those for which it matters; ``wanted`` of all.

    One that was added before the history of a shallow clone begins is left out.
    """
    paths = [change.path for change in changes if wanted or _one_off_of(change).not_after is None]
    return world.repository.first_added(commit, paths) if paths else {}


def _ends(changes: Sequence[Change], added: Mapping[str, datetime]) -> Mapping[str, datetime]:
    """Return until when each one-off may start, by path: its ``notAfter``, else a week after it was added."""
    named = {change.path: _one_off_of(change).not_after for change in changes}
    return {path: at + DEFAULT_LIFE for path, at in added.items()} | {path: at for path, at in named.items() if at}


def _one_off_of(change: Change) -> OneOff:
    assert isinstance(change.after, OneOff)
    return change.after
