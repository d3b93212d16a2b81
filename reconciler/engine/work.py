"""Orders as the supervisor reads them: plain values, because it does without any library."""

import os
from collections.abc import Iterator
from typing import Any, NamedTuple

OUTPUT_VARIABLE = "RECONCILER_OUTPUT"
MACHINE_RUNS = 64
URL_VARIABLE = "RECONCILER_URL"
TOKEN_VARIABLE = "RECONCILER_TOKEN"  # noqa: S105 - the name, not the token


_SECRET = frozenset({"argv", "env", "cwd", "script", "masks", "token", "answers"})


class Task(NamedTuple):
    """As ``order.TaskOrder``."""

    id: str
    argv: list[str]
    script: str | None = None
    script_suffix: str = ""
    env: dict[str, str] = {}
    cwd: str | None = None
    timeout_seconds: float | None = None
    continue_on_failure: bool = False
    success_exit_codes: list[int] = [0]
    account: str | None = None
    is_elevated: bool = False


class Limits(NamedTuple):
    """As ``order.RunLimits``."""

    memory_bytes: int | None = None
    open_files: int | None = None
    processes: int | None = None


class Order(NamedTuple):
    """As ``order.RunOrder``, with what the supervisor adds and never writes down.

    ``token`` is what a task shows when it asks something of us, ``answers`` what it was told in secret, by key.
    """

    uid: str
    tasks: list[Task]
    timeout_seconds: float | None = None
    output_bytes: int = 1 << 20
    grace_seconds: float = 5
    drain_seconds: float = 1
    masks: list[str] = []
    limits: Limits = Limits()
    priority: int = 5
    machine_runs: int = MACHINE_RUNS
    start_before: int | None = None
    token: str = ""
    answers: dict[str, str] = {}


def read_order(plain: dict[str, Any]) -> Order:
    """Build an order from its JSON form. Raises TypeError or KeyError where one is missing that must be, or unknown."""
    limits = Limits(**plain.get("limits", {}))
    return Order(**{**plain, "tasks": [Task(**task) for task in plain["tasks"]], "limits": limits})


def without_secrets(plain: dict[str, Any]) -> dict[str, Any]:
    """Return the JSON form of an order with nothing in it that may be a secret: the journal's."""
    tasks = [_without_secrets(task) for task in plain["tasks"]]
    return {name: value for name, value in plain.items() if name not in _SECRET} | {"tasks": tasks}


def _without_secrets(task: dict[str, Any]) -> dict[str, Any]:
    public = {name: value for name, value in task.items() if name not in _SECRET}
    # That there is a script says which files there may be.
    return {**public, "argv": []} if task.get("script") is None else {**public, "argv": [], "script": ""}


def output_file(uid: str, index: int) -> str:
    """The file that RECONCILER_OUTPUT names for a task, in the spool folder."""
    return f"{uid}.{index}.outputs"


def script_file(uid: str, index: int, suffix: str) -> str:
    return f"{uid}.{index}.script{os.path.basename(suffix)}"


def scratch_files(order: Order) -> Iterator[str]:
    """Yield the names of the files that tasks of ``order`` may have in the spool folder, beside its output."""
    for index, task in enumerate(order.tasks):
        yield output_file(order.uid, index)
        if task.script is not None:
            yield script_file(order.uid, index, task.script_suffix)
