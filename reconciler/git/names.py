"""Names that reach Git's command line or its pipes: refused here, before Git is called, when they are not plain."""

import re

from reconciler.model.errors import UsageError
from reconciler.model.text import escape_text

_SHA = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_STEPS = re.compile(r"(?:[~^][0-9]{0,5}){0,8}\Z")
_REMOTE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_FORBIDDEN = frozenset(" ~^:?*[\\")


def check_sha(sha: str) -> str:
    """Return ``sha`` when it is a full object id: 40 or 64 lower-case hex digits."""
    if not _SHA.fullmatch(sha):
        raise UsageError(f"{_shown(sha)} is not a full commit id", hint="Give all 40 digits, in lower case.")
    return sha


def check_ref(ref: str) -> str:
    """Return ``ref`` when it is a branch, tag, ref or commit id, with ``~N`` or ``^N`` behind it at most."""
    name = _STEPS.sub("", ref)
    if not _is_ref_name(name):
        raise UsageError(
            f"{_shown(ref)} is not a name of a commit",
            hint="Give a branch, a tag or a commit id, e.g. main, v1.2, HEAD~1 or 3f9a02c.",
        )
    return ref


def check_branch(branch: str) -> str:
    """Return ``branch`` when a branch may have this short name."""
    if not _is_ref_name(branch) or branch == "HEAD" or branch.startswith("refs/"):
        raise UsageError(f"{_shown(branch)} is not a branch name", hint="Give a short name, e.g. reconciler-reports.")
    return branch


def check_remote(remote: str) -> str:
    """Return ``remote`` when a remote may have this name; a URL is refused."""
    if not _REMOTE.fullmatch(remote) or ".." in remote:
        raise UsageError(
            f"{_shown(remote)} is not the name of a remote",
            hint="Give a name that `git remote` lists, e.g. origin; not a URL.",
        )
    return remote


def check_path(path: str) -> str:
    """Return ``path`` when it is relative to the repository's root, with ``/``, and stays inside."""
    parts = path.split("/")
    if not path or not all(is_plain_part(part) for part in parts) or not path.isprintable() or "\\" in path:
        raise UsageError(
            f"{_shown(path)} is not a path inside the repository",
            hint="Give a path relative to the repository's root, with /, e.g. definitions or ops/definitions.",
        )
    return path


def is_plain_part(part: str) -> bool:
    """Whether ``part`` may be one component of a path in a tree: what Git itself would have refused is not."""
    return part not in {"", ".", ".."} and "/" not in part and "\0" not in part and part.casefold() != ".git"


def _is_ref_name(name: str) -> bool:
    if not name or len(name) > 250 or name.startswith("-") or name in {"@", "FETCH_HEAD"} or "@{" in name:
        return False
    if ".." in name or name.endswith(".") or not name.isprintable() or _FORBIDDEN.intersection(name):
        return False
    return all(part and not part.startswith(".") and not part.endswith(".lock") for part in name.split("/"))


def _shown(text: str) -> str:
    return f"'{escape_text(text, limit=100)}'"
