"""Paths of script files, and what a script asks for that nobody gives."""

import re
from collections.abc import Iterator

from reconciler.definitions.suggest import quote
from reconciler.model.provider import Finding

_OUTSIDE = re.compile(
    r"/|\\|[A-Za-z]:|[A-Za-z][A-Za-z0-9+.-]*://|~"  # absolute, UNC, drive, URL, home
)
_ENCODED = re.compile(r"%(?:2[eEfF]|5[cC])")
_ASKS = re.compile(
    r"^(?![ \t]*#)[^\n#]*?(?:\bRead-Host\b|(?<![\w-])read[ \t]+(?:-\w+[ \t]+)*-\w*p\b|(?<![\w.])(?:raw_)?input\("
    r"|\bgetpass\(|\bpause\b[ \t]*$|\breconciler[ \t]+ask\b)",
    re.MULTILINE,
)

_ASKING = ("Read-Host", "read", "input(", "getpass(", "pause", "ask")
"""One of these is in each script that the expression matches; looking for them is quicker."""


def check_script_path(path: str, json_path: str) -> Iterator[Finding]:
    """Yield a finding where ``path`` could name anything but a file under the definitions folder."""
    if _is_plain(path):
        return
    message = f"path must stay inside the repository: {quote(path)}"
    hint = "Write it relative to the definitions folder, with /, such as scripts/clean.sh."
    shorter = "/".join(step for step in path.split("/") if step not in {"", "."})
    if not _OUTSIDE.match(path) and _is_plain(shorter):
        message, hint = f"a path is written without `.` and empty parts: {quote(path)}", f"Write {shorter}."
    yield Finding(code="PATH001", json_path=json_path, message=message, hint=hint)


def _is_plain(path: str) -> bool:
    is_odd = _OUTSIDE.match(path) or "\\" in path or _ENCODED.search(path) or not path.isprintable()
    return not is_odd and not any(step in {"", ".", ".."} for step in path.split("/"))


def asks_for_input(script: str) -> bool:
    """True where a script seems to wait for a person."""
    return any(map(script.__contains__, _ASKING)) and _ASKS.search(script) is not None
