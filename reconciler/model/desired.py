"""What a commit (or a folder) declares: source files in, the desired state out."""

from collections.abc import Callable, Mapping
from typing import Generic, TypeVar

from msgspec import Struct

from reconciler.model.forms import Component, Form, Kind, OneOff, Target, Variable
from reconciler.model.job import Job
from reconciler.model.problem import Problem, Severity

F = TypeVar("F", Job, Component, Target, OneOff, Variable, Form)


class SourceFile(Struct, frozen=True):
    """One regular file under the definitions folder, not yet read.

    ``path`` is relative to the repository's root, with ``/``.  ``blob`` is Git's id of the content (40 or 64 hex
    digits), also for a file of the work tree.  ``mode`` is Git's: only 100644 and 100755 are read as definitions.
    ``size`` is in bytes.
    """

    path: str
    blob: str
    mode: str
    size: int


class SourceTree(Struct, frozen=True):
    """The files under the definitions folder at one commit, or as they lie in the work tree (``commit`` empty).

    ``root`` is the definitions folder relative to the repository's root, ``digest`` stands for the content of that
    folder and of reconciler.toml.  ``read`` returns the content of files of this tree, in the order asked for;
    ``settings`` is the content of reconciler.toml, or None.
    """

    root: str
    files: tuple[SourceFile, ...]
    commit: str
    digest: str
    read: Callable[[list[SourceFile]], list[bytes]]
    settings: bytes | None = None


class Declared(Struct, Generic[F], frozen=True, kw_only=True):
    """A valid form and where it stands. ``digest`` is that of the form, ``blob`` that of its file."""

    form: F
    path: str
    blob: str
    digest: str
    line: int = 1


class DesiredState(Struct, frozen=True, kw_only=True):
    """What Git declares, by id, valid and with all defaults and references resolved.

    ``variables`` are those of targets, by target and id.  ``unreadable`` holds (kind, id) of files that have errors:
    their applied form stays, and ``complete`` is false, so nothing is deleted on the strength of this state.
    """

    jobs: Mapping[str, Declared[Job]] = {}
    components: Mapping[str, Declared[Component]] = {}
    targets: Mapping[str, Declared[Target]] = {}
    one_offs: Mapping[str, Declared[OneOff]] = {}
    variables: Mapping[tuple[str, str], Declared[Variable]] = {}
    unreadable: frozenset[tuple[Kind, str]] = frozenset()
    complete: bool = True


class Loaded(Struct, frozen=True, kw_only=True):
    """What loading gives: the desired state, every problem (sorted), and how many files were looked at."""

    desired: DesiredState
    problems: tuple[Problem, ...] = ()
    files: int = 0

    @property
    def has_errors(self) -> bool:
        return any(problem.severity is Severity.ERROR for problem in self.problems)
