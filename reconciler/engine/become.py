"""Becomes a task's program, after what posix_spawn cannot do: another account, limits.

``python -I -S -X utf8 become.py``, with the request as JSON at file 3; what goes wrong is written to file 4, which
closes when the program has been reached.  It keeps its pid, and is started as root where there is an account, so it
imports nothing but the standard library and takes nothing from the task's environment.
"""

import json
import os
import resource
import signal
from typing import Any

REQUEST, REPORT = 3, 4
_PR_SET_KEEPCAPS = 8
_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE = 47, 2
_CAPABILITY_VERSION_3 = 0x20080522
_MOST_CAPABILITIES = 64


def main() -> None:
    os.set_inheritable(REPORT, False)
    with open(REQUEST, "rb") as file:
        request = json.load(file)
    what = "the account"
    try:
        if request["account"]:
            _change_account(request["account"], is_elevated=request["elevated"])
        what = f"working directory {request['cwd']!r}"
        os.chdir(request["cwd"])
        what = request["path"]
        # Python ignores these, and what is ignored stays so over exec.
        for number in (signal.SIGPIPE, signal.SIGXFSZ):
            signal.signal(number, signal.SIG_DFL)
        # Last of all, since they hold for this program too.
        for name, value in request["limits"].items():
            _set_limit(getattr(resource, name), value)
        os.execve(request["path"], request["argv"], request["env"])  # noqa: S606 - no shell, rightly
    except (OSError, ValueError) as error:
        words = error.strerror if isinstance(error, OSError) else str(error)
        os.write(REPORT, json.dumps([what, words, error.errno if isinstance(error, OSError) else 0]).encode())
    os._exit(126)


def _set_limit(number: int, value: int) -> None:
    _, hard = resource.getrlimit(number)
    value = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(number, (value, value))


def _change_account(account: dict[str, Any], *, is_elevated: bool) -> None:
    """Become the user for good; ``is_elevated``: with the rights that root has, which its programs inherit."""
    os.initgroups(account["name"], account["gid"])
    os.setresgid(account["gid"], account["gid"], account["gid"])
    if is_elevated:
        _libc("prctl", _PR_SET_KEEPCAPS, 1, 0, 0, 0)
    os.setresuid(account["uid"], account["uid"], account["uid"])
    if is_elevated:
        _raise_capabilities()


def _raise_capabilities() -> None:
    """Make all that is permitted effective, and have it survive exec. Source: capabilities(7)."""
    import ctypes  # noqa: PLC0415 - most starts do without

    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    # Two times (effective, permitted, inheritable), the lower 32 capabilities first.
    sets = (ctypes.c_uint32 * 6)()
    _libc("capget", header, sets)
    for first in (0, 3):
        sets[first] = sets[first + 2] = sets[first + 1]
    _libc("capset", header, sets)
    for number in range(_MOST_CAPABILITIES):
        if sets[1 + 3 * (number // 32)] >> number % 32 & 1:
            _libc("prctl", _PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, number, 0, 0)


def _libc(name: str, *arguments: Any) -> None:
    import ctypes  # noqa: PLC0415

    if getattr(ctypes.CDLL(None, use_errno=True), name)(*arguments):
        code = ctypes.get_errno()
        raise OSError(code, f"{os.strerror(code)} ({name})")


if __name__ == "__main__":
    main()
