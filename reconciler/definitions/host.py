"""Programs that jobs start, against the machine that validates: it looks outside the repository, when asked to.

Source: Keeper "Job: Definition & Format", Validation: executables are looked for where osFilter matches the host.
"""

from collections.abc import Callable, Iterable, Iterator

from msgspec.structs import replace

from reconciler.definitions.checked import locate, read_document
from reconciler.definitions.source import read_text
from reconciler.definitions.suggest import quote
from reconciler.model.desired import Declared, SourceTree
from reconciler.model.job import Job, Task
from reconciler.model.problem import Problem
from reconciler.model.provider import Finding
from reconciler.model.systems import keeps_off
from reconciler.model.tokens import find_tokens

ProgramOf = Callable[[Task], str | None]
"""Returns what is started for a task, or None where nothing is."""


def find_missing_programs(
    tree: SourceTree,
    jobs: Iterable[Declared[Job]],
    *,
    system: str,
    program_of: ProgramOf,
    is_there: Callable[[str], bool],
) -> Iterator[Problem]:
    """Yield a problem for each program that this host lacks; ``system`` is windows, linux or macos."""
    files = {file.path: file for file in tree.files}
    for declared in jobs:
        if keeps_off(declared.form, system):
            continue
        findings = list(_missing(declared.form, system, program_of, is_there))
        if findings:
            file = files[declared.path]
            document = read_document(read_text(tree.read([file])[0]), is_json=file.path.lower().endswith(".json"))
            for problem in locate(document, findings):
                yield replace(problem, path=file.path)


def _missing(job: Job, system: str, program_of: ProgramOf, is_there: Callable[[str], bool]) -> Iterator[Finding]:
    for index, task in enumerate(job.tasks):
        program = program_of(task)
        # What a token stands for is known when the task starts, and a relative path depends on its folder.
        if not program or any(find_tokens(program)) or _is_relative(program) or is_there(program):
            continue
        path = "component" if job.component is not None else f"tasks[{index}].{_field(task)}"
        message = f"{quote(program)} does not exist on this host ({system})"
        hint = "Install it, mend the name, or say with osFilter where the job runs."
        yield Finding(code="HOST001", json_path=path, message=message, hint=hint)


def _is_relative(program: str) -> bool:
    return ("/" in program or "\\" in program) and not program.startswith(("/", "\\")) and program[1:2] != ":"


def _field(task: Task) -> str:
    if task.executable_path is not None:
        return "executablePath"
    if task.command is not None:
        return "command"
    return "scriptFile" if task.script_file is not None else "script"
