"""What a form holds that a reviewer asks for: secrets, accounts, hosts, characters that cannot be seen."""

from collections.abc import Iterator
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from msgspec import Struct, structs

from reconciler.model.forms import Form
from reconciler.model.job import Devices, ExecutionType, Job, Task
from reconciler.model.secret import SecretRef
from reconciler.model.text import reorders_text, unseen_characters

_ALMIGHTY = frozenset(
    {"root", "administrator", "system", "localsystem", "builtin\\administrators"}
    | {f"{authority}\\{name}" for authority in (".", "nt authority") for name in ("administrator", "system")}
    | {"nt authority\\localsystem"}
)


@lru_cache(maxsize=64)
def fields_of(type_: type[Struct]) -> tuple[structs.FieldInfo, ...]:
    """Return the fields of a form or a part of one."""
    return structs.fields(type_)


def walk_form(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield each text, number and secret in ``value`` with its path; a task is named by its id, not its place."""
    if isinstance(value, SecretRef):
        yield path, value
    elif isinstance(value, Struct):
        for field in fields_of(type(value)):
            yield from walk_form(getattr(value, field.name), _joined(path, field.encode_name))
    elif isinstance(value, dict):
        for key, item in value.items():
            yield path, key
            yield from walk_form(item, _joined(path, key))
    elif isinstance(value, tuple | list):
        for index, item in enumerate(value):
            yield from walk_form(item, f"{path}[{item.id if isinstance(item, Task) else index}]")
    elif value is not None:
        yield path, value


def _joined(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def secrets_of(form: Form | None) -> dict[str, str]:
    """Return the name of the secret at each path that has one."""
    return {path: value.secret for path, value in walk_form(form) if isinstance(value, SecretRef)}


def elevations_of(job: Job | None) -> frozenset[str]:
    """Return what makes the job run with all rights, as the definition says it."""
    if job is None:
        return frozenset()
    accounts = {account for account in accounts_of(job) if account.casefold() in _ALMIGHTY}
    types = {task.execution_type for task in job.tasks} & {ExecutionType.USER_ELEVATED}
    return frozenset({f"runAs {account}" for account in accounts} | {str(kind.value) for kind in types})


def accounts_of(job: Job | None) -> frozenset[str]:
    if job is None:
        return frozenset()
    return frozenset(account for account in (job.run_as, *(task.run_as for task in job.tasks)) if account)


def uses_service_account(job: Job) -> bool:
    """Return whether a task runs under the account that the target's own service has."""
    return job.run_as is None and any(
        task.execution_type is ExecutionType.SERVICE and task.run_as is None and task.http is None for task in job.tasks
    )


def hosts_of(job: Job | None) -> frozenset[str]:
    """Return scheme and host of each request; what cannot be taken apart, as it stands."""
    if job is None:
        return frozenset()
    return frozenset(_host_of(task.http.url) for task in job.tasks if task.http is not None)


def _host_of(url: str) -> str:
    try:
        parts = urlsplit(url)
    except ValueError:
        return url
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}" if parts.netloc else url


def unseen_of(form: Form | None) -> tuple[frozenset[tuple[str, str]], bool]:
    """Return (path, character) of all that cannot be seen, and whether any of it changes the order of what is."""
    found: set[tuple[str, str]] = set()
    reorders = False
    for path, value in walk_form(form):
        if isinstance(value, str):
            found |= {(path, character) for character in unseen_characters(value)}
            reorders = reorders or reorders_text(value)
    return frozenset(found), reorders


def selector_of(devices: Devices | None) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Return the fields of a selector that say something, with their values."""
    if devices is None:
        return ()
    told: list[tuple[str, tuple[str, ...]]] = []
    for field in fields_of(Devices):
        value = getattr(devices, field.name)
        if value is True:
            told.append((field.encode_name, ()))
        elif isinstance(value, tuple) and value:
            told.append((field.encode_name, value))
        elif isinstance(value, int) and not isinstance(value, bool):
            told.append((field.encode_name, (str(value),)))
    return tuple(told)


def is_wider(before: Devices, after: Devices) -> bool:
    """Return whether ``after`` can admit a device that ``before`` does not, by its words alone."""
    if after.all and not before.all:
        return True
    for name in ("hostnames", "sites", "tags", "os", "uids", "filters"):
        old, new = set(getattr(before, name)), set(getattr(after, name))
        if old and (not new or new - old):
            return True
    return before.max is not None and (after.max is None or after.max > before.max)
