"""Which starts go by way of ``become.py``, and what it is asked; it costs some 15 ms, so most starts do not."""

import json
import os
import sys
from typing import NamedTuple

from reconciler.engine.scratch import Account
from reconciler.engine.spawner import Program
from reconciler.engine.wire import IS_LINUX
from reconciler.engine.work import OUTPUT_VARIABLE, Limits, Task

_BECOME = os.path.join(os.path.dirname(os.path.abspath(__file__)), "become.py")


class Needs(NamedTuple):
    """What a program has to be given before it is reached; ``limits`` are by name in the module ``resource``."""

    account: Account | None
    is_elevated: bool
    limits: dict[str, int]


def needs_of(limits: Limits, account: Account | None, task: Task) -> Needs | None:
    """Return what needs the detour, None where nothing does."""
    # Not the address space: there, programs reserve what they never use.
    plain = {"RLIMIT_DATA": limits.memory_bytes, "RLIMIT_NOFILE": limits.open_files}
    given = {name: value for name, value in plain.items() if value is not None and IS_LINUX}
    return Needs(account, task.is_elevated, given) if account or given else None


def home_of(account: Account) -> str:
    return account.home if os.path.isdir(account.home) else "/"


def through_shim(program: Program, needs: Needs, output_path: str) -> Program:
    """Return the program that becomes ``program``; it is known by its RECONCILER_OUTPUT from the start."""
    request = {
        "account": needs.account._asdict() if needs.account else None,
        "elevated": needs.is_elevated,
        "limits": needs.limits,
        "path": program.path,
        "argv": [os.fsdecode(text) for text in program.argv],
        "env": dict(os.fsdecode(entry).split("=", 1) for entry in program.env),
        "cwd": program.cwd,
    }
    argv = [sys.executable, "-I", "-S", "-X", "utf8", _BECOME]
    return Program(
        sys.executable,
        [os.fsencode(text) for text in argv],
        [os.fsencode(f"{OUTPUT_VARIABLE}={output_path}")],
        "/",
        program.stdio,
        json.dumps(request).encode(),
    )
