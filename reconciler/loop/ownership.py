"""One state reconciles a target that others can reach too: which one is on record beside the reports.

A second clone, or a state that was restored or lost, would start one-offs again and undo what the first one does.
"""

import hashlib
from collections.abc import Iterable, Sequence
from datetime import datetime

import msgspec

from reconciler.git.claims import look_at_remote, read_records
from reconciler.git.report_branch import publish
from reconciler.git.repository import Repository
from reconciler.loop.world import World
from reconciler.model.errors import GuardRefused
from reconciler.model.instant import format_instant
from reconciler.model.inventory import Receipt
from reconciler.model.settings import ReportSettings

CLAIMS = "states"
RECEIPTS = "receipts"


class Displaced(GuardRefused):
    """Another state reconciles the target: nothing is applied or started there from here."""


class Claim(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """``number`` rises with each take-over; of two with the same number, made apart, the earlier counts."""

    target: str
    number: int
    state_id: str
    host: str
    since: str

    @property
    def path(self) -> str:
        return f"{CLAIMS}/{self.target}/{self.number:06d}-{self.state_id}.json"

    @property
    def rank(self) -> tuple[int, str, str]:
        return (-self.number, self.since, self.state_id)


class _SharedReceipt(msgspec.Struct, frozen=True, rename="camel"):
    one_off_id: str
    target: str
    device_uid: str
    run_uid: str
    digest: str
    at: datetime


def hold_targets(world: World, names: Iterable[str], *, take_over: bool, now: datetime) -> None:
    """See to it that this state is the one on record for those of ``names`` that others can reach.

    A target that nobody has is taken, and with ``take_over`` also one that another state has; what was started there
    once is then known here too.  Raises Displaced, and CouldNot where that cannot be looked up or written.
    """
    take_targets(world, look_who_holds(world, names, take_over=take_over), now=now)


class Holders(msgspec.Struct, frozen=True, kw_only=True):
    """Who is on record for targets that others can reach; ``wanted`` are those to be taken."""

    claims: dict[str, Claim] = {}
    wanted: tuple[str, ...] = ()


def look_who_holds(world: World, names: Iterable[str], *, take_over: bool) -> Holders:
    """Return who is on record for ``names``; writes nothing. Raises as ``hold_targets`` does."""
    shared = shared_targets(world, names)
    if not shared:
        return Holders()
    if world.settings.reports.push:
        look_at_remote(world.repository, world.settings.reports.push, branch=world.settings.reports.branch)
    claims = _read_claims(world)
    foreign = [claims[name] for name in shared if name in claims and claims[name].state_id != world.store.state_id]
    if foreign and not take_over:
        raise _displaced(foreign[0])
    return Holders(
        claims=claims, wanted=tuple(name for name in shared if name not in claims or claims[name] in foreign)
    )


def take_targets(world: World, found: Holders, *, now: datetime) -> None:
    """Put this state on record for the targets that are wanted. Raises as ``hold_targets`` does."""
    if found.wanted:
        _claim(world, found.wanted, found.claims, now)
        receipts = read_shared_receipts(world.repository, world.settings.reports)
        world.store.add_receipts([receipt for receipt in receipts if receipt.target in found.wanted])


def refuse_if_displaced(world: World, name: str) -> None:
    """Raise Displaced where another state took the target over, as far as this clone has seen."""
    if shared_targets(world, [name]):
        claim = _read_claims(world).get(name)
        if claim is not None and claim.state_id != world.store.state_id:
            raise _displaced(claim)


def share_receipts(world: World, receipts: Sequence[Receipt], *, now: datetime) -> None:
    """Write down for every other state what is about to be started once. Raises CouldNot where that is not possible."""
    if not shared_targets(world, {receipt.target for receipt in receipts}):
        return
    files = [
        (
            f"{RECEIPTS}/{item.target}/{item.one_off_id}/{hashlib.sha256(item.device_uid.encode()).hexdigest()[:32]}.json",
            msgspec.json.encode(
                _SharedReceipt(item.one_off_id, item.target, item.device_uid, item.run_uid, item.digest, item.at)
            ),
        )
        for item in receipts
    ]
    _publish(world, files, f"Start {receipts[0].one_off_id} once", now)


def shared_targets(world: World, names: Iterable[str]) -> list[str]:
    """Return those of ``names`` that other states can reach too."""
    return sorted(name for name in set(names) & world.targets.keys() if not world.targets[name].capabilities.is_local)


def _displaced(claim: Claim) -> Displaced:
    return Displaced(
        f"{claim.target}: reconciled by {claim.host} since {claim.since}, from another state; nothing was changed",
        hint="Two states would undo each other's work.  If that one has stopped for good: reconciler apply --take-over",
    )


def _claim(world: World, names: Sequence[str], claims: dict[str, Claim], now: datetime) -> None:
    made = [
        Claim(
            target=name,
            number=claims[name].number + 1 if name in claims else 1,
            state_id=world.store.state_id,
            host=world.host,
            since=format_instant(now),
        )
        for name in names
    ]
    files = [(claim.path, msgspec.json.encode(claim)) for claim in made]
    _publish(world, files, f"Reconcile {', '.join(names)} from {world.host}", now)
    after = _read_claims(world)  # with what the remote had when it was sent there
    for claim in made:
        if after[claim.target].state_id != world.store.state_id:
            raise _displaced(after[claim.target])


def _publish(world: World, files: Sequence[tuple[str, bytes]], message: str, now: datetime) -> None:
    settings = world.settings.reports
    publish(world.repository, files, branch=settings.branch, message=message, notes={}, now=now)
    if settings.push:
        from reconciler.git.push import push  # noqa: PLC0415 - loads GitPython, and few repositories push

        push(world.repository, settings.push, branch=settings.branch)


def _read_claims(world: World) -> dict[str, Claim]:
    claims: dict[str, Claim] = {}
    for data in _read(world.repository, world.settings.reports, CLAIMS):
        claim = msgspec.json.decode(data, type=Claim)
        if claim.target not in claims or claim.rank < claims[claim.target].rank:
            claims[claim.target] = claim
    return claims


def read_shared_receipts(repository: Repository, settings: ReportSettings) -> list[Receipt]:
    """Return the receipts that all states wrote down for one another, as far as this clone has seen."""
    shared = [msgspec.json.decode(data, type=_SharedReceipt) for data in _read(repository, settings, RECEIPTS)]
    return [msgspec.convert(item, Receipt, from_attributes=True) for item in shared]


def _read(repository: Repository, settings: ReportSettings, folder: str) -> Iterable[bytes]:
    return read_records(repository, folder, branch=settings.branch, remote=settings.push).values()
