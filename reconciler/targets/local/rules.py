"""What the local target's settings are, and what of a job it cannot do: said at validation, with the way out."""

from collections.abc import Iterator
from typing import Any

from reconciler.model.forms import Target
from reconciler.model.job import ExecutionType, Job, ScriptType, Task
from reconciler.model.problem import Severity
from reconciler.model.provider import Finding, ProviderRules

SETTINGS_SCHEMA: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "Settings of a local target",
    "description": "This machine. It has no settings of its own; [engine] of reconciler.toml has its limits.",
    "type": "object",
    "properties": {},
    "unevaluatedProperties": False,
}

_NOT_YET = "The local target cannot do this yet; leave it out, or use a target that can."


def check_job(job: Job, target: Target) -> Iterator[Finding]:  # noqa: ARG001 - the signature that all providers share
    """Yield what the local target cannot express of ``job``."""
    yield from _check_vendor_fields(job)
    yield from _check_policies(job)
    if job.os_filter is not None and not (job.os_filter.linux or job.os_filter.mac_os):
        # What no local run will ever reach need not be possible here: Keeper's Windows jobs are valid as they are.
        yield Finding(
            code="TGT004",
            json_path="osFilter",
            message="the local target serves Linux and macOS: this job never runs there",
            severity=Severity.INFORMATION,
        )
        return
    for index, task in enumerate(job.tasks):
        yield from _check_task(task, f"tasks[{index}]")


def _check_vendor_fields(job: Job) -> Iterator[Finding]:
    if job.mqtt_topics is not None or job.event_topic is not None:
        yield Finding(
            code="TGT002",
            json_path="mqttTopics" if job.mqtt_topics is not None else "eventTopic",
            message="only a Keeper agent uses this; on a local target it has no effect",
            severity=Severity.INFORMATION,
        )
    if job.run_as is not None:
        yield _cannot("runAs", "a local run has the account of reconciler itself", "Remove runAs.")


def _check_policies(job: Job) -> Iterator[Finding]:
    if job.rollout is not None:
        yield _cannot("rollout", "there is one device: this machine", "Remove rollout.")
    if job.events:
        yield Finding(
            code="TGT003",
            json_path="events",
            message="events do not start a job on a local target yet",
            hint=_NOT_YET,
            severity=Severity.WARNING,
        )


def _check_task(task: Task, path: str) -> Iterator[Finding]:
    if task.http is not None or task.execution_type is ExecutionType.HTTP:
        yield _cannot(f"{path}.http", "HTTP tasks are not supported", _NOT_YET)
    elif task.execution_type is not ExecutionType.SERVICE:
        yield _cannot(
            f"{path}.executionType",
            f"{task.execution_type.value} needs the session of a user, and this machine may have none",
            "Use executionType: Service.",
        )
    if task.run_as is not None:
        yield _cannot(f"{path}.runAs", "a local run has the account of reconciler itself", "Remove runAs.")
    if task.script_type is ScriptType.BATCH:
        yield _cannot(f"{path}.scriptType", "batch needs Windows", "Use bash, python or powershell.")


def _cannot(json_path: str, message: str, hint: str) -> Finding:
    return Finding(code="TGT001", json_path=json_path, message=f"target local: {message}", hint=hint)


LOCAL_RULES = ProviderRules(name="local", settings_schema=SETTINGS_SCHEMA, check=check_job)
