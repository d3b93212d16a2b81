"""Tokens in a job's texts: each must be from the closed list, and outputs of tasks that run before."""

from collections.abc import Iterator, Mapping, Sequence

from reconciler.definitions.checks.parameters import key_step
from reconciler.definitions.suggest import did_you_mean, quote
from reconciler.model.job import Parameter, Task
from reconciler.model.problem import Severity
from reconciler.model.provider import Finding
from reconciler.model.tokens import BUILT_IN_TOKENS, find_doubtful, takes_programs


def check_tokens(tasks: Sequence[Task], parameters: Sequence[Parameter]) -> Iterator[Finding]:
    declared = {parameter.name for parameter in parameters}
    for index, task in enumerate(tasks):
        for json_path, text, is_program in _texts(task, f"tasks[{index}]"):
            if "{" not in text:
                continue
            for token, is_marked in dict.fromkeys(find_doubtful(text)):
                if token in declared or token in BUILT_IN_TOKENS or token.startswith("event."):
                    continue
                known = BUILT_IN_TOKENS | declared
                if token.startswith("tasks."):
                    positions = {other.id: position for position, other in enumerate(tasks)}
                    yield from _check_output(token, json_path, task.id, positions)
                elif is_program or is_marked:
                    yield from _perhaps_meant(token, json_path, known)
                else:
                    yield _unknown(token, json_path, known)


def _unknown(token: str, json_path: str, known: frozenset[str]) -> Finding:
    names = [name for name in known if name not in BUILT_IN_TOKENS] or sorted(BUILT_IN_TOKENS)
    shown = ", ".join(f"{{{name}}}" for name in sorted(names)[:12])
    message = f"unknown token {{{token}}}; known: {shown}{did_you_mean(token, known)}"
    return Finding(code="TOKEN001", json_path=json_path, message=message, hint=_hint(token))


def _perhaps_meant(token: str, json_path: str, known: frozenset[str]) -> Iterator[Finding]:
    """Yield a warning where braces that may belong to another language look like a token that is misspelt."""
    suggestion = did_you_mean(token, known)
    if suggestion:
        message = f"{{{token}}} is no token, so it stays as it is{suggestion}"
        yield Finding(
            code="TOKEN001", json_path=json_path, message=message, hint=_hint(token), severity=Severity.WARNING
        )


def _hint(token: str) -> str:
    return f"For braces that are meant write {{{{{token}}}}}."


def _check_output(token: str, json_path: str, task_id: str, positions: Mapping[str, int]) -> Iterator[Finding]:
    """Yield a finding where ``token`` is not the output of a task before ``task_id``."""
    source, found, name = token.removeprefix("tasks.").rpartition(".outputs.")
    message = hint = ""
    if not found or not name:
        message, hint = f"{{{token}}} names no output", "An output is written {tasks.ID.outputs.NAME}."
    elif source not in positions:
        message = f"task {quote(task_id)} uses the output of {quote(source)}, which is not a task of this job"
        message += did_you_mean(source, list(positions))
    elif source == task_id:
        message = f"task {quote(task_id)} uses its own output"
    elif positions[source] > positions[task_id]:
        message = f"task {quote(task_id)} uses the output of {quote(source)}, which runs after it"
    if message:
        yield Finding(code="TOKEN002", json_path=json_path, message=message, hint=hint)


def _texts(task: Task, json_path: str) -> Iterator[tuple[str, str, bool]]:
    """Yield every text of a task in which tokens are filled in, and whether it may be in a language of its own."""
    is_program = task.script is None and takes_programs(task.executable_path or task.command or "")
    if isinstance(task.arguments, str):
        yield f"{json_path}.arguments", task.arguments, is_program
    else:
        for index, argument in enumerate(task.arguments):
            if "{" in argument:
                yield f"{json_path}.arguments[{index}]", argument, is_program
    for name, value in task.env.items():
        if isinstance(value, str):
            yield f"{json_path}.env{key_step(name)}", value, False
    if task.working_directory:
        yield f"{json_path}.workingDirectory", task.working_directory, False
    if task.http is not None:
        yield f"{json_path}.http.url", task.http.url, False
        yield f"{json_path}.http.body", task.http.body, True
        for name, value in task.http.headers.items():
            if isinstance(value, str):
                yield f"{json_path}.http.headers{key_step(name)}", value, False
