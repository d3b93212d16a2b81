"""What of one file other files may depend on: which ids it gives, and what it refers to."""

from collections.abc import Iterator

from msgspec import Struct

from reconciler.definitions.identity import fold_id
from reconciler.definitions.items import Item
from reconciler.definitions.listing import definition_kind
from reconciler.definitions.references import says_who_follows
from reconciler.model.desired import SourceFile
from reconciler.model.forms import Component, Kind, OneOff
from reconciler.model.job import Job

ONE_OFFS = "one-offs"
"""The topic of all one-offs."""


class Facts(Struct, frozen=True, array_like=True):
    """One file of the definitions folder.

    ``given`` holds the id that the file gives where it is not its name; ``until`` is the second from which on the clock
    may say something else about it, 0 where it never does.  ``targets`` are those that a job names itself;
    ``scripted``: a component brings a script.
    """

    blob: str
    mode: str
    size: int
    given: tuple[str, ...] = ()
    alternate: str = ""
    previous: str = ""
    component: str = ""
    job: str = ""
    scripts: tuple[str, ...] = ()
    until: int = 0
    targets: tuple[str, ...] = ()
    scripted: bool = False


class Place(Struct, frozen=True):
    """What the path of a file says: ``kind`` is None for what is no definition; ``inside`` is without the folder."""

    path: str
    inside: str
    kind: Kind | None
    id: str

    def ids(self, facts: Facts | None) -> frozenset[str]:
        """Return the ids that the file takes."""
        return frozenset((self.id, *facts.given)) if facts is not None and self.kind is not None else frozenset()

    def topics(self, facts: Facts | None) -> frozenset[str]:
        """Return all under which the file is to be found: by the ids it takes, and by what it refers to."""
        return frozenset(self._topics(facts)) if facts is not None else frozenset()

    def _topics(self, facts: Facts) -> Iterator[str]:
        for name in self.ids(facts):
            yield takers(self.kind, name)
        if self.kind is Kind.RUN:
            yield ONE_OFFS
        for topic, name in (
            ("alternate", facts.alternate),
            ("previous", facts.previous),
            ("component", facts.component),
            ("job", facts.job),
            *[("script", script) for script in facts.scripts],
        ):
            if name:
                yield users(topic, name)


def place_of(path: str, root: str) -> Place:
    inside = path.removeprefix(f"{root}/" if root not in {"", "."} else "")
    kind = definition_kind(inside)
    name = inside.rpartition("/")[2]
    return Place(path, inside, kind, name.rpartition(".")[0] if kind is not None else "")


def takers(kind: Kind | None, name: str) -> str:
    """Return the topic of the files that take this id, or one that looks like it."""
    return f"{kind}:{fold_id(name)}"


def users(what: str, name: str) -> str:
    """Return the topic of the files that refer to ``name`` as their ``what``."""
    return f"of {what}:{name}"


def facts_of(file: SourceFile, item: Item | None = None, *, until: int = 0) -> Facts:
    """Return the facts of a file; ``item`` is what was found in it, if it is read as a definition."""
    form = item.form if item is not None else None
    given = item.checked.given_id if item is not None else ()
    here = Facts(file.blob, file.mode, file.size, given, until=until)
    match form:
        case Job():
            follows = says_who_follows(item.checked.damaged_fields) if item is not None else False
            return Facts(
                file.blob,
                file.mode,
                file.size,
                given,
                alternate=(form.alternate_job_id or "") if follows else "",
                previous=(form.previous_id or "") if follows else "",
                component=form.component or "",
                scripts=tuple(dict.fromkeys(task.script_file for task in form.tasks if task.script_file is not None)),
                until=until,
                targets=form.targets,
            )
        case Component():
            scripts = (form.script_file,) if form.script_file is not None else ()
            is_scripted = form.script is not None or form.script_file is not None
            return Facts(file.blob, file.mode, file.size, given, scripts=scripts, scripted=is_scripted)
        case OneOff():
            return Facts(file.blob, file.mode, file.size, given, job=form.job)
    return here
