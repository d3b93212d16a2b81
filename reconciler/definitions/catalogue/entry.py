"""One entry of the catalogue, and the small repositories that examples are made of."""

import textwrap
from collections.abc import Mapping

from msgspec import Struct

from reconciler.model.problem import Severity

Content = str | bytes


class Example(Struct, frozen=True, kw_only=True):
    """Files by path below the definitions folder; ``modes`` are Git's, ``settings`` is reconciler.toml."""

    files: Mapping[str, Content] = {}
    modes: Mapping[str, str] = {}
    settings: str | None = None


class Code(Struct, frozen=True, kw_only=True):
    """``title`` is one line, ``explanation`` a few sentences; ``bad`` gives the code, ``good`` is the way out.

    ``told_as`` names another code where definition files never give this one; ``needs_state``: it is told by a plan,
    which knows what was started before.  ``needs_host``: it depends on the machine that validates.
    """

    code: str
    title: str
    explanation: str
    bad: Example
    good: Example
    severity: Severity = Severity.ERROR
    told_as: str = ""
    needs_state: bool = False
    needs_host: bool = False


def code(
    name: str,
    title: str,
    explanation: str,
    *,
    bad: Example,
    good: Example,
    severity: Severity = Severity.ERROR,
    told_as: str = "",
    needs_state: bool = False,
    needs_host: bool = False,
) -> Code:
    return Code(
        code=name,
        title=title,
        explanation=explanation,
        bad=bad,
        good=good,
        severity=severity,
        told_as=told_as,
        needs_state=needs_state,
        needs_host=needs_host,
    )


def files(contents: Mapping[str, Content] | None = None, **modes: str) -> Example:
    """Return an example of these files; a mode is named like its file, without folder and ending."""
    contents = contents or {}
    by_stem = {path.rpartition("/")[2].partition(".")[0]: path for path in contents}
    return Example(files=contents, modes={by_stem[stem]: mode for stem, mode in modes.items()})


def settings(text: str) -> Example:
    return Example(settings=text, files={"jobs/backup.yaml": _job("", "intervalMinutes: 30", DUMP)})


DUMP = "- id: dump\n  command: pg_dump"


def job(more: str = "", *, schedule: str = "intervalMinutes: 30", tasks: str = DUMP, **others: Content) -> Example:
    """Return an example of one job, ``jobs/backup.yaml``; ``more`` stands at its top level.

    ``others`` are further files: ``targets__acme`` is ``targets/acme.yaml``.
    """
    contents: dict[str, Content] = {"jobs/backup.yaml": _job(more, schedule, tasks)}
    contents |= {f"{name.replace('__', '/')}.yaml": content for name, content in others.items()}
    return Example(files=contents)


def _job(more: str, schedule: str, tasks: str) -> str:
    text = "id: backup\n"
    if schedule:
        text += f"schedule:\n{textwrap.indent(schedule, '  ')}\n"
    if tasks:
        text += f"tasks:\n{textwrap.indent(tasks, '  ')}\n"
    return text + (more if not more or more.endswith("\n") else f"{more}\n")
