"""What is kept of the last validation, in pieces of which only a few are read and written by the next."""

import zlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, TypeVar

import msgspec
from msgspec import Struct

from reconciler.definitions.known.facts import Facts, Place, place_of
from reconciler.definitions.known.shelf import Damaged, Shelf
from reconciler.model.forms import Kind
from reconciler.model.problem import Problem

_ENCODER = msgspec.msgpack.Encoder()
_SHARE = 24
"""So many files or topics are in one piece."""
_CLOCK_SHARE = 2000
_MOST_GROWTH = 8
_HOUR = 3600


class Counts(Struct, array_like=True):
    """How many there are. ``on`` counts jobs by the targets that they name, "" where they name none; ``scripted``
    are the components that bring a script.
    """

    jobs: int = 0
    on: dict[str, int] = {}
    components: int = 0
    scripted: int = 0

    def add(self, place: Place, facts: Facts | None, by: int) -> None:
        if facts is None:
            return
        if place.kind is Kind.JOB:
            self.jobs += by
            for target in dict.fromkeys(facts.targets or ("",)):
                self.on[target] = self.on.get(target, 0) + by
                if not self.on[target]:
                    del self.on[target]
        elif place.kind is Kind.COMPONENT:
            self.components += by
            self.scripted += by * facts.scripted


class Header(Struct, frozen=True, array_like=True):
    """Of which state everything else is.

    ``tree`` stands for the content of the definitions folder, ``settings`` is reconciler.toml. ``judged_at`` is when
    the clock was last asked, in seconds. ``files`` counts the definitions, ``targets`` are the paths of the targets.
    """

    root: str
    tree: str
    settings: bytes | None
    judged_at: float
    files: int
    targets: tuple[str, ...]
    pieces: int
    counts: Counts = msgspec.field(default_factory=Counts)


C = TypeVar("C")
_HEADER = msgspec.msgpack.Decoder(Header)
_FACTS = msgspec.msgpack.Decoder(dict[str, Facts])
_PATHS = msgspec.msgpack.Decoder(dict[str, list[str]])
_HOURS = msgspec.msgpack.Decoder(list[str])
_PROBLEMS = msgspec.msgpack.Decoder(dict[str, tuple[Problem, ...]])


class Index:
    """The facts and problems of all files of one state, on a shelf. What is asked for raises Damaged where it is."""

    def __init__(self, shelf: Shelf, header: Header) -> None:
        self.header: Final = header
        self.counts = msgspec.structs.replace(header.counts, on=dict(header.counts.on))
        self._shelf = shelf
        self._facts: dict[str, dict[str, Facts]] = {}
        self._topics: dict[str, dict[str, list[str]]] = {}
        self._hours: dict[str, list[str]] = {}
        self._problems: dict[str, tuple[Problem, ...]] | None = None
        self._changed: set[str] = set()

    def facts(self, path: str) -> Facts | None:
        return self._facts_piece(path).get(path)

    def paths(self) -> Iterator[str]:
        """Yield the paths of all files, which reads all there is."""
        for number in range(self.header.pieces):
            yield from self._load(self._facts, f"f{number}", _FACTS, {})

    def members(self, topic: str) -> list[str]:
        """Return the paths of the files under a topic (see ``Place.topics``)."""
        return self._topics_piece(topic).get(topic, [])

    @property
    def problems(self) -> dict[str, tuple[Problem, ...]]:
        """All problems, by path."""
        if self._problems is None:
            data = self._shelf.get("problems")
            self._problems = _decode(_PROBLEMS, data) if data is not None else {}
        return self._problems

    def expired(self, now: float) -> list[str]:
        """Return the files of which the clock may say something else now than it did."""
        found = []
        for name in [name for name in self._shelf.names() if name.startswith("c")]:
            if int(name[1:].partition(".")[0]) * _HOUR <= now:
                found += [path for path in self._hours_piece(name) if self._is_due(path, now)]
        return found

    def _is_due(self, path: str, now: float) -> bool:
        facts = self.facts(path)
        return facts is not None and 0 < facts.until <= now

    def set_facts(self, path: str, facts: Facts | None) -> None:
        """Put new facts in the place of those that were there; None: the file is gone."""
        piece, place = self._facts_piece(path), place_of(path, self.header.root)
        before = piece.get(path)
        if before == facts:
            return
        if facts is not None:
            piece[path] = facts
        else:
            del piece[path]
        self._changed.add(self._piece_name("f", path))
        self.counts.add(place, before, -1)
        self.counts.add(place, facts, 1)
        old, new = place.topics(before), place.topics(facts)
        for topic in old ^ new:
            members = self._topics_piece(topic).setdefault(topic, [])
            if topic in new:
                members.append(path)
            else:
                members.remove(path)
                if not members:
                    del self._topics_piece(topic)[topic]
            self._changed.add(self._piece_name("t", topic))
        self._note_hour(path, before.until if before else 0, facts.until if facts else 0)

    def set_problems(self, path: str, problems: Iterable[Problem]) -> None:
        told = tuple(problems)
        if self.problems.get(path, ()) == told:
            return
        self._changed.add("problems")
        if told:
            self.problems[path] = told
        else:
            del self.problems[path]

    def save(self, header: Header, more: Mapping[str, bytes] = {}) -> None:
        """Keep what was set, and ``more`` pieces, as the state that ``header`` tells of; write only what is new."""
        more = {name: data for name, data in more.items() if (self._shelf.get(name) or b"") != data}
        if header == self.header and not self._changed and not more:
            return
        pieces = {name: _ENCODER.encode(content) if content else b"" for name, content in self._changed_pieces()}
        header = msgspec.structs.replace(header, counts=self.counts)
        self._shelf.put({**more, **pieces, "header": _ENCODER.encode(header)})

    def _changed_pieces(self) -> Iterator[tuple[str, Any]]:
        loaded: dict[str, Mapping[str, Any]] = {"f": self._facts, "t": self._topics, "c": self._hours}
        for name in self._changed:
            yield name, self.problems if name == "problems" else loaded[name[0]][name]

    def _note_hour(self, path: str, before: int, after: int) -> None:
        old, new = self._hour_name(path, before), self._hour_name(path, after)
        if old == new:
            return
        if before and path in self._hours_piece(old):
            self._hours_piece(old).remove(path)
            self._changed.add(old)
        if after:
            self._hours_piece(new).append(path)
            self._changed.add(new)

    def _hour_name(self, path: str, until: int) -> str:
        count = self.header.pieces * _SHARE // _CLOCK_SHARE + 1
        return f"c{until // _HOUR}.{piece_number(path, count)}" if until else ""

    def _facts_piece(self, path: str) -> dict[str, Facts]:
        return self._load(self._facts, self._piece_name("f", path), _FACTS, {})

    def _topics_piece(self, topic: str) -> dict[str, list[str]]:
        return self._load(self._topics, self._piece_name("t", topic), _PATHS, {})

    def _hours_piece(self, name: str) -> list[str]:
        return self._load(self._hours, name, _HOURS, [])

    def _piece_name(self, letter: str, key: str) -> str:
        return f"{letter}{piece_number(key, self.header.pieces)}"

    def _load(self, loaded: dict[str, C], name: str, decoder: msgspec.msgpack.Decoder[C], empty: C) -> C:
        if name not in loaded:
            data = self._shelf.get(name)
            loaded[name] = _decode(decoder, data) if data is not None else empty
        return loaded[name]


def open_index(shelf: Shelf) -> Index | None:
    """Return what is on the shelf; None where there is nothing, or too much for its pieces. Raises Damaged."""
    data = shelf.get("header")
    if data is None:
        return None
    header = _decode(_HEADER, data)
    return Index(shelf, header) if header.files <= header.pieces * _SHARE * _MOST_GROWTH else None


def build_index(
    shelf: Shelf,
    header: Header,
    facts: Mapping[str, Facts],
    problems: Mapping[str, Iterable[Problem]],
    more: Mapping[str, bytes],
) -> None:
    """Put a whole state, with at least one file, on the shelf, in the place of whatever was there."""
    shelf.clear()
    index = Index(shelf, msgspec.structs.replace(header, pieces=len(facts) // _SHARE + 1))
    for path, told in facts.items():
        index.set_facts(path, told)
    for path, found in problems.items():
        index.set_problems(path, found)
    index.save(index.header, more)


def piece_number(key: str, count: int) -> int:
    """Return in which of ``count`` pieces something is."""
    return zlib.crc32(key.encode(errors="surrogateescape")) % count


def _decode(decoder: msgspec.msgpack.Decoder[C], data: bytes) -> C:
    try:
        return decoder.decode(data)
    except msgspec.DecodeError:
        raise Damaged from None
