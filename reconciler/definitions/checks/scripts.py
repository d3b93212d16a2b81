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
    steps = path.split("/")
    if (
        _OUTSIDE.match(path)
        or "\\" in path
        or _ENCODED.search(path)
        or any(step in {"", ".", ".."} for step in steps)
        or not path.isprintable()
    ):
        message = f"path must stay inside the repository: {quote(path)}"
        hint = "Write it relative to the definitions folder, with /, such as scripts/clean.sh."
        yield Finding(code="PATH001", json_path=json_path, message=message, hint=hint)


def asks_for_input(script: str) -> bool:
    """True where a script seems to wait for a person."""
    if not any(word in script for word in _ASKING):
        return False
    return _ASKS.search(script) is not None
