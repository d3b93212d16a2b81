"""The accounts that tasks may have here: which the target allows, and what a session of theirs adds."""

import os
import re
from collections.abc import Sequence
from pathlib import Path

from reconciler.model.errors import TargetRefused
from reconciler.model.job import ExecutionType

NAME_PATTERN = r"^[A-Za-z_][A-Za-z0-9_.-]{0,31}\$?$"
SESSION_TYPES = frozenset({ExecutionType.USER, ExecutionType.USER_ELEVATED, ExecutionType.USER_DESKTOP})
_NAME = re.compile(NAME_PATTERN.rstrip("$") + r"\Z")
_DESKTOP = ("DISPLAY", "WAYLAND_DISPLAY", "XAUTHORITY", "XDG_SESSION_ID", "XDG_CURRENT_DESKTOP")


def is_account_name(name: str) -> bool:
    return _NAME.match(name) is not None


def account_environment(name: str, kind: ExecutionType, *, allowed: Sequence[str]) -> tuple[str | None, dict[str, str]]:
    """Return the account that the engine has to change to (None: it is ours), and what its environment has.

    Raises TargetRefused where that cannot be.
    """
    import pwd  # noqa: PLC0415 - not on Windows, where definitions are validated too

    if name not in allowed:
        raise TargetRefused(f"runAs {name}: the target's settings do not list this account in accounts")
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        raise TargetRefused(f"runAs {name}: this machine has no such account") from None
    if os.geteuid() not in {0, entry.pw_uid}:
        raise TargetRefused(f"runAs {name}: only root may use another account", hint="Run reconciler as root.")
    environment = {"HOME": entry.pw_dir, "USER": name, "LOGNAME": name, "SHELL": entry.pw_shell or "/bin/sh"}
    if kind in SESSION_TYPES:
        environment |= _session(entry.pw_uid)
    if kind is ExecutionType.USER_DESKTOP:
        environment |= _desktop(name, entry.pw_uid)
    return (None if entry.pw_uid == os.geteuid() else name), environment


def _session(uid: int) -> dict[str, str]:
    runtime = Path(f"/run/user/{uid}")
    if not runtime.is_dir():
        return {}
    bus = {"DBUS_SESSION_BUS_ADDRESS": f"unix:path={runtime}/bus"} if (runtime / "bus").exists() else {}
    return {"XDG_RUNTIME_DIR": str(runtime), **bus}


def _desktop(name: str, uid: int) -> dict[str, str]:
    """Return how programs of the user's reach the screen, as one of them has it that is there already."""
    for folder in Path("/proc").iterdir():
        try:
            if not folder.name.isdigit() or folder.stat().st_uid != uid:
                continue
            entries = (folder / "environ").read_bytes().split(b"\0")
        except OSError:
            continue  # it has just ended
        found = _variables(entries)
        if "DISPLAY" in found or "WAYLAND_DISPLAY" in found:
            return found
    raise TargetRefused(f"runAs {name}: nobody is logged in to a desktop as {name}")


def _variables(entries: Sequence[bytes]) -> dict[str, str]:
    pairs = (os.fsdecode(entry).partition("=") for entry in entries)
    return {name: value for name, _, value in pairs if name in _DESKTOP and value}
