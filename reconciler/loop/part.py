"""What a plan has to be made from: everything, or only what may not be in step where the rest is known to be."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping

from msgspec import Struct
from msgspec.structs import replace

from reconciler.definitions.known.affected import TooMuch
from reconciler.definitions.known.declaring import KnownDefinitions
from reconciler.definitions.known.shelf import Damaged
from reconciler.loop.desired import CommitState
from reconciler.loop.footing import Footing, Key, read_footing
from reconciler.loop.world import World
from reconciler.model.desired import DesiredState
from reconciler.model.forms import Kind
from reconciler.model.inventory import Applied, Receipt
from reconciler.model.job import Job
from reconciler.model.settings import Settings
from reconciler.planning.surroundings import Surroundings
from reconciler.store.store import Store

MOST = 2000
"""Of so many objects, to look at all of them costs no more."""

_KINDS = (Kind.JOB, Kind.COMPONENT)
"""Of these there may be many; the variables of targets are few, and all looked at."""


_NUMBER = re.compile("[0-9]{1,9}")


class Part(Struct, frozen=True, kw_only=True):
    """What a plan is made from; ``existing`` and ``is_empty`` as in ``make_plan``, None where this is everything.

    ``footing`` is what the others are known by.
    """

    desired: DesiredState
    inventory: Collection[Applied]
    settled_one_offs: Collection[tuple[str, str]]
    receipts: Collection[Receipt]
    existing: Mapping[str, int] | None = None
    is_empty: bool | None = None
    footing: Footing | None = None


def part_for(world: World, source: CommitState, around: Surroundings) -> Part:
    """Return what the plan of ``source`` is made from; as little as can be known to be enough."""
    footing = read_footing(world.store, source.settings) if source.known is not None else None
    if source.known is not None and footing is not None:
        try:
            return _Narrowing(world.store, source.known, footing, around).part(source.settings)
        except (TooMuch, Damaged):
            pass
    return Part(
        desired=source.loaded.desired,
        inventory=world.store.inventory(),
        settled_one_offs=world.store.settled_one_offs(),
        receipts=world.store.receipts(),
    )


class _Narrowing:
    """Finds what may not be in step: what the definitions, a person, a target or an apply before changed, and more.

    With an object comes whatever decides what becomes of it: which id it had, and who has the place that it takes.
    """

    def __init__(self, store: Store, known: KnownDefinitions, footing: Footing, around: Surroundings) -> None:
        self._store = store
        self._known = known
        self._footing = footing
        self._around = around
        self._names: dict[Kind, set[str]] = {kind: set() for kind in _KINDS}
        self._applied: dict[tuple[str, Kind, str], Applied] = {}

    def part(self, settings: Settings) -> Part:
        self._collect(
            {*self._footing.open, *self._known.changed_since(self._footing.tree), *self._around_us(), *self._one_offs()}
        )
        for target in self._store.applied_targets():
            for item in self._store.applied_of(target, Kind.VARIABLE):
                self._take(item)
        declared = declare_only(self._known, self._names)
        if read_footing(self._store, settings) != self._footing:
            raise TooMuch  # another process applied meanwhile
        ids = sorted(declared.one_offs)
        return Part(
            desired=declared,
            inventory=sorted(self._applied.values(), key=lambda item: (item.target, item.kind, item.id)),
            settled_one_offs=self._store.settled_one_offs(ids),
            receipts=self._store.receipts(ids),
            existing=self._footing.counts,
            is_empty=not self._known.jobs,
            footing=self._footing,
        )

    def _around_us(self) -> Iterator[Key]:
        """Yield what a person holds, what targets have, and what an apply that was cut off may have made there."""
        for root_id in self._around.holds:
            yield Kind.JOB, root_id
        for _, kind, name in self._around.begun:
            yield kind, name
        for target, view in self._around.live.items():
            yield from view.state.objects
            yield from view.state.foreign
            for kind in view.kinds:
                for item in self._store.applied_of(target, kind):
                    self._take(item)
                    yield item.kind, item.id

    def _one_offs(self) -> Iterator[Key]:
        for job_id in self._known.one_off_jobs():
            yield Kind.JOB, job_id

    def _collect(self, asked: Iterable[Key]) -> None:
        queue = set(asked)
        while queue:
            found: set[Key] = set()
            for kind, names in self._names.items():
                new = {name for asked_kind, name in queue if asked_kind is kind} - names
                names.update(new)
                if len(names) > MOST:
                    raise TooMuch
                found.update(self._beside(kind, new))
            queue = found

    def _beside(self, kind: Kind, names: Collection[str]) -> Iterator[Key]:
        """Yield what decides along with objects of these ids or root ids, and take what is applied of them."""
        for item in self._store.applied_under(kind, {root for name in names for root in _roots(name)}):
            self._take(item)
            yield kind, item.id
            yield kind, item.root_id
            if isinstance(item.form, Job) and item.form.previous_id is not None:
                yield kind, item.form.previous_id
        if kind is Kind.JOB:
            for name in names:
                for other in self._known.beside(name):
                    yield kind, other

    def _take(self, item: Applied) -> None:
        self._applied[item.target, item.kind, item.root_id] = item


def declare_only(known: KnownDefinitions, names: Mapping[Kind, Collection[str]]) -> DesiredState:
    """Return the jobs and components of these names, and all targets, variables and one-offs."""
    declared = known.declare([(kind, name) for kind, of_kind in names.items() for name in of_kind])
    jobs, components = names[Kind.JOB], names[Kind.COMPONENT]
    return replace(
        declared,
        jobs={name: item for name, item in declared.jobs.items() if name in jobs},
        components={name: item for name, item in declared.components.items() if name in components},
    )


def _roots(name: str) -> tuple[str, str]:
    """Return an id or root id, and the root that one gets who comes after it (see ``make_plan``)."""
    first, _, number = name.rpartition("~")
    return name, f"{first}~{int(number) + 1}" if first and _NUMBER.fullmatch(number) else f"{name}~2"
