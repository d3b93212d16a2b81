"""Which files of a tree are definitions, of which kind, and which must not be there."""

import re
from collections.abc import Iterable

from msgspec import Struct
from msgspec.structs import replace

from reconciler.definitions.document import MAX_BYTES, make_problem
from reconciler.definitions.source import too_large
from reconciler.definitions.suggest import closest, quote
from reconciler.model.desired import SourceFile, SourceTree
from reconciler.model.forms import FILE_KINDS, Kind
from reconciler.model.problem import Problem, Severity

_FOLDERS = {kind.folder: kind for kind in FILE_KINDS}
_ENDINGS = re.compile(r"\.(?:ya?ml|json)\Z", re.IGNORECASE)
REGULAR_MODES = frozenset({"100644", "100755"})
_MODES = {"120000": "a symbolic link", "160000": "a submodule", "040000": "a folder"}


class Candidate(Struct, frozen=True):
    """A file that is to be read as a definition; ``path`` is for people, ``name`` the part of it without folders."""

    file: SourceFile
    kind: Kind
    path: str
    name: str

    @property
    def stem(self) -> str:
        return self.name.rpartition(".")[0]


class Listing(Struct, frozen=True):
    """``refused`` are definitions by place and name that cannot be read; ``others`` all other regular files by path."""

    candidates: tuple[Candidate, ...]
    refused: frozenset[tuple[Kind, str]]
    others: dict[str, SourceFile]
    problems: tuple[Problem, ...]


def path_for_people(file: SourceFile) -> str:
    """Return the path as text that any program takes: bytes that are no UTF-8 as ``\\xff``."""
    path = file.path
    if path.isascii():
        return path
    return path.encode(errors="surrogateescape").decode(errors="backslashreplace")


def list_definitions(tree: SourceTree, *, most_files: int) -> Listing:
    """Sort the files of ``tree`` by what they are."""
    candidates: list[Candidate] = []
    refused: set[tuple[Kind, str]] = set()
    others: dict[str, SourceFile] = {}
    problems: list[Problem] = []
    prefix = f"{tree.root}/" if tree.root not in {"", "."} else ""
    for file in tree.files:
        path = path_for_people(file)
        inside = path.removeprefix(prefix)
        kind = definition_kind(inside)
        name = inside.rpartition("/")[2]
        if kind is None:
            folder, _, rest = inside.partition("/")
            others[file.path.removeprefix(prefix)] = file
            hidden = _FOLDERS.get(folder)
            if hidden is not None and file.mode not in REGULAR_MODES and "." not in name:
                # What lies behind it is not read, and must not pass for deleted.
                problem = _unreadable(file)
                problems += [replace(problem, path=path)] if problem is not None else []
                refused.add((hidden, name))
            problems += _misplaced(file, folder if rest else "", name)
            continue
        candidate = Candidate(file, kind, path, name)
        problem = _unreadable(file)
        if problem is not None:
            problems.append(replace(problem, path=path))
            refused.add((kind, candidate.stem))
        else:
            candidates.append(candidate)
    if len(candidates) > most_files:
        problems.append(_too_many(tree, len(candidates), most_files))
        refused |= {(candidate.kind, candidate.stem) for candidate in candidates}
        candidates = []
    return Listing(tuple(candidates), frozenset(refused), others, tuple(problems))


def definition_kind(inside: str) -> Kind | None:
    """Return the kind of definition that a file at this path in the definitions folder is, None for other files."""
    folder, _, rest = inside.partition("/")
    kind = _FOLDERS.get(folder) if rest else None
    return kind if kind is not None and _ENDINGS.search(inside) else None


def is_readable(mode: str, size: int) -> bool:
    """Whether a file of this mode and size is read as a definition."""
    return mode in REGULAR_MODES and size <= MAX_BYTES


def _unreadable(file: SourceFile) -> Problem | None:
    if file.mode not in REGULAR_MODES:
        what = _MODES.get(file.mode, "not a regular file")
        return make_problem(
            "FILE010", f"this is {what}; definitions are regular files", hint="Put the file itself here."
        )
    if file.size > MAX_BYTES:
        return too_large(file.size)
    return None


def _misplaced(file: SourceFile, folder: str, name: str) -> Iterable[Problem]:
    """Yield a note for a file that looks like a definition and is none, so that nobody waits for it to act."""
    if not _ENDINGS.search(name) or name.startswith("."):
        return
    match = closest(folder, list(_FOLDERS)) if folder else ""
    known = ", ".join(f"{name}/" for name in _FOLDERS)
    hint = f"Definitions lie in {known}."
    if match:
        message = f"not read: the folder {quote(folder)} is none of {known}; did you mean `{match}/`?"
        yield _note(file, message, hint, Severity.WARNING)
    elif not folder:
        yield _note(file, "not read: it lies in none of the folders that hold definitions", hint, Severity.WARNING)
    elif folder != "scripts":
        yield _note(file, f"not read: the folder {quote(folder)} holds no definitions", hint, Severity.INFORMATION)


def _note(file: SourceFile, message: str, hint: str, severity: Severity) -> Problem:
    return replace(make_problem("FILE011", message, hint=hint, severity=severity), path=path_for_people(file))


def _too_many(tree: SourceTree, count: int, most: int) -> Problem:
    message = f"{count:,} definition files, limit {most:,}"
    hint = "Raise [limits] files in reconciler.toml."
    return replace(make_problem("FILE014", message, hint=hint), path=tree.root)
