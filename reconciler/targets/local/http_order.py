"""From an HTTP task to the process that makes the request: all of it in its environment, nothing in its arguments."""

import json
import sys
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

from msgspec import Struct

from reconciler.engine.http_wire import DEFAULT_SECONDS, LATE, PREFIX
from reconciler.model.job import HttpRequest, Task
from reconciler.model.secret import Secret, SecretRef
from reconciler.model.tokens import fill_tokens

ValueOf = Callable[[str], str]

ARGV = (sys.executable, "-P", "-m", "reconciler.engine.http_task")


class HttpSettings(Struct, frozen=True, kw_only=True, rename="camel"):
    """Where a target lets HTTP tasks go (engine/http_allow.py)."""

    allow: tuple[str, ...] = ()
    private_addresses: tuple[str, ...] = ()


def http_environment(
    task: Task, value_of: ValueOf, *, settings: HttpSettings, secrets: Mapping[str, Secret]
) -> dict[str, str]:
    """Return what the process reads; ``value_of`` fills tokens, those of earlier tasks' outputs with what is late."""
    request = task.http
    assert request is not None
    url, late = _fill_url(request, value_of)
    about: dict[str, Any] = {
        "expected": request.expect_status,
        "seconds": task.timeout_seconds or DEFAULT_SECONDS,
        "allowed": settings.allow,
        "private": settings.private_addresses,
    }
    environment = {
        f"{PREFIX}METHOD": request.method,
        f"{PREFIX}URL": url,
        f"{PREFIX}BODY": fill_tokens(request.body, value_of),
        f"{PREFIX}SETTINGS": json.dumps(about),
    }
    for number, (name, value) in enumerate(request.headers.items()):
        content = secrets[value.secret].reveal() if isinstance(value, SecretRef) else fill_tokens(value, value_of)
        environment[f"{PREFIX}HEADER_{number}"] = f"{name}:{content}"
    return environment | {f"{PREFIX}VALUE_{number}": value for number, value in enumerate(late)}


def _fill_url(request: HttpRequest, value_of: ValueOf) -> tuple[str, list[str]]:
    """Return the address, its values percent-encoded so that none reaches beyond its place, and the late values.

    A token with which the address begins stands for a whole base address, and is taken as it is.
    """
    late: list[str] = []

    def encoded(name: str) -> str:
        value = value_of(name)
        if name.startswith("tasks."):
            late.append(value)
            return LATE.format(len(late) - 1)
        if request.url.startswith(f"{{{name}}}"):
            return value
        return quote(value, safe="")

    return fill_tokens(request.url, encoded), late
