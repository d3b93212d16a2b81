"""What ``{secret: NAME}`` stands for: the operator's file outside Git, ``secrets.toml``.

[REGISTRY_TOKEN]
env = "CI_REGISTRY_TOKEN"       # or: file = "/etc/reconciler/token", or: command = ["pass", "show", "registry"]
jobs = ["backup-*"]             # who may use it; left out: every job
targets = ["local"]             # where; left out: every target
reports = true                  # [reports] of reconciler.toml may use it, too; left out: not
events = true                   # and [events]
"""

import subprocess
import tomllib
from collections.abc import Callable, Iterator, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import msgspec

from reconciler.model.errors import CouldNot, UsageError
from reconciler.model.job import Job
from reconciler.model.secret import Secret, SecretRef

_COMMAND_SECONDS = 30
MIN_LENGTH = 4
"""A shorter value cannot be masked in output: it would blot out every such letter."""


_REFERENCE = b'"secret":'


class _Entry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    env: str | None = None
    file: str | None = None
    command: tuple[str, ...] | None = None
    jobs: tuple[str, ...] = ("*",)
    targets: tuple[str, ...] = ("*",)
    reports: bool = False
    events: bool = False


class SecretSource:
    """Gives the secrets that the operator's file allows; each is read when it is used, and never kept."""

    def __init__(self, entries: Mapping[str, _Entry], *, environment: Mapping[str, str], path: str) -> None:
        self._entries = entries
        self._environment = environment
        self._path = path

    def for_job(self, job: Job, target: str) -> dict[str, Secret]:
        """Return every secret that ``job`` names. Raises CouldNot when one is not there or not allowed."""
        if _REFERENCE not in msgspec.json.encode(job):
            return {}  # a fortieth of the time of looking at every field
        return {name: self._reveal(name, job.id, target) for name in sorted(set(secret_names(job)))}

    def for_reports(self, name: str) -> Secret:
        """Return a secret that the operator gives to reports. Raises CouldNot when it is not there or not given."""
        return self._given(name, "reports", is_given=lambda entry: entry.reports)

    def for_events(self, name: str) -> Secret:
        """Return a secret that the operator gives to events. Raises CouldNot when it is not there or not given."""
        return self._given(name, "events", is_given=lambda entry: entry.events)

    def _given(self, name: str, what: str, *, is_given: Callable[[_Entry], bool]) -> Secret:
        entry = self._entry(name)
        if not is_given(entry):
            hint = f"The operator decides this in {self._path}: {what} = true below [{name}]."
            raise CouldNot(f"secret {name} may not be used for {what}", hint=hint)
        return Secret(self._read(name, entry))

    def for_target(self, name: str, target: str) -> Secret:
        """Return a secret that the settings of ``target`` name. Raises CouldNot as ``for_job`` does."""
        entry = self._entry(name)
        if not _allows(entry.targets, target):
            hint = f"The operator decides this in {self._path}: targets."
            raise CouldNot(f"secret {name} may not be used by target {target}", hint=hint)
        value = self._read(name, entry)
        if len(value) < MIN_LENGTH:
            raise CouldNot(f"secret {name} is shorter than {MIN_LENGTH} characters, so it cannot be hidden in messages")
        return Secret(value)

    def _entry(self, name: str) -> _Entry:
        entry = self._entries.get(name)
        if entry is None:
            hint = f"Add [{name}] with env, file or command to {self._path or 'a secrets.toml and pass --secrets'}."
            raise CouldNot(f"secret {name} is not defined on this machine", hint=hint)
        return entry

    def _reveal(self, name: str, job_id: str, target: str) -> Secret:
        entry = self._entry(name)
        if not _allows(entry.jobs, job_id) or not _allows(entry.targets, target):
            hint = f"The operator decides this in {self._path}: jobs, targets."
            raise CouldNot(f"secret {name} may not be used by job {job_id} on {target}", hint=hint)
        value = self._read(name, entry)
        if len(value) < MIN_LENGTH:
            raise CouldNot(f"secret {name} is shorter than {MIN_LENGTH} characters, so it cannot be masked in output")
        return Secret(value)

    def _read(self, name: str, entry: _Entry) -> str:
        if entry.env is not None:
            if entry.env not in self._environment:
                raise CouldNot(f"secret {name}: the environment variable {entry.env} is not set")
            return self._environment[entry.env]
        if entry.file is not None:
            try:
                return Path(entry.file).read_text(encoding="utf-8").rstrip("\n")
            except (OSError, UnicodeDecodeError) as error:
                raise CouldNot(f"secret {name}: cannot read {entry.file}: {_why(error)}") from None
        return _ask_command(name, entry.command or ())


def _ask_command(name: str, command: tuple[str, ...]) -> str:
    try:
        answer = subprocess.run(command, capture_output=True, check=True, timeout=_COMMAND_SECONDS, text=True)
    except (OSError, subprocess.SubprocessError) as error:
        # Neither its output nor the rest of the command is shown: either may hold the secret.
        raise CouldNot(f"secret {name}: its command failed ({type(error).__name__})") from None
    return answer.stdout.rstrip("\n")


def _why(error: OSError | UnicodeDecodeError) -> str:
    return (error.strerror or "error") if isinstance(error, OSError) else "it is not UTF-8"


def _allows(patterns: tuple[str, ...], name: str) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def secret_names(value: Any) -> Iterator[str]:
    """Yield the name of every secret reference inside a form, or part of one."""
    if isinstance(value, SecretRef):
        yield value.secret
    elif isinstance(value, msgspec.Struct):
        for field in value.__struct_fields__:
            yield from secret_names(getattr(value, field))
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from secret_names(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from secret_names(item)


def read_secrets(path: Path | None, *, environment: Mapping[str, str]) -> SecretSource:
    """Read the operator's file; without one there are no secrets. Raises UsageError or CouldNot."""
    if path is None:
        return SecretSource({}, environment=environment, path="")
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
        entries = msgspec.convert(data, type=dict[str, _Entry])
    except OSError as error:
        raise CouldNot(f"cannot read {path}: {error.strerror}", hint="Check --secrets or RECONCILER_SECRETS.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as error:
        raise UsageError(f"{path}: {error}", hint="Each table names one secret: env, file or command.") from None
    for name, entry in entries.items():
        if sum(source is not None for source in (entry.env, entry.file, entry.command)) != 1:
            raise UsageError(f"{path}: [{name}] needs exactly one of env, file, command")
    return SecretSource(entries, environment=environment, path=str(path))
