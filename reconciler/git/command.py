"""How git is started: a fixed environment, fixed settings, deadlines, and its complaints as our errors.

A definition, a branch or a file in the commit under review reaches none of this.  The user's and the system's Git
configuration are not read, but for the few keys that a network command needs (``network_settings``).
"""

import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from reconciler.model.errors import CouldNot
from reconciler.model.text import escape_text

LOCAL_SECONDS = 300.0
"""No command that stays on this machine takes longer."""

IDENTITY_NAME = "reconciler"
IDENTITY_EMAIL = "reconciler@localhost"

INSTALL_HINT = "Install Git 2.31 or newer."

_SETTINGS = (
    ("core.hooksPath", os.devnull),
    ("core.fsmonitor", "false"),
    ("core.attributesFile", os.devnull),
    ("fetch.fsckObjects", "true"),
    ("transfer.fsckObjects", "true"),
    ("submodule.recurse", "false"),
    ("fetch.recurseSubmodules", "false"),
    ("push.recurseSubmodules", "no"),
    ("push.followTags", "false"),
    ("push.gpgSign", "false"),
    ("protocol.ext.allow", "never"),
    ("core.fsync", "committed,pack-metadata,reference"),
)
_FIXED = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_SYSTEM": os.devnull,
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_LITERAL_PATHSPECS": "1",
    # What a commit id names is what we read: no replacement that this clone alone knows, and no object fetched on
    # the way from a partial clone's remote.
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_AUTHOR_NAME": IDENTITY_NAME,
    "GIT_AUTHOR_EMAIL": IDENTITY_EMAIL,
    "GIT_COMMITTER_NAME": IDENTITY_NAME,
    "GIT_COMMITTER_EMAIL": IDENTITY_EMAIL,
    "LC_ALL": "C",
    "LANGUAGE": "C",
}
# The quarantine of a push under way, so that a pre-receive hook can validate what it was sent.
_OBJECT_PLACES = ("GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_QUARANTINE_PATH", "GIT_EXEC_PATH")
_LOCAL_NAMES = frozenset(
    {
        *("PATH", "HOME", "USERPROFILE", "TMPDIR", "TEMP", "TMP", "SYSTEMROOT", "COMSPEC", "PATHEXT", "SUDO_UID"),
        *("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", *_OBJECT_PLACES),
    }
)
_NETWORK_NAMES = frozenset(
    {
        *("GIT_SSH", "GIT_SSH_COMMAND", "GIT_SSH_VARIANT", "GIT_ASKPASS", "GIT_PROXY_COMMAND", *_OBJECT_PLACES),
        *("GIT_SSL_CAINFO", "GIT_SSL_CAPATH", "GIT_SSL_CERT", "GIT_SSL_KEY", "GIT_HTTP_PROXY_AUTHMETHOD"),
    }
)


def local_environment(more: Mapping[str, str] = {}, *, settings: Sequence[tuple[str, str]] = ()) -> dict[str, str]:
    """Return the environment of a git that stays on this machine: an allow-list, and no protocol at all."""
    environment = {name: value for name, value in os.environ.items() if name in _LOCAL_NAMES}
    environment |= _FIXED | {"GIT_ALLOW_PROTOCOL": "none"} | settings_environment((*settings, *_SETTINGS))
    return environment | dict(more)


def user_environment() -> dict[str, str]:
    """Return the environment in which git reads the user's and the system's settings, to show us a few of them."""
    environment = local_environment()
    for name in ("GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "GIT_CONFIG_NOSYSTEM", "XDG_CONFIG_HOME"):
        environment.pop(name, None)
        if name in os.environ:
            environment[name] = os.environ[name]
    return environment


def network_environment(*, protocols: str, settings: Sequence[tuple[str, str]] = ()) -> dict[str, str]:
    """Return the environment of a git that talks to a remote.

    It has the caller's variables, since credential helpers, ssh agents and proxies live on them, but none that
    moves Git to another repository or makes it trace.
    """
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("GIT_") or name in _NETWORK_NAMES
    }
    return environment | _FIXED | {"GIT_ALLOW_PROTOCOL": protocols} | settings_environment((*settings, *_SETTINGS))


def settings_environment(settings: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return ``settings`` as Git takes them from the environment: no secret in them shows in a process list."""
    environment: dict[str, str] = {}
    count = 0
    for key, value in settings:
        environment[f"GIT_CONFIG_KEY_{count}"] = key
        environment[f"GIT_CONFIG_VALUE_{count}"] = value
        count += 1
    environment["GIT_CONFIG_COUNT"] = str(count)
    return environment


class TookTooLong(CouldNot):
    """Git had not ended at its deadline, and was ended."""


class Finished(NamedTuple):
    """How a git ended; ``err`` is its standard error as text, made safe to show."""

    code: int
    out: bytes
    err: str

    @property
    def complaint(self) -> str:
        """The line of standard error that says why: the first ``fatal:`` or ``error:``, else the last line."""
        lines = [line.strip() for line in self.err.splitlines() if line.strip()]
        for mark in ("fatal: ", "error: ", "ERROR: "):
            for line in lines:
                if line.startswith(mark):
                    return line.removeprefix(mark)
        return lines[-1] if lines else f"git ended with {self.code}"


def run_git(
    arguments: Sequence[str],
    *,
    folder: Path,
    environment: Mapping[str, str],
    data: bytes = b"",
    seconds: float = LOCAL_SECONDS,
) -> Finished:
    """Run git to its end, whatever its exit code. Raises CouldNot without a git, TookTooLong past ``seconds``."""
    process = start_git(arguments, folder=folder, environment=environment, stderr=subprocess.PIPE)
    try:
        out, err = process.communicate(data, timeout=seconds)
    except subprocess.TimeoutExpired:
        raise TookTooLong(f"git {arguments[0]} gave no answer within {seconds:g} s") from None
    finally:
        stop_git(process)
    return Finished(process.returncode, out, escape_text(err.decode("utf-8", "replace"), keep_lines=True, limit=20_000))


def start_git(
    arguments: Sequence[str], *, folder: Path, environment: Mapping[str, str], stderr: int = subprocess.DEVNULL
) -> subprocess.Popen[bytes]:
    """Start git with pipes on standard input and output, in a process group of its own."""
    try:
        return subprocess.Popen(
            ["git", *arguments],
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            bufsize=1 << 18,
            start_new_session=True,
        )
    except FileNotFoundError:
        if not folder.is_dir():
            raise CouldNot(f"{folder}: folder does not exist") from None
        raise CouldNot("git is not installed, or not on PATH", hint=INSTALL_HINT) from None
    except OSError as error:
        raise CouldNot(f"git cannot be started in {folder}: {error.strerror}") from None


def stop_git(process: subprocess.Popen[bytes]) -> None:
    """End ``process`` and every helper it started (ssh, a credential helper) if it has not ended; close its pipes."""
    if process.poll() is None:
        _kill_group(process)
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe is not None and not pipe.closed:
            try:
                pipe.close()
            except BrokenPipeError:
                continue  # it ended with some of its input unread
    process.wait()


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    if sys.platform == "win32":
        process.kill()
        return
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        process.kill()
