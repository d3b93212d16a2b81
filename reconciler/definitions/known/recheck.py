"""A second validation: what has changed is judged again, with all that it touches; the rest is as it was."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import datetime

from msgspec import Struct
from msgspec.structs import replace

from reconciler.definitions.checked import CheckedFile
from reconciler.definitions.items import read_items
from reconciler.definitions.known.affected import (
    Affected,
    TooMuch,
    counts_as_definition,
    needed_for,
    script_path,
)
from reconciler.definitions.known.facts import Facts, facts_of, place_of, takers
from reconciler.definitions.known.index import Header, Index, build_index
from reconciler.definitions.known.shelf import Shelf
from reconciler.definitions.listing import list_definitions, path_for_people
from reconciler.definitions.load import Found
from reconciler.definitions.loading import Loading
from reconciler.definitions.verdicts import Verdicts
from reconciler.model.desired import DesiredState, Loaded, SourceFile, SourceTree
from reconciler.model.forms import Kind
from reconciler.model.problem import Problem
from reconciler.model.provider import ProviderRules
from reconciler.model.settings import Settings

Read = Callable[[list[SourceFile]], list[bytes]]

MOST = 2000
"""Of so many files, or a quarter of all, to judge everything anew costs no more."""


class KnownState(Struct, frozen=True, kw_only=True):
    """What a state is known by: ``tree`` stands for the content of its folder, ``settings`` is its reconciler.toml.

    ``more`` pieces are kept with it on the shelf.
    """

    tree: str
    settings: bytes | None
    more: Mapping[str, bytes] = {}


class Changed(KnownState, frozen=True, kw_only=True):
    """A state, and what differs in it from the one that is known: files by path, None for one that is gone.

    ``read`` is as in SourceTree.
    """

    files: Mapping[str, SourceFile | None]
    read: Read


def recheck(
    index: Index, changed: Changed, *, settings: Settings, providers: Mapping[str, ProviderRules], now: datetime
) -> Loaded | None:
    """Return all problems of the state that ``changed`` leads to, and keep it; None where it takes a whole loading."""
    header = index.header
    if changed.settings != header.settings or settings.definitions != header.root or now.timestamp() < header.judged_at:
        return None
    try:
        return _Recheck(index, changed, settings=settings, providers=providers, now=now).load()
    except TooMuch:
        return None


class _Memo:
    """What was found in changed files, so that they are read once."""

    def __init__(self) -> None:
        self._checked: dict[tuple[Kind, str, str], CheckedFile] = {}

    def find(self, kind: Kind, name: str, blob: str) -> CheckedFile | None:
        return self._checked.get((kind, name, blob))

    def keep(self, kind: Kind, name: str, blob: str, checked: CheckedFile) -> None:
        self._checked[kind, name, blob] = checked


class _Recheck:
    def __init__(
        self,
        index: Index,
        changed: Changed,
        *,
        settings: Settings,
        providers: Mapping[str, ProviderRules],
        now: datetime,
    ) -> None:
        self._index = index
        self._changed = changed
        self._settings = settings
        self._providers = providers
        self._now = now
        self._memo = _Memo()
        self._most = min(MOST, max(index.header.files // 4, 20))

    def load(self) -> Loaded:
        files = self._count_files()
        expired = self._index.expired(self._now.timestamp())
        if self._changed.files or expired:
            affected = Affected(self._index, most=self._most)
            affected.add(expired)
            affected.change(self._new_facts())
            affected.spread()
            self._judge(affected.paths)
            judged_at = self._now.timestamp()
        else:
            judged_at = self._index.header.judged_at
        header = replace(self._index.header, tree=self._changed.tree, files=files, judged_at=judged_at)
        self._index.save(header, self._changed.more)
        problems = [problem for told in self._index.problems.values() for problem in told]
        return Loaded(
            desired=DesiredState(), problems=tuple(sorted(problems, key=lambda problem: problem.sort_key)), files=files
        )

    def _count_files(self) -> int:
        count = self._index.header.files
        for path, file in self._changed.files.items():
            if file is not None and not is_plain(file):
                raise TooMuch
            place = place_of(path, self._index.header.root)
            count += counts_as_definition(place, facts_of(file) if file is not None else None)
            count -= counts_as_definition(place, self._index.facts(path))
        if len(self._changed.files) > self._most or count > self._settings.limits.files or not count:
            raise TooMuch
        return count

    def _new_facts(self) -> dict[str, Facts | None]:
        files = [file for file in self._changed.files.values() if file is not None]
        tree = _tree(self._index, files, self._changed.read)
        listing = list_definitions(tree, most_files=self._settings.limits.files)
        facts: dict[str, Facts | None] = dict.fromkeys(self._changed.files)
        facts |= {file.path: facts_of(file) for file in files}
        for item in read_items(tree, listing.candidates, self._memo):
            facts[item.path] = facts_of(item.candidate.file, item)
        # What the clock says is looked at later; until then nothing is moved for it.
        before = {path: self._index.facts(path) for path in facts}
        return {
            path: replace(told, until=old.until) if told is not None and (old := before[path]) is not None else told
            for path, told in facts.items()
        }

    def _judge(self, affected: Collection[str]) -> None:
        """Judge the files at these paths anew."""
        loading = load_some(
            self._index,
            needed_for(self._index, affected, most=self._most),
            read=self._changed.read,
            settings=self._settings,
            providers=self._providers,
            now=self._now,
            verdicts=self._memo,
        )
        problems = problems_by_path(loading.load(declare=False).problems)
        for path in affected:
            self._index.set_problems(path, problems.get(path, ()))
            facts = self._index.facts(path)
            if facts is not None:
                self._index.set_facts(path, replace(facts, until=until_second(loading.until.get(path))))


def load_some(
    index: Index,
    paths: Collection[str],
    *,
    read: Read,
    settings: Settings,
    providers: Mapping[str, ProviderRules],
    now: datetime | None,
    verdicts: Verdicts | None = None,
) -> Loading:
    """Begin a loading of the files at ``paths`` alone, in which the index tells of the others."""
    files = [file for path in sorted(paths) if (file := _source_file(index, path)) is not None]
    tree = _tree(index, files, read)
    listing = list_definitions(tree, most_files=settings.limits.files)
    return Loading(
        tree,
        replace(listing, others=_Others(index)),
        list(read_items(tree, listing.candidates, verdicts)),
        settings=settings,
        providers=providers,
        now=now,
        known={kind: _KnownIds(index, kind) for kind in (Kind.JOB, Kind.COMPONENT)},
    )


def _tree(index: Index, files: list[SourceFile], read: Read) -> SourceTree:
    header = index.header
    return SourceTree(root=header.root, files=tuple(files), commit="", digest="", read=read, settings=header.settings)


class _Others(Mapping[str, SourceFile]):
    """The files that are no definitions, by their path in the definitions folder."""

    def __init__(self, index: Index) -> None:
        self._index = index

    def __getitem__(self, inside: str) -> SourceFile:
        path = script_path(self._index, inside)
        file = _source_file(self._index, path)
        if file is None or place_of(path, self._index.header.root).kind is not None:
            raise KeyError(inside)
        return file

    def __iter__(self) -> Iterator[str]:
        places = (place_of(path, self._index.header.root) for path in self._index.paths())
        return iter(sorted(place.inside for place in places if place.kind is None))

    def __len__(self) -> int:
        return sum(1 for _ in self)


class _KnownIds(Collection[str]):
    """The ids that files of a kind take; to go through them reads the whole index."""

    def __init__(self, index: Index, kind: Kind) -> None:
        self._index = index
        self._kind = kind

    def __contains__(self, name: object) -> bool:
        if not isinstance(name, str):
            return False
        root = self._index.header.root
        paths = self._index.members(takers(self._kind, name))
        return any(name in place_of(path, root).ids(self._index.facts(path)) for path in paths)

    def __iter__(self) -> Iterator[str]:
        for path in self._index.paths():
            place = place_of(path, self._index.header.root)
            if place.kind is self._kind:
                yield from place.ids(self._index.facts(path))

    def __len__(self) -> int:
        return sum(1 for _ in self)


def _source_file(index: Index, path: str) -> SourceFile | None:
    facts = index.facts(path)
    return SourceFile(path, facts.blob, facts.mode, facts.size) if facts is not None else None


def problems_by_path(problems: Collection[Problem]) -> dict[str, list[Problem]]:
    found: dict[str, list[Problem]] = defaultdict(list)
    for problem in problems:
        found[problem.path].append(problem)
    return found


def until_second(until: datetime | None) -> int:
    return int(until.timestamp()) if until is not None else 0


def is_plain(file: SourceFile) -> bool:
    """False for a path that is written in another way for people: two of them may look the same."""
    return "\\" not in file.path and path_for_people(file) == file.path


def keep_state(shelf: Shelf, state: KnownState, tree: SourceTree, found: Found, *, now: datetime) -> None:
    """Keep what a whole loading of ``state`` has found, for `recheck`; nothing, where that could not follow."""
    facts = {file.path: facts_of(file) for file in tree.files}
    for item in found.items:
        file = item.candidate.file
        facts[file.path] = facts_of(file, item, until=until_second(found.until.get(file.path)))
    places = [place for place in (place_of(path, tree.root) for path in facts) if place.kind is not None]
    ids = {(place.kind, place.id) for place in places}
    if not found.items or len(ids) != len(places) or not all(map(is_plain, tree.files)):
        shelf.clear()
        shelf.put({})
        return
    header = Header(
        root=tree.root,
        tree=state.tree,
        settings=state.settings,
        judged_at=now.timestamp(),
        files=len(found.items),
        targets=tuple(place.path for place in places if place.kind is Kind.TARGET),
        pieces=1,
    )
    build_index(shelf, header, facts, problems_by_path(found.problems), state.more)
