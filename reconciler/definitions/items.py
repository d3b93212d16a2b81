"""Definition files read and checked one by one, and the places in them for what is found later."""

from collections.abc import Iterator, Sequence

from msgspec import Struct
from msgspec.structs import replace

from reconciler.definitions.checked import CheckedFile, check_file, locate, read_document
from reconciler.definitions.document import Document, Unreadable, path_steps
from reconciler.definitions.listing import Candidate
from reconciler.definitions.source import read_text
from reconciler.definitions.verdicts import Verdicts
from reconciler.model.desired import SourceFile, SourceTree
from reconciler.model.forms import Form, Kind
from reconciler.model.problem import Problem
from reconciler.model.provider import Finding

_READ_AT_ONCE = 2000
_DOCUMENTS_KEPT = 50


class Item(Struct, frozen=True):
    """A definition file with what was found in it; ``id`` is the file's name without its ending."""

    candidate: Candidate
    checked: CheckedFile
    kind: Kind
    id: str

    @property
    def path(self) -> str:
        return self.candidate.path

    @property
    def form(self) -> Form | None:
        return self.checked.form


def read_items(tree: SourceTree, candidates: Sequence[Candidate], verdicts: Verdicts | None = None) -> Iterator[Item]:
    """Yield each definition file, checked by itself; those that ``verdicts`` knows are not read."""
    for start in range(0, len(candidates), _READ_AT_ONCE):
        part = candidates[start : start + _READ_AT_ONCE]
        known = [_find(verdicts, candidate) for candidate in part]
        unknown = [candidate for candidate, checked in zip(part, known, strict=True) if checked is None]
        contents = iter(tree.read([candidate.file for candidate in unknown]) if unknown else ())
        for candidate, found in zip(part, known, strict=True):
            checked = found
            if checked is None:
                checked = check_file(candidate.kind, candidate.name, next(contents))
                if verdicts is not None:
                    verdicts.keep(candidate.kind, candidate.name, candidate.file.blob, checked)
            yield Item(candidate, checked, candidate.kind, candidate.stem)


def _find(verdicts: Verdicts | None, candidate: Candidate) -> CheckedFile | None:
    return verdicts.find(candidate.kind, candidate.name, candidate.file.blob) if verdicts is not None else None


class Places:
    """Turns findings about an item into problems at their places; reads a file again only when it has one."""

    def __init__(self, tree: SourceTree) -> None:
        self._tree = tree
        self._documents: dict[str, Document | None] = {}

    def problems(self, item: Item, findings: Sequence[Finding], *, of_the_file: bool = False) -> Iterator[Problem]:
        """Yield ``findings`` at their places; only those ``of_the_file`` are told of a field that has an error."""
        if not findings:
            return
        document = self.document(item)
        if document is None:
            return
        wrong = set() if of_the_file else {path_steps(path) for path in item.checked.damaged}
        for problem in locate(document, findings, wrong):
            yield replace(problem, path=item.path)

    def document(self, item: Item) -> Document | None:
        """Return the item's file with positions, or None where it cannot be read."""
        if item.path not in self._documents:
            if len(self._documents) >= _DOCUMENTS_KEPT:
                self._documents.clear()
            self._documents[item.path] = self._read(item.candidate.file, item.candidate.name)
        return self._documents[item.path]

    def _read(self, file: SourceFile, name: str) -> Document | None:
        try:
            text = read_text(self._tree.read([file])[0])
            return read_document(text, is_json=name.lower().endswith(".json"))
        except Unreadable:
            return None
