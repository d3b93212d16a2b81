"""A remote and the git that talks to it: which protocols, whose settings, how long, and no secret in what it says."""

import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, unquote, urlsplit

from reconciler.git.command import Finished, TookTooLong, network_environment, run_git
from reconciler.git.remotes import protocols_for, public_url, remote_url
from reconciler.git.user_settings import LOGIN_KEYS, as_global_settings, read_user_settings
from reconciler.model.errors import CouldNot
from reconciler.model.text import escape_text

if TYPE_CHECKING:
    from reconciler.git.repository import Repository

_ALIAS = "reconciler-remote"


class Remote:
    """One remote of a repository, for as long as one exchange may take."""

    def __init__(
        self, repository: "Repository", name: str, *, url: str, seconds: float, environment: Mapping[str, str]
    ) -> None:
        self.name = name
        self.public_url = public_url(url)
        self._url = url
        self._folder = repository.root
        self._environment = environment
        self.seconds = seconds
        self._deadline = time.monotonic() + seconds

    def run(self, command: str, options: Sequence[str], refs: Sequence[str]) -> Finished:
        """Run ``git <command> <options> <this remote> <refs>``. Raises CouldNot when the time is over."""
        left = self._deadline - time.monotonic()
        try:
            finished = run_git(
                [command, *options, "--", _ALIAS, *refs],
                folder=self._folder,
                environment=self._environment,
                seconds=max(0.05, left),
            )
        except TookTooLong as error:
            raise CouldNot(
                f"{self.name} ({self.public_url}) gave no answer within {self.seconds:g} s",
                hint="Look whether the remote can be reached: git ls-remote " + self.name,
            ) from error
        return Finished(finished.code, finished.out, self._redact(finished.err))

    def said(self, finished: Finished) -> str:
        """Return both outputs of a command as text that is safe to show."""
        return self._redact(escape_text(finished.out.decode("utf-8", "replace"), keep_lines=True)) + finished.err

    def failure(self, command: str, finished: Finished) -> CouldNot:
        """Return the error for a command that failed: what the remote said, and what to do about it."""
        said = self.said(finished)
        hint = next((hint for words, hint in _HINTS if words in said), "")
        rejected = dict.fromkeys(_REJECTED.findall(said))
        remote_lines = [line.strip() for line in _REMOTE_LINE.findall(said) if line.strip()]
        reason = "; ".join([*rejected, *remote_lines[:_MOST_REMOTE_LINES]]) or finished.complaint
        return CouldNot(f"git {command} {self.name} ({self.public_url}) failed: {reason}", hint=hint)

    def _redact(self, text: str) -> str:
        text = text.replace(self._url, self.public_url).replace(f"'{_ALIAS}'", f"'{self.name}'")
        for secret in _secrets_of(self._url):
            text = text.replace(secret, "***")
        return _USERINFO.sub("//***@", text)


@contextmanager
def open_remote(repository: "Repository", name: str, *, for_push: bool, seconds: float) -> Iterator[Remote]:
    """Yield the remote ``name``. Raises CouldNot when there is none, UsageError for a URL that is not used."""
    url = remote_url(repository, name, for_push=for_push)
    protocols = protocols_for(url)
    with as_global_settings(read_user_settings(LOGIN_KEYS)) as user:
        # Under a name of ours: the URL, and a password in it, stays out of process lists, and what else the
        # repository's settings say of the remote (a program to start on the other side) is not asked for.
        environment = network_environment(protocols=protocols, settings=[(f"remote.{_ALIAS}.url", url)])
        environment |= {**repository.where, **user}
        yield Remote(repository, name, url=url, seconds=seconds, environment=environment)


_REJECTED = re.compile(r"^!\t[^\t]*\t\[(?:remote )?rejected\] \(([^()\n]*)\)", re.MULTILINE)
_REMOTE_LINE = re.compile(r"^remote:(.*)", re.MULTILINE)
_MOST_REMOTE_LINES = 5
_USERINFO = re.compile(r"//[^/@\s']+@")
_HINTS = (
    ("Authentication failed", "Give this machine a login for the remote, e.g. a credential helper or a deploy key."),
    ("could not read Username", "Give this machine a login for the remote, e.g. a credential helper or a deploy key."),
    ("Permission denied", "Give this machine a key that may write to the remote."),
    ("Host key verification failed", "Log in once by hand, so that the remote's host key is known: ssh HOST"),
    ("not allowed", "Only https and ssh are used, and folders of this machine."),
    ("couldn't find remote ref", "Look what branches the remote has: git ls-remote --heads REMOTE"),
    ("does not appear to be a git repository", "Look at the remote's URL: git remote -v"),
    ("pre-receive hook declined", "A rule of the remote forbids it: allow the reports branch and refs/notes there."),
    ("protected branch", "A rule of the remote forbids it: allow the reports branch and refs/notes there."),
)


def _secrets_of(url: str) -> list[str]:
    """Return the parts of ``url`` that nobody else may see: password, a token as user name, values of the query."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return []
    if not parts.scheme:
        return []
    values = [parts.password or parts.username or "", parts.query, *(value for _, value in parse_qsl(parts.query))]
    secrets = {text for value in values for text in (value, unquote(value)) if len(text) > 3}
    return sorted(secrets, key=len, reverse=True)
