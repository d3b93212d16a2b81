"""What validations keep beside the state, in the Git folder: it spares work, and changes nothing in what is told."""

import contextlib
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Protocol

from msgspec import Struct

from reconciler.definitions.known.declaring import KnownDefinitions
from reconciler.definitions.known.index import Index, open_index
from reconciler.definitions.known.recheck import Changed, KnownState, keep_state, recheck
from reconciler.definitions.known.shelf import Damaged, Shelf
from reconciler.definitions.known.stamps import Seen
from reconciler.definitions.load import Found
from reconciler.definitions.program import program_id
from reconciler.definitions.verdicts import VerdictFile
from reconciler.model.desired import Loaded, SourceFile, SourceTree
from reconciler.model.provider import ProviderRules
from reconciler.model.settings import Settings


class State(Protocol):
    """Definitions of which it is known what differs from another state, without listing them.

    ``shelf`` is the file in which the last such state is kept; what is not ``is_kept`` is only compared with that.
    ``tree_id`` stands for the content of the folder, empty where nothing does.
    """

    @property
    def is_kept(self) -> bool: ...

    @property
    def shelf(self) -> Path: ...

    @property
    def tree_id(self) -> str: ...

    @property
    def settings(self) -> bytes | None: ...

    def pieces(self) -> Mapping[str, bytes]:
        """Return what is to be kept with this state, when all of it is read."""

    def diff(self, tree_id: str, kept: Shelf) -> Seen | None:
        """Return what is different in the state with this id; None where that cannot be told."""

    def read(self, files: list[SourceFile]) -> list[bytes]: ...


class Cache:
    """What earlier validations found, in ``folder``."""

    def __init__(self, folder: Path, *, now: datetime) -> None:
        self._folder = folder
        self._now = now
        self._program = program_id()

    @cached_property
    def verdicts(self) -> VerdictFile:
        """Verdicts on single files, all of which are read."""
        return VerdictFile(self._folder / "verdicts", program=self._program)

    def recheck(self, state: State, *, settings: Settings, providers: Mapping[str, ProviderRules]) -> Loaded | None:
        """Return all problems, by what is known of an earlier state; None where too little is."""
        with contextlib.closing(self._shelf(state)) as shelf:
            found = self._recheck(state, shelf, settings, providers)
            return found.loaded if found is not None else None

    def known(
        self, state: State, *, settings: Settings, providers: Mapping[str, ProviderRules]
    ) -> KnownDefinitions | None:
        """Return what answers for ``state``, to be closed; None where there are errors, or too little is known."""
        shelf = self._shelf(state)
        found = self._recheck(state, shelf, settings, providers)
        if found is None or found.loaded.has_errors:
            shelf.close()
            return None
        before, files = found.index.header.tree, found.files
        return KnownDefinitions(
            found.index,
            found.loaded,
            settings=settings,
            providers=providers,
            read=state.read,
            diff=lambda tree_id: files if tree_id == before else _files_of(state.diff(tree_id, shelf)),
            close=shelf.close,
        )

    def _recheck(
        self, state: State, shelf: Shelf, settings: Settings, providers: Mapping[str, ProviderRules]
    ) -> "_Rechecked | None":
        with contextlib.suppress(Damaged):
            index = open_index(shelf)
            if index is None or not state.tree_id:
                return None
            seen = state.diff(index.header.tree, shelf)
            if seen is None:
                return None
            changed = Changed(
                tree=state.tree_id, settings=state.settings, more=seen.pieces, files=seen.files, read=state.read
            )
            loaded = recheck(index, changed, settings=settings, providers=providers, now=self._now)
            return _Rechecked(index, loaded, seen.files) if loaded is not None else None
        return None

    def keeper(self, state: State, tree: Callable[[], SourceTree]) -> Callable[[Found], None]:
        """Return what keeps a whole loading of ``state`` for the next ``recheck``; called before its tree is read.

        What changes while that is read is then seen the next time.
        """
        known = KnownState(tree=state.tree_id, settings=state.settings, more=state.pieces())

        def keep(found: Found) -> None:
            with contextlib.closing(self._shelf(state)) as shelf:
                keep_state(shelf, known, tree(), found, now=self._now)

        return keep

    def _shelf(self, state: State) -> Shelf:
        return Shelf(state.shelf, owner=self._program, is_frozen=not state.is_kept)

    def save(self) -> None:
        if "verdicts" in self.__dict__:
            self.verdicts.save()


def _files_of(seen: Seen | None) -> Mapping[str, SourceFile | None] | None:
    return seen.files if seen is not None else None


class _Rechecked(Struct, frozen=True):
    """``files`` differ from what was known before."""

    index: Index
    loaded: Loaded
    files: Mapping[str, SourceFile | None]
