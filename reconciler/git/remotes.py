"""What GitPython knows of a repository: its remotes, refs and settings. The only module that imports it.

It reads files and starts no git in the repository; what runs, runs through ``command.py``.
"""

import difflib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

import git

from reconciler.git.names import check_remote
from reconciler.model.errors import CouldNot, UsageError
from reconciler.model.text import escape_text

if TYPE_CHECKING:
    from reconciler.git.repository import Repository

# user@host:path, as ssh takes it; one letter before the colon is a drive of Windows.
_SCP = re.compile(r"(?:(?P<user>[A-Za-z0-9._-]+)@)?(?P<host>[A-Za-z0-9][A-Za-z0-9.-]+):(?P<path>(?!/?/)[^:].*)")
_SCHEMES = {"https": "https", "ssh": "ssh", "git+ssh": "ssh", "file": "file"}


def repository_name(repository: "Repository") -> str:
    """See ``Repository.name``."""
    with _opened(repository) as repo:
        urls = {remote.name: _url_of(remote) for remote in repo.remotes}
    url = urls.get("origin", "")
    return public_url(url) if url else repository.root.name.removesuffix(".git")


def remote_url(repository: "Repository", name: str, *, for_push: bool) -> str:
    """Return the URL of a remote. Raises CouldNot, with the remotes that there are, for one that is not there."""
    check_remote(name)
    with _opened(repository) as repo:
        remotes = {remote.name: (for_push and _url_of(remote, "pushurl")) or _url_of(remote) for remote in repo.remotes}
    if not remotes.get(name):
        known = ", ".join(sorted(remotes)) or "none"
        raise CouldNot(
            f"{repository.root}: there is no remote '{name}'",
            hint=f"Known remotes: {known}.  Add it: git remote add {name} URL",
        )
    return remotes[name]


def similar_refs(repository: "Repository", ref: str) -> list[str]:
    """Return names of branches and tags that look like ``ref``, the most alike first."""
    with _opened(repository) as repo:
        names = [reference.path.split("/", 2)[-1] for reference in repo.references]
    return difflib.get_close_matches(ref, names, n=3)


def protocols_for(url: str) -> str:
    """Return the protocols Git may use for ``url``, as GIT_ALLOW_PROTOCOL: https and ssh, file for a local path.

    Raises UsageError for any other: a program as a protocol (``ext::``), an option, or a line in the clear.
    """
    scheme, separator, _ = url.partition("://")
    if url.startswith("-") or "::" in url or not url.isprintable() or not url:
        raise UsageError(f"remote URL '{_shown(url)}' is not one that is used", hint=_URL_HINT)
    if not separator:
        return "ssh" if _SCP.fullmatch(url) else "file"
    if scheme not in _SCHEMES:
        raise UsageError(f"remote URL '{_shown(url)}': {escape_text(scheme)} is not used", hint=_URL_HINT)
    return "file" if scheme == "file" else "https:ssh"


def public_url(url: str) -> str:
    """Return ``url`` without user, password, query and fragment: what a report may show."""
    scp = _SCP.fullmatch(url) if "://" not in url else None
    if scp:
        return f"{scp['host']}:{scp['path']}"
    if "://" not in url:
        return url
    try:
        parts = urlsplit(url)
    except ValueError:
        return url.partition("://")[0] + "://"
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


@contextmanager
def _opened(repository: "Repository") -> Iterator[git.Repo]:
    try:
        repo = git.Repo(repository.git_dir, expand_vars=False)
    except (git.GitError, OSError) as error:
        raise CouldNot(f"{repository.root}: the repository's settings cannot be read: {error}") from None
    try:
        yield repo
    finally:
        repo.close()


def _url_of(remote: git.Remote, option: str = "url") -> str:
    return str(remote.config_reader.get(option, fallback=""))


def _shown(url: str) -> str:
    return escape_text(public_url(url), limit=200)


_URL_HINT = "Use an https:// or ssh:// URL, git@host:path, or the path of a folder."
