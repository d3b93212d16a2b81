"""Which files must be judged again when some change, and which others are needed to judge them."""

from collections.abc import Collection, Iterable, Iterator, Mapping

from reconciler.definitions.known.facts import Facts, Place, place_of, takers, users
from reconciler.definitions.known.index import Index
from reconciler.definitions.listing import is_readable
from reconciler.model.forms import Kind
from reconciler.model.problem import Problem

_NAMING = frozenset({"REF001", "REF003", "REF004", "REF008", "PATH001", "PATH002"})
"""Problems that name what is there instead: they may read otherwise when anything comes or goes."""


_NAMED_BY = {Kind.JOB: ("job", "alternate"), Kind.COMPONENT: ("component",)}


class TooMuch(Exception):
    """To judge all anew costs no more, or is needed."""


class Affected:
    """The paths whose problems a change of files may have changed: files that changed, and those they touch."""

    def __init__(self, index: Index, *, most: int) -> None:
        self._index = index
        self._most = most
        self.paths: set[str] = set()

    def change(self, changes: Mapping[str, Facts | None]) -> None:
        """Take over what changed: the facts of files, None for one that is gone. Raises TooMuch."""
        root = self._index.header.root
        places = [place_of(path, root) for path in changes]
        before = [self._index.facts(place.path) for place in places]
        for place, old in zip(places, before, strict=True):
            self._touch(place, old, changes[place.path])
        for place in places:
            self._index.set_facts(place.path, changes[place.path])
        for place, old in zip(places, before, strict=True):
            self._touch(place, old, changes[place.path])
            self._refuse_twins(place, changes[place.path])
        if any(_takes_other_names(place, old, changes[place.path]) for place, old in zip(places, before, strict=True)):
            self.add(path for path, problems in self._index.problems.items() if _name_others(problems))

    def add(self, paths: Iterable[str]) -> None:
        self.paths.update(paths)
        if len(self.paths) > self._most:
            raise TooMuch

    def spread(self) -> None:
        """Add what is judged by what is here: jobs by their components, one-offs by their jobs. Raises TooMuch."""
        queue = list(self.paths)
        while queue:
            place = place_of(queue.pop(), self._index.header.root)
            found = [path for path in self._judged_by(place) if path not in self.paths]
            queue += found
            self.add(found)

    def _judged_by(self, place: Place) -> Iterator[str]:
        what = {Kind.COMPONENT: "component", Kind.JOB: "job"}.get(place.kind) if place.kind is not None else None
        if what is not None:
            for name in place.ids(self._index.facts(place.path)) | {place.id}:
                yield from self._index.members(users(what, name))

    def _touch(self, place: Place, old: Facts | None, new: Facts | None) -> None:
        """Add what a change touches, by what the index holds: called before it is told, and after."""
        if place.kind is Kind.TARGET:
            raise TooMuch
        self.add([place.path])
        for name in place.ids(old) | place.ids(new):
            self.add(self._index.members(takers(place.kind, name)))
        for name in place.ids(old) ^ place.ids(new):
            if place.kind is Kind.JOB:
                self.add(self._index.members(users("previous", name)))
        for name in place.ids(old) | place.ids(new):
            for what in _NAMED_BY.get(place.kind or Kind.RUN, ()):
                self.add(self._index.members(users(what, name)))
        if place.kind is None:
            self.add(self._index.members(users("script", place.inside)))
        self._touch_named(old or _NOTHING, new or _NOTHING)

    def _touch_named(self, old: Facts, new: Facts) -> None:
        """Add what a file no longer refers to, or did not before."""
        for name in {old.previous} ^ {new.previous}:
            self.add(self._index.members(users("previous", name)))
        for name in {old.alternate} ^ {new.alternate}:
            self.add(follow_alternates(self._index, name, most=self._most))
        for name in {old.job} ^ {new.job}:
            self.add(self._index.members(takers(Kind.JOB, name)))
        for name in {*old.scripts} ^ {*new.scripts}:
            self.add(path for path in [script_path(self._index, name)] if self._index.facts(path) is not None)

    def _refuse_twins(self, place: Place, facts: Facts | None) -> None:
        """Of two files with one id only the first is read: which of them counts is not for us to follow."""
        if facts is None or place.kind is None:
            return
        twins = self._index.members(takers(place.kind, place.id))
        if sum(place_of(path, self._index.header.root).id == place.id for path in twins) > 1:
            raise TooMuch


def _takes_other_names(place: Place, old: Facts | None, new: Facts | None) -> bool:
    if old is None or new is None:
        return old is not new
    return place.ids(old) != place.ids(new) or old.mode != new.mode


_NOTHING = Facts("", "", 0)


def _name_others(problems: Iterable[Problem]) -> bool:
    return any(problem.code in _NAMING for problem in problems)


def script_path(index: Index, inside: str) -> str:
    root = index.header.root
    return inside if root in {"", "."} else f"{root}/{inside}"


def follow_alternates(index: Index, name: str, *, most: int) -> set[str]:
    """Return the jobs that are reached from ``name`` by alternates, its own file first. Raises TooMuch."""
    found: set[str] = set()
    while name:
        path = find_taker(index, Kind.JOB, name)
        if path is None or path in found:
            break
        found.add(path)
        if len(found) > most:
            raise TooMuch
        facts = index.facts(path)
        name = facts.alternate if facts is not None else ""
    return found


def find_taker(index: Index, kind: Kind, name: str) -> str | None:
    """Return the file whose own id is ``name``."""
    paths = index.members(takers(kind, name)) if name else []
    return next((path for path in paths if place_of(path, index.header.root).id == name), None)


def needed_for(index: Index, paths: Collection[str], *, most: int) -> set[str]:
    """Return the files by which those at ``paths`` are judged, themselves among them. Raises TooMuch."""
    found = set(index.header.targets)
    judged: set[str] = set()
    queue = [path for path in paths if index.facts(path) is not None]
    while queue:
        path = queue.pop()
        if path in judged:
            continue
        judged.add(path)
        found.add(path)
        place, facts = place_of(path, index.header.root), index.facts(path)
        assert facts is not None
        queue += _judging(index, facts)
        found.update(_beside(index, place, facts, most=most))
        if len(found) > most:
            raise TooMuch
    return found


def _judging(index: Index, facts: Facts) -> list[str]:
    """Return the files that must be judged before this one."""
    components = index.members(takers(Kind.COMPONENT, facts.component)) if facts.component else []
    jobs = index.members(takers(Kind.JOB, facts.job)) if facts.job else []
    return [*components, *jobs]


def _beside(index: Index, place: Place, facts: Facts, *, most: int) -> Iterator[str]:
    """Yield the files that are only looked at."""
    for name in place.ids(facts):
        yield from index.members(takers(place.kind, name))
    if facts.previous:
        yield from index.members(users("previous", facts.previous))
    if facts.alternate:
        yield from follow_alternates(index, facts.alternate, most=most)
    if place.kind is Kind.JOB:
        # One that names the job is enough to know that it is not idle.
        yield from index.members(users("alternate", place.id))[:1]
        yield from index.members(users("job", place.id))[:1]
    if place.kind is None:
        yield from index.members(users("script", place.inside))[:1]


def counts_as_definition(place: Place, facts: Facts | None) -> bool:
    return facts is not None and place.kind is not None and is_readable(facts.mode, facts.size)
