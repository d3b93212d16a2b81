"""Trees of definitions in memory, and what is said about them."""

import textwrap
from collections.abc import Mapping
from datetime import UTC, datetime

from reconciler.definitions.folder import blob_id
from reconciler.definitions.load import load_definitions
from reconciler.model.desired import Loaded, SourceFile, SourceTree
from reconciler.model.forms import Target
from reconciler.model.job import Job
from reconciler.model.problem import Problem, Severity
from reconciler.model.provider import Finding, ProviderRules
from reconciler.model.settings import Settings

NOW = datetime(2026, 1, 10, 12, tzinfo=UTC)
JOB = "id: a\nschedule: {intervalMinutes: 30}\ntasks:\n  - id: t\n    command: x\n"
TASK = "tasks: [{id: t, command: x}]\n"


def job_with(*, schedule: str = "intervalMinutes: 30", tasks: str = "- {id: t, command: x}", more: str = "") -> str:
    """Return a job file ``a.yaml``: schedule and tasks as block text, ``more`` at the top level."""
    return (
        f"id: a\nschedule:\n{textwrap.indent(schedule, '  ')}\ntasks:\n{textwrap.indent(tasks, '  ')}\n"
        + textwrap.dedent(more)
    )


_SIGNS = {Severity.ERROR: "", Severity.WARNING: " W", Severity.INFORMATION: " I"}

EMPTY_SETTINGS = {"type": "object", "properties": {}, "unevaluatedProperties": False}
DATTO_SETTINGS = {
    "type": "object",
    "properties": {
        "platform": {"type": "string", "enum": ["merlot", "pinotage"]},
        "pageSize": {"type": "integer", "minimum": 1, "maximum": 250},
        "apiSecret": {
            "anyOf": [
                {"type": "string"},
                {"type": "object", "properties": {"secret": {"type": "string"}}, "required": ["secret"]},
            ]
        },
        "allowedHosts": {"type": "array", "items": {"type": "string"}},
    },
    "required": ["platform"],
    "unevaluatedProperties": False,
}


def accept_all(job: Job, target: Target) -> list[Finding]:
    return []


PROVIDERS = {
    "local": ProviderRules(name="local", settings_schema=EMPTY_SETTINGS, check=accept_all),
    "datto": ProviderRules(name="datto", settings_schema=DATTO_SETTINGS, check=accept_all, vendor_field="datto"),
    "keeper": ProviderRules(name="keeper", settings_schema=EMPTY_SETTINGS, check=accept_all, vendor_field="keeper"),
}


def tree_of(
    files: Mapping[str, str | bytes], *, modes: Mapping[str, str] | None = None, settings: bytes | None = None
) -> SourceTree:
    """Return a tree of files by path under ``definitions/``; text is dedented."""
    contents = {
        f"definitions/{path}": textwrap.dedent(data).encode() if isinstance(data, str) else data
        for path, data in files.items()
    }
    listed = tuple(
        SourceFile(path, blob_id(data), (modes or {}).get(path.removeprefix("definitions/"), "100644"), len(data))
        for path, data in sorted(contents.items())
    )

    def read(wanted: list[SourceFile]) -> list[bytes]:
        return [contents[file.path] for file in wanted]

    return SourceTree("definitions", listed, "", "digest", read, settings)


def load(
    files: Mapping[str, str | bytes],
    *,
    modes: Mapping[str, str] | None = None,
    settings: Settings | None = None,
    providers: Mapping[str, ProviderRules] = PROVIDERS,
    now: datetime | None = NOW,
) -> Loaded:
    return load_definitions(tree_of(files, modes=modes), settings=settings or Settings(), providers=providers, now=now)


def line_of(problem: Problem, *, with_path: bool = True) -> str:
    """Return ``jobs/a.yaml:3:1 W CODE json.path: message``, without a severity for errors."""
    path = problem.path.removeprefix("definitions/") + ":" if with_path else ""
    where = f"{path}{problem.line}:{problem.column}"
    return f"{where}{_SIGNS[problem.severity]} {problem.code} {problem.json_path}: {problem.message}"


def lines_of(loaded: Loaded, *, with_path: bool = True) -> list[str]:
    return [line_of(problem, with_path=with_path) for problem in loaded.problems]


def job_lines(text: str | bytes, *, name: str = "a.yaml", **more: str | bytes) -> list[str]:
    """Return what is said about one job file, as ``line:column CODE json.path: message``."""
    return lines_of(load({f"jobs/{name}": text, **more}), with_path=False)
