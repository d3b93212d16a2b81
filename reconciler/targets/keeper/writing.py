"""From a job to the file that a Keeper agent reads: the published spelling and order of fields."""

import json
from collections.abc import Collection, Mapping
from typing import Any

from reconciler.model.instant import format_instant
from reconciler.model.job import EventTrigger, Job, OsFilter, Parameter, Schedule, Task
from reconciler.targets.keeper.arguments import join_arguments
from reconciler.targets.keeper.words import JOB_FIELDS, TASK_FIELDS, TOPIC_FIELDS, program_name

Raw = dict[str, Any]


def write_job(job: Job) -> Raw:
    """Return the content of the file of ``job``, which the rules of this provider accept.

    Both `command` and `executablePath` are written, as every published file has both.
    """
    raw: Raw = {"id": job.id, "name": job.title}
    if job.description:
        raw["description"] = job.description
    raw["enabled"] = job.enabled
    if job.priority != Job(id="a").priority:
        raw["priority"] = job.priority
    if job.schedule is not None:
        raw["schedule"] = _schedule(job.schedule)
    # The format wants a schedule or events; a job with neither, another's alternate, has an empty list.
    if job.events or job.schedule is None:
        raw["events"] = [_event(event) for event in job.events]
    if job.event_topic is not None:
        raw["eventTopic"] = job.event_topic
    if job.os_filter is not None:
        raw["osFilter"] = _systems(job.os_filter)
    if job.mqtt_topics is not None:
        raw["mqttTopics"] = {name: list(job.mqtt_topics.get(name, ())) for name in TOPIC_FIELDS}
    raw["parameters"] = [_parameter(parameter) for parameter in job.parameters]
    raw["tasks"] = [_task(task) for task in job.tasks]
    if job.condition is not None:
        raw["condition"] = job.condition
    if job.alternate_job_id is not None:
        raw["alternateJobId"] = job.alternate_job_id
    return raw | job.keeper


def _schedule(schedule: Schedule) -> Raw:
    if schedule.interval_minutes is not None:
        return {"intervalMinutes": schedule.interval_minutes}
    if schedule.cron_expression is not None:
        return {"cronExpression": " ".join(schedule.cron_expression.split())}
    if schedule.run_at is not None:
        return {"runAt": format_instant(schedule.run_at).replace(".000Z", "Z")}
    return {"calendar": [{"daysOfWeek": list(item.days_of_week), "time": item.time} for item in schedule.calendar]}


def _event(event: EventTrigger) -> Raw:
    return {"eventType": event.event_type}


def _systems(systems: OsFilter) -> Raw:
    return {"windows": systems.windows, "linux": systems.linux, "macOS": systems.mac_os}


def _parameter(parameter: Parameter) -> Raw:
    raw: Raw = {"name": parameter.name, "type": parameter.type.value}
    if parameter.default is not None:
        raw["default"] = parameter.default
    return raw | {"required": parameter.required}


def _task(task: Task) -> Raw:
    raw: Raw = {"id": task.id, "name": task.name or task.id, "ExecutionType": task.execution_type.value}
    raw["command"] = task.command if task.command is not None else program_name(task.executable_path or "")
    if task.executable_path is not None:
        raw["executablePath"] = task.executable_path
    raw["arguments"] = join_arguments(task.arguments)
    if task.timeout_seconds is not None:
        raw["timeoutSeconds"] = task.timeout_seconds
    return raw | {"continueOnFailure": task.continue_on_failure, "scriptType": "Auto"} | task.keeper


def keep_unmanaged(raw: Raw, found: Mapping[str, Any], *, ours: Collection[str]) -> Raw:
    """Return ``raw`` with what the file ``found`` has beyond our terms; ``ours`` are vendor fields we wrote before."""
    tasks = {task.get("id"): task for task in _tasks(found)}
    kept = {name: value for name, value in found.items() if not _is_known(name, JOB_FIELDS) and name not in ours}
    merged = [
        {name: value for name, value in tasks.get(task["id"], {}).items() if not _is_known(name, TASK_FIELDS)} | task
        for task in raw["tasks"]
    ]
    return (
        raw
        | {"tasks": [_in_order(task, known) for task, known in zip(merged, raw["tasks"], strict=True)]}
        | {name: value for name, value in kept.items() if name not in raw}
    )


def _tasks(found: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    tasks = next((value for name, value in found.items() if name.casefold() == "tasks"), None)
    items = tasks if isinstance(tasks, list) else []
    return [item for item in items if isinstance(item, dict) and isinstance(item.get("id"), str)]


def _in_order(task: Raw, known: Raw) -> Raw:
    return known | {name: value for name, value in task.items() if name not in known}


def _is_known(name: str, fields: Collection[str]) -> bool:
    return name.casefold() in {field.casefold() for field in fields}


def file_text(raw: Raw) -> bytes:
    return (json.dumps(raw, indent=2, ensure_ascii=False) + "\n").encode()
