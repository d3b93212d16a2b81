"""What is wrong or odd in a job by itself."""

from collections.abc import Iterator

from reconciler.definitions.checks.characters import check_characters, check_value_characters
from reconciler.definitions.checks.conditions import check_condition, check_wheres
from reconciler.definitions.checks.http import check_url
from reconciler.definitions.checks.parameters import check_declared, key_step
from reconciler.definitions.checks.scripts import asks_for_input, check_script_path
from reconciler.definitions.checks.secrets import (
    check_argument_list,
    check_command_line,
    check_named_values,
    check_query,
    check_text,
    is_secret_name,
    secret_finding,
)
from reconciler.definitions.checks.tokens import check_tokens
from reconciler.definitions.suggest import did_you_mean, quote
from reconciler.model.event import OWN_EVENTS
from reconciler.model.forms import Component
from reconciler.model.job import Devices, ExecutionType, Job, Parameter, ScriptType, Task
from reconciler.model.problem import Severity
from reconciler.model.provider import Finding
from reconciler.model.systems import named_systems
from reconciler.schedule.checks import check_schedule


def check_job(job: Job, damaged: frozenset[str]) -> Iterator[Finding]:
    if job.schedule is not None:
        timeout = job.timeout_seconds
        yield from check_schedule(job.schedule, overlap=job.overlap, timeout_seconds=timeout)
    is_damaged = "parameters" in damaged
    yield from check_declared(job.parameters, "parameters", text_is_read=False, damaged=is_damaged)
    yield from _check_required(job, damaged)
    yield from _check_tasks(job, damaged)
    if job.variables:
        yield from _check_variables(job, damaged)
    if job.devices is not None:
        yield from check_devices(job.devices)
    if job.os_filter is not None and not named_systems(job.os_filter) and "osFilter" not in damaged:
        message = "the job runs on no platform"
        hint = "Set at least one of windows, linux, macOS to true, or remove osFilter."
        yield Finding(code="JOB001", json_path="osFilter", message=message, hint=hint)
    if job.alternate_job_id is not None and job.condition is None and "condition" not in damaged:
        yield Finding(
            code="JOB002",
            json_path="alternateJobId",
            message="alternateJobId is never used: there is no condition",
            severity=Severity.WARNING,
        )
    if not damaged & {"condition", "parameters", "component", "variables"} and job.component is None:
        yield from check_condition(job)
    if "events" not in damaged:
        yield from check_wheres(job)
        yield from _check_events(job)
    if "mqttTopics" not in damaged:
        yield from _check_event_topic(job)
    if job.previous_id == job.id:
        yield Finding(code="REF006", json_path="previousId", message="previousId is the job's own id")


def check_component_system(job: Job, component: Component, damaged: frozenset[str]) -> Iterator[Finding]:
    """Yield a problem where ``job`` leaves out the one system that its component is for: it would start nowhere."""
    only = component.os_type
    allowed = {
        "osFilter": named_systems(job.os_filter) if job.os_filter is not None else frozenset(),
        "devices.os": frozenset(system.casefold() for system in job.devices.os) if job.devices is not None else (),
    }
    for json_path, systems in allowed.items():
        if only and systems and only.casefold() not in systems and json_path.partition(".")[0] not in damaged:
            message = f"the job runs on no platform: component {quote(component.id)} is for {only}, which is left out"
            hint = f"Admit {only} here, or mend osType of the component."
            yield Finding(code="JOB001", json_path=json_path, message=message, hint=hint)


def _check_events(job: Job) -> Iterator[Finding]:
    """Yield a warning for what looks like an event of ours that is misspelt: any other name may come from outside."""
    for index, trigger in enumerate(job.events):
        suggestion = did_you_mean(trigger.event_type, OWN_EVENTS)
        if suggestion and trigger.event_type not in OWN_EVENTS:
            message = f"nobody may ever send the event {quote(trigger.event_type)}{suggestion}"
            yield Finding(code="JOB008", json_path=f"events[{index}]", message=message, severity=Severity.WARNING)


def _check_required(job: Job, damaged: frozenset[str]) -> Iterator[Finding]:
    if (job.schedule is None and not job.events) or "parameters" in damaged:
        return
    for index, parameter in enumerate(job.parameters):
        if parameter.required and parameter.default is None:
            message = f"parameter {quote(parameter.name)} is required but has no value"
            hint = "A schedule or an event gives none: set a default."
            yield Finding(code="PARAM006", json_path=f"parameters[{index}]", message=message, hint=hint)


def _check_tasks(job: Job, damaged: frozenset[str]) -> Iterator[Finding]:
    seen: dict[str, int] = {}
    attended = job.schedule is None and not job.events
    for index, task in enumerate(job.tasks):
        path = f"tasks[{index}]"
        if task.id in seen:
            message = f"task id {quote(task.id)} is used twice (tasks[{seen[task.id]}], {path})"
            yield Finding(code="TASK001", json_path=f"{path}.id", message=message)
        seen.setdefault(task.id, index)
        yield from _check_action(task, path, damaged)
        yield from check_characters(task, path)
        yield from _check_task_values(task, path)
        if task.script is not None and not attended and asks_for_input(task.script):
            yield waiting_finding(f"{path}.script")
    if not damaged & {"parameters", "component", "tasks"} and job.component is None:
        yield from check_tokens(job.tasks, job.parameters)
    yield from _check_parameter_secrets(job.parameters)


def waiting_finding(json_path: str) -> Finding:
    message = "the script waits for input, and nobody is there to answer a scheduled run"
    hint = "Take the answer as a parameter with a default."
    return Finding(code="LINT001", json_path=json_path, message=message, hint=hint, severity=Severity.WARNING)


def _check_action(task: Task, path: str, damaged: frozenset[str]) -> Iterator[Finding]:
    command = task.command if task.command is not None else task.executable_path
    actions = (("command", command), ("script", task.script), ("scriptFile", task.script_file), ("http", task.http))
    given = [name for name, action in actions if action is not None]
    if not given and "tasks" not in damaged and task.execution_type is not ExecutionType.HTTP:
        message = f"task {quote(task.id)} does nothing: give one of command, executablePath, script, scriptFile, http"
        yield Finding(code="TASK002", json_path=path, message=message)
    elif len(given) > 1:
        message = f"task {quote(task.id)} has {' and '.join(given)}; give only one of them"
        where = f"{path}.{given[1]}"
        yield Finding(code="TASK003", json_path=where, message=message)
    if task.http is not None and task.execution_type not in {ExecutionType.HTTP, ExecutionType.SERVICE}:
        message = f"a request has no session: executionType {task.execution_type.value} does not go with http"
        yield Finding(code="TASK004", json_path=f"{path}.executionType", message=message)
    if task.http is None and task.execution_type is ExecutionType.HTTP and "tasks" not in damaged:
        message = "executionType Http needs http: {method, url, headers, body, expectStatus}"
        hint = "How Keeper's own files spell the request is not published, so it cannot be read here."
        yield Finding(code="TASK004", json_path=f"{path}.executionType", message=message, hint=hint)
    has_other = bool(given) and not (task.script or task.script_file)
    if task.script_type is not ScriptType.AUTO and has_other and "tasks" not in damaged:
        message = f"scriptType {task.script_type.value} has no effect: the task has no script"
        yield Finding(code="TASK005", json_path=f"{path}.scriptType", message=message, severity=Severity.WARNING)
    if task.script_file is not None:
        yield from check_script_path(task.script_file, f"{path}.scriptFile")


def _check_task_values(task: Task, path: str) -> Iterator[Finding]:
    for name in task.env:
        if name.startswith("RECONCILER_"):
            message = f"{quote(name)} is set by reconciler itself"
            yield Finding(code="PARAM002", json_path=f"{path}.env{key_step(name)}", message=message)
    if task.env:
        yield from check_named_values(task.env, f"{path}.env")
    if isinstance(task.arguments, str):
        yield from check_command_line(task.arguments, f"{path}.arguments")
    elif task.arguments:
        yield from check_argument_list(task.arguments, f"{path}.arguments")
    if task.script is not None:
        yield from check_text(task.script, f"{path}.script")
    if task.http is not None:
        yield from check_url(task.http.url, f"{path}.http.url")
        yield from check_query(task.http.url, f"{path}.http.url")
        yield from check_named_values(task.http.headers, f"{path}.http.headers")
        yield from check_text(task.http.body, f"{path}.http.body")


def _check_parameter_secrets(parameters: tuple[Parameter, ...], json_path: str = "parameters") -> Iterator[Finding]:
    for index, parameter in enumerate(parameters):
        if not isinstance(parameter.default, str) or not parameter.default:
            continue
        yield from check_value_characters({"default": parameter.default}, f"{json_path}[{index}]")
        if is_secret_name(parameter.name):
            yield secret_finding(f"{json_path}[{index}].default")


def _check_variables(job: Job, damaged: frozenset[str]) -> Iterator[Finding]:
    if job.component is None and not damaged & {"component", "tasks"}:
        message = "variables are for a component, and this job has tasks"
        hint = "Declare parameters with a default instead."
        yield Finding(code="PARAM007", json_path="variables", message=message, hint=hint)
    yield from check_named_values(job.variables, "variables")
    yield from check_value_characters(job.variables, "variables")


def check_devices(devices: Devices, json_path: str = "devices") -> Iterator[Finding]:
    """Yield what is wrong with a selector of devices."""
    fields = (devices.hostnames, devices.sites, devices.tags, devices.os, devices.uids, devices.filters)
    narrowed = any(fields)
    if not narrowed and not devices.all:
        message = "devices selects nothing"
        hint = "For every device write all: true."
        yield Finding(code="DEV001", json_path=json_path, message=message, hint=hint)
    elif narrowed and devices.all:
        message = "all: true selects every device, the other keys some: keep one"
        yield Finding(code="DEV002", json_path=f"{json_path}.all", message=message)


def _check_event_topic(job: Job) -> Iterator[Finding]:
    topic = job.event_topic
    if topic is None:
        return
    allowed = (job.mqtt_topics or {}).get("allowedPublications", ())
    if topic not in allowed:
        message = f"eventTopic {quote(topic)} is not in mqttTopics.allowedPublications; the agent drops it silently"
        yield Finding(code="KEEPER001", json_path="eventTopic", message=message, severity=Severity.WARNING)
