"""What a state declares, of which all problems are known: only what is asked for is read."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

from reconciler.definitions.known.affected import TooMuch, find_taker, needed_for
from reconciler.definitions.known.facts import ONE_OFFS, place_of, users
from reconciler.definitions.known.index import Index
from reconciler.definitions.known.recheck import Read, load_some
from reconciler.model.desired import DesiredState, Loaded
from reconciler.model.forms import Kind
from reconciler.model.provider import ProviderRules
from reconciler.model.settings import Settings

MOST = 2000
"""Where so many files have to be read, to read all of them is no loss."""

Key = tuple[Kind, str]


class KnownDefinitions:
    """The definitions of one state, without errors. ``diff`` gives what differs from the folder with another id.

    All that is asked raises TooMuch where it takes a whole reading to answer, and Damaged.
    """

    def __init__(
        self,
        index: Index,
        loaded: Loaded,
        *,
        settings: Settings,
        providers: Mapping[str, ProviderRules],
        read: Read,
        diff: Callable[[str], Collection[str] | None],
        close: Callable[[], None],
    ) -> None:
        self.problems = loaded.problems
        self.close = close
        self._index = index
        self._root = index.header.root
        self._settings = settings
        self._providers = providers
        self._read = read
        self._diff = diff

    @property
    def jobs(self) -> dict[str, int]:
        """How many jobs are declared, by target."""
        found: dict[str, int] = {}
        for name, count in self._index.counts.on.items():
            for target in (name,) if name else dict.fromkeys(self._settings.default_targets):
                found[target] = found.get(target, 0) + count
        return found

    @property
    def job_count(self) -> int:
        return self._index.counts.jobs

    @property
    def components(self) -> tuple[int, int]:
        """How many components are declared, and how many of them bring a script."""
        return self._index.counts.components, self._index.counts.scripted

    def changed_since(self, tree_id: str) -> set[Key]:
        """Return what may be declared otherwise than in the folder with this id: with it went, or came."""
        paths = self._diff(tree_id)
        if paths is None or len(paths) > MOST:
            raise TooMuch
        return set(self._touched(paths))

    def _touched(self, paths: Iterable[str]) -> Iterator[Key]:
        for path in paths:
            place = place_of(path, self._root)
            if place.kind is Kind.TARGET:
                raise TooMuch
            if place.kind is not None:
                yield place.kind, place.id
            topic = users("script", place.inside) if place.kind is None else ""
            if place.kind is Kind.COMPONENT:
                topic = users("component", place.id)
            if topic:
                yield from self._touched(self._index.members(topic))

    def beside(self, job_id: str) -> Iterator[str]:
        """Yield the jobs that a job of this id came from, or that came from it, by ``previousId``."""
        path = find_taker(self._index, Kind.JOB, job_id)
        facts = self._index.facts(path) if path is not None else None
        if facts is not None and facts.previous:
            yield facts.previous
        for other in self._index.members(users("previous", job_id)):
            yield place_of(other, self._root).id

    def one_off_jobs(self) -> set[str]:
        """Return the jobs that one-offs ask for."""
        facts = (self._index.facts(path) for path in self._index.members(ONE_OFFS))
        return {told.job for told in facts if told is not None}

    def of_targets(self) -> DesiredState:
        """Return what the files of targets declare."""
        return self._load(self._index.header.targets).desired

    def declare(self, keys: Collection[Key]) -> DesiredState:
        """Return what is declared under ``keys``, all targets and all one-offs; with them what these refer to."""
        one_offs = self._index.members(ONE_OFFS)
        paths = {path for kind, id_ in keys if (path := find_taker(self._index, kind, id_)) is not None}
        loaded = self._load(self._all_needed({*paths, *one_offs, *self._index.header.targets}))
        if not loaded.desired.complete:
            raise TooMuch  # as a whole it has no errors: too little of it was read
        return loaded.desired

    def _all_needed(self, paths: set[str]) -> set[str]:
        """Return the files by which these are judged, and by which those are."""
        while (needed := needed_for(self._index, paths, most=MOST)) != paths:
            paths = needed
        return needed

    def _load(self, paths: Collection[str]) -> Loaded:
        return load_some(
            self._index, paths, read=self._read, settings=self._settings, providers=self._providers, now=None
        ).load(declare=True)
