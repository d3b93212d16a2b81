"""Characters that a value cannot hold where it is used: no program is ever given a NUL, no header a line break."""

from collections.abc import Iterator, Mapping
from typing import Any

from reconciler.definitions.checks.parameters import key_step
from reconciler.model.job import Task
from reconciler.model.provider import Finding

_HINT = "Programs are given text that ends at such a character: write the value without it."


def check_characters(task: Task, path: str) -> Iterator[Finding]:
    """Yield what keeps a task from being started as it is written, whatever its target."""
    if _is_plain(task):
        return
    for name, text in (
        ("command", task.command),
        ("executablePath", task.executable_path),
        ("script", task.script),
        ("workingDirectory", task.working_directory),
    ):
        if text is not None:
            yield from _check_text(text, f"{path}.{name}")
    for name, text in (("command", task.command), ("executablePath", task.executable_path), ("script", task.script)):
        if text is not None and not text.strip():
            yield Finding(code="TASK006", json_path=f"{path}.{name}", message=f"{name} is blank", hint="Fill it.")
    if isinstance(task.arguments, str):
        yield from _check_text(task.arguments, f"{path}.arguments")
    else:
        for index, argument in enumerate(task.arguments):
            yield from _check_text(argument, f"{path}.arguments[{index}]")
    yield from check_value_characters(task.env, f"{path}.env")
    if task.http is not None:
        for name, value in task.http.headers.items():
            where = f"{path}.http.headers{key_step(name)}"
            if isinstance(value, str) and any(char in value for char in "\r\n\0"):
                message = "a header is one line"
                yield Finding(code="TASK006", json_path=where, message=message, hint="Write it without line breaks.")


def _is_plain(task: Task) -> bool:
    """Whether a task holds nothing that has to be looked at one by one, as most do."""
    texts = [text for text in (task.command, task.executable_path, task.script) if text is not None]
    texts += [task.working_directory] if task.working_directory is not None else []
    arguments = task.arguments if isinstance(task.arguments, str) else "".join(task.arguments)
    is_simple = not task.env and task.http is None
    return is_simple and all(map(str.strip, texts)) and "\0" not in "".join([*texts, arguments])


def check_value_characters(values: Mapping[str, Any], json_path: str) -> Iterator[Finding]:
    """Yield a finding for each value that cannot become an environment variable."""
    for name, value in values.items():
        if isinstance(value, str) and "\0" in value:
            yield from _check_text(value, f"{json_path}{key_step(name)}")


def _check_text(text: str, json_path: str) -> Iterator[Finding]:
    if "\0" in text:
        yield Finding(code="TASK006", json_path=json_path, message="the text holds the character NUL", hint=_HINT)
