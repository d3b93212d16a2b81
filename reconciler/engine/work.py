"""Orders as the supervisor reads them: plain values, because it does without any library."""

import os
from typing import Any, NamedTuple

OUTPUT_VARIABLE = "RECONCILER_OUTPUT"


class Task(NamedTuple):
    """As ``order.TaskOrder``."""

    id: str
    argv: list[str]
    script: str | None
    script_suffix: str
    env: dict[str, str]
    cwd: str | None
    timeout_seconds: float | None
    continue_on_failure: bool
    success_exit_codes: list[int]


class Order(NamedTuple):
    """As ``order.RunOrder``."""

    uid: str
    tasks: list[Task]
    timeout_seconds: float | None
    output_bytes: int
    grace_seconds: float
    masks: list[str]


def read_order(plain: dict[str, Any]) -> Order:
    """Build an order from its JSON form. Raises TypeError or KeyError where a field is missing or unknown."""
    return Order(**{**plain, "tasks": [Task(**task) for task in plain["tasks"]]})


def output_file(uid: str, index: int) -> str:
    """The file that RECONCILER_OUTPUT names for a task, in the spool folder."""
    return f"{uid}.{index}.outputs"


def script_file(uid: str, index: int, suffix: str) -> str:
    return f"{uid}.{index}.script{os.path.basename(suffix)}"
