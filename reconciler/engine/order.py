"""What the engine is asked to run.

Every string is final: the engine looks into none of them, but for what stands between two NUL characters, which no
argument and no value can hold.  That is how a script's place (``SCRIPT_FILE``) and an earlier task's output
(``late_token``) are written, so that a value is never read a second time.  Bytes that are not UTF-8 are written as
``os.fsdecode`` does.
"""

import re

from msgspec import Struct

SCRIPT_FILE = "\0script\0"
"""Stands in ``argv`` for the path of the file that holds ``TaskOrder.script``."""

UID_PATTERN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}\Z")


def late_token(name: str) -> str:
    """Return what to write for the token ``tasks.ID.outputs.NAME``: the engine fills it when the task starts."""
    return f"\0{{{name}}}\0"


class TaskOrder(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One step: a program with its arguments.

    ``env`` is all that the child gets, but for RECONCILER_OUTPUT, which the engine adds.  ``argv[0]`` without a slash
    is looked up in the PATH of ``env``.  ``script`` is written to a file named ``SCRIPT_FILE`` + ``script_suffix``.
    ``cwd`` None is ``/``, or the home of ``account``.  ``account`` None is the engine's own; another needs root.
    ``is_elevated``: that account, with the rights of root.
    """

    id: str
    argv: tuple[str, ...]
    script: str | None = None
    script_suffix: str = ""
    env: dict[str, str] = {}
    cwd: str | None = None
    timeout_seconds: float | None = None
    continue_on_failure: bool = False
    success_exit_codes: tuple[int, ...] = (0,)
    account: str | None = None
    is_elevated: bool = False


class RunLimits(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a run may use; None: what the engine itself may. Linux only.

    ``memory_bytes`` is the data of each of its processes, and what all of them have in memory together; ``open_files``
    is of each of its processes; ``processes`` counts all of a task at once.
    """

    memory_bytes: int | None = None
    open_files: int | None = None
    processes: int | None = None


class RunOrder(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Tasks that run one after the other.

    ``output_bytes`` is the cap on what is kept of the output of all tasks; 0: none is ever written down.
    ``grace_seconds`` lie between TERM and KILL.  What outlives a program may go on for ``drain_seconds``, then it is
    ended.  ``masks`` are secret values, replaced by ``***`` wherever the output shows them.

    Of runs that wait for their turn the one of the highest ``priority`` starts first, then the oldest.  No more than
    ``machine_runs`` are under way at once: what the order says that came last.  One that has not started when
    ``start_before`` has come, in microseconds since 1970, is expired.
    """

    uid: str
    tasks: tuple[TaskOrder, ...]
    timeout_seconds: float | None = None
    output_bytes: int = 1 << 20
    grace_seconds: float = 5
    drain_seconds: float = 1
    masks: tuple[str, ...] = ()
    limits: RunLimits = RunLimits()
    priority: int = 5
    machine_runs: int = 64
    start_before: int | None = None
