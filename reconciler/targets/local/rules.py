"""What the local target's settings are, and what of a job it cannot do: said at validation, with the way out."""

from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import quote_plus, urlsplit

import msgspec

from reconciler.definitions.checks.http import split_url
from reconciler.definitions.suggest import quote
from reconciler.engine.http_allow import NotAllowed, check_destination, destination_of, parse_entry
from reconciler.model.forms import Target
from reconciler.model.job import HttpRequest, Job, ScriptType, Task
from reconciler.model.problem import Severity
from reconciler.model.provider import Finding, ProviderRules
from reconciler.model.systems import systems_of
from reconciler.model.tokens import fill_tokens
from reconciler.targets.local.accounts import NAME_PATTERN, SESSION_TYPES, is_account_name
from reconciler.targets.local.http_order import HttpSettings
from reconciler.targets.no_variables import refuse_variables

# What engine/http_allow.py reads, said where it is written.
_PORT = "[0-9]{1,4}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5]"
_ENTRY = rf"^(?:https?://)?(?:(?:\*\.)?[._-]*[A-Za-z0-9_-][A-Za-z0-9._-]*|\[[0-9A-Fa-f:.]+\])(?::(?:{_PORT}))?/?$"
SETTINGS_SCHEMA: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "Settings of a local target",
    "description": "This machine; [engine] of reconciler.toml has its limits.",
    "type": "object",
    "properties": {
        "http": {
            "type": "object",
            "description": "Where HTTP tasks may go: nowhere, unless it is listed.",
            "properties": {
                "allow": {
                    "type": "array",
                    "description": "Hosts: api.example.com, *.example.org, http://localhost:8080; https unless given.",
                    "items": {
                        "type": "string",
                        "maxLength": 300,
                        "pattern": _ENTRY,
                        "patternErrorMessage": "names no host; write api.example.com",
                    },
                    "maxItems": 1000,
                },
                "privateAddresses": {
                    "type": "array",
                    "description": "Addresses and networks of this machine or of a private network that may be asked.",
                    "items": {
                        "type": "string",
                        "maxLength": 60,
                        "pattern": "^[0-9A-Fa-f:.]+(?:/[0-9]{1,3})?$",
                        "patternErrorMessage": "is no address or network such as 10.0.0.0/8",
                    },
                    "maxItems": 100,
                },
            },
            "unevaluatedProperties": False,
        },
        "accounts": {
            "type": "array",
            "description": "Accounts that runAs may name. Another than reconciler's own needs it to run as root.",
            "items": {"type": "string", "pattern": NAME_PATTERN},
            "maxItems": 1000,
        },
    },
    "unevaluatedProperties": False,
}


def accounts_of(target: Target) -> Sequence[str]:
    """Return the accounts that jobs of ``target`` may have; what cannot be read allows none."""
    try:
        return msgspec.convert(target.settings.get("accounts", ()), tuple[str, ...])
    except msgspec.ValidationError:
        return ()


def http_settings(target: Target) -> HttpSettings:
    """Return where HTTP tasks of ``target`` may go; what cannot be read of it allows nothing."""
    try:
        return msgspec.convert(target.settings.get("http", {}), HttpSettings)
    except msgspec.ValidationError:
        return HttpSettings()


def check_job(job: Job, target: Target) -> Iterator[Finding]:
    """Yield what the local target cannot express of ``job``."""
    yield from _check_vendor_fields(job)
    yield from _check_policies(job)
    if systems_of(job) == {"windows"}:
        # What no local run will ever reach need not be possible here: Keeper's Windows jobs are valid as they are.
        yield Finding(
            code="TGT004",
            json_path="osFilter" if job.os_filter is not None else "component",
            message="the local target serves Linux and macOS: this job never runs there",
            severity=Severity.INFORMATION,
        )
        return
    if job.run_as is not None:
        yield from _check_account(job.run_as, "runAs", target)
    for index, task in enumerate(job.tasks):
        yield from _check_task(task, f"tasks[{index}]", target, run_as=task.run_as or job.run_as)
        if task.http is not None:
            yield from _check_request(task.http, f"tasks[{index}].http", target)


def _check_vendor_fields(job: Job) -> Iterator[Finding]:
    if job.mqtt_topics is not None or job.event_topic is not None:
        yield Finding(
            code="TGT002",
            json_path="mqttTopics" if job.mqtt_topics is not None else "eventTopic",
            message="only a Keeper agent uses this; on a local target it has no effect",
            severity=Severity.INFORMATION,
        )


def _check_policies(job: Job) -> Iterator[Finding]:
    if job.rollout is not None:
        yield _cannot("rollout", "there is one device: this machine", "Remove rollout.")


def _check_account(name: str, path: str, target: Target) -> Iterator[Finding]:
    if name in accounts_of(target):
        return
    listed = f"accounts: [{name}]" if is_account_name(name) else "accounts: [backup]"
    yield Finding(
        code="TGT001",
        json_path=path,
        message=f"target {target.id}: account {quote(name)} is not one that its settings list",
        hint=f"Where reconciler runs as root, write {listed} into the settings of the target; else remove runAs.",
    )


def _check_task(task: Task, path: str, target: Target, *, run_as: str | None) -> Iterator[Finding]:
    if task.execution_type in SESSION_TYPES and run_as is None:
        yield _cannot(
            f"{path}.executionType",
            f"{task.execution_type.value} needs to know which user is meant",
            "Add runAs: USER where reconciler runs as root, or use executionType: Service.",
        )
    if task.run_as is not None:
        yield from _check_account(task.run_as, f"{path}.runAs", target)
    yield from _check_program(task, path)
    if task.script_type is ScriptType.BATCH:
        yield _cannot(f"{path}.scriptType", "batch needs Windows", "Use bash, python or powershell.")


def _check_program(task: Task, path: str) -> Iterator[Finding]:
    """Yield a warning for a command line where the name of a program belongs: no shell takes it apart."""
    name = (task.command or "").strip()
    program, _, rest = name.partition(" ")
    if task.executable_path is None and rest and not any(sign in name for sign in "/\\{"):
        yield Finding(
            code="LINT002",
            json_path=f"{path}.command",
            message=f"{quote(name)} is taken for the name of one program",
            hint=f"Write command: {quote(program)[1:-1]} and the rest into arguments; a line of shell is a script.",
            severity=Severity.WARNING,
        )


def _check_request(request: HttpRequest, path: str, target: Target) -> Iterator[Finding]:
    """Yield what keeps a request from being made; a host that a token stands for is looked at when it is known."""
    settings = http_settings(target)
    authority = urlsplit(request.url).netloc if split_url(request.url) is not None else ""
    if not authority or "{" in authority:
        return
    try:
        destination = destination_of(fill_tokens(request.url, quote_plus))
    except NotAllowed as error:
        if "@" in authority or not request.url.lower().startswith(("http:", "https:")):
            return  # said of every target
        yield Finding(code="HTTP001", json_path=f"{path}.url", message=str(error))
        return
    try:
        check_destination(destination, settings.allow)
    except NotAllowed:
        host = (urlsplit(request.url).hostname or "").rstrip(".").lower()
        if any(entry is not None and entry.host == destination.host for entry in map(parse_entry, settings.allow)):
            where = f"{destination.scheme}://{destination.host}:{destination.port}"
            message = f"the allow-list of target {quote(target.id)} has the host, but not {quote(where)}"
            hint = "An entry is for https and port 443, unless it says more: http://api.example.com:8080."
            yield Finding(code="HTTP002", json_path=f"{path}.url", message=message, hint=hint)
            return
        yield Finding(
            code="HTTP002",
            json_path=f"{path}.url",
            message=f"host {quote(host)} is not on the allow-list of target {quote(target.id)}",
            hint="The target's settings list where requests may go: http: {allow: [api.example.com]}.",
        )


def _cannot(json_path: str, message: str, hint: str) -> Finding:
    return Finding(code="TGT001", json_path=json_path, message=f"target local: {message}", hint=hint)


LOCAL_RULES = ProviderRules(
    name="local", settings_schema=SETTINGS_SCHEMA, check=check_job, check_target=refuse_variables
)
