"""What a Keeper target's settings are, and what of a job its files cannot say: told at validation, with the way out."""

import re
from collections.abc import Iterator
from typing import Any

from reconciler.definitions.suggest import quote
from reconciler.model.forms import Target
from reconciler.model.job import (
    CalendarEntry,
    ExecutionType,
    Job,
    Misfire,
    Overlap,
    Parameter,
    Schedule,
    ScriptType,
    Task,
)
from reconciler.model.problem import Severity
from reconciler.model.provider import Finding, ProviderRules
from reconciler.model.secret import SecretRef
from reconciler.targets.keeper.arguments import CannotQuote, foreign_braces, join_arguments
from reconciler.targets.keeper.words import API_BASE_URL, JOB_FIELDS, is_device_name, is_shipped
from reconciler.targets.no_variables import refuse_variables

SETTINGS_SCHEMA: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "Settings of a Keeper target",
    "description": "Jobs become files in the folder from which Keeper agents load their jobs.",
    "type": "object",
    "properties": {
        "channel": {
            "type": "string",
            "enum": ["directory"],
            "description": "How jobs reach the agents: as files in a folder.",
        },
        "path": {
            "type": "string",
            "minLength": 2,
            "maxLength": 1000,
            "pattern": "^/[^\\u0000]*$",
            "patternErrorMessage": "must be the folder's whole path, from /",
            "description": "The agents' Jobs folder as this machine sees it, from the root; it must exist.",
        },
        "timezone": {
            "type": "string",
            "minLength": 1,
            "maxLength": 64,
            "description": "The zone of the agents' clocks, in which they read cron and calendar; UTC unless given.",
        },
    },
    "required": ["channel", "path"],
    "unevaluatedProperties": False,
}

_ID = re.compile(r"[A-Za-z0-9]+(?:-[A-Za-z0-9]+)*")
_CRON = re.compile(r"[0-9*,/-]+(?: +[0-9*,/-]+){4}")
_NO_ROOM = "Keeper's job files have no room for it"
_PLAIN = Job(id="plain")


def zone_of(target: Target) -> str:
    """Return the zone in which the agents of ``target`` read cron and calendar."""
    zone = target.settings.get("timezone", "UTC")
    return zone if isinstance(zone, str) else "UTC"


def check_job(job: Job, target: Target) -> Iterator[Finding]:
    """Yield what the files of a Keeper target cannot say of ``job``."""
    yield from _check_id(job, target)
    yield from _check_policies(job, target)
    if job.schedule is not None:
        yield from _check_schedule(job.schedule, target)
    for index, parameter in enumerate(job.parameters):
        yield from _check_parameter(parameter, f"parameters[{index}]", target)
    known = frozenset({API_BASE_URL, *(parameter.name for parameter in job.parameters)})
    if job.component is not None:
        message = "Keeper has no components, and no place for a script"
        yield _task_finding("component", message, "Install the program on the agents, and name it in tasks.", target)
        return
    for index, task in enumerate(job.tasks):
        yield from _check_task(task, f"tasks[{index}]", target)
        yield from _check_braces(task, f"tasks[{index}].arguments", known, target)


def _check_id(job: Job, target: Target) -> Iterator[Finding]:
    if is_shipped(job.id):
        message = f"target {target.id}: {quote(job.id)} is a job that comes with the agent, and is never touched"
        yield Finding(code="KEEPER003", json_path="id", message=message, hint="Give it another id.")
    elif not _ID.fullmatch(job.id) or is_device_name(job.id):
        message = f"target {target.id}: {quote(job.id)} cannot be the id of a Keeper job"
        hint = "Use letters and digits with hyphens between them, and no name of a Windows device."
        yield Finding(code="KEEPER003", json_path="id", message=message, hint=hint)


def _check_policies(job: Job, target: Target) -> Iterator[Finding]:
    if job.devices is not None and not (job.devices.all and job.devices.max is None):
        message = "every agent that reads the folder runs its jobs; devices cannot be chosen"
        hint = "Write devices: {all: true} or leave it out, and make a target per folder."
        yield _cannot("devices", message, hint, target)
    if job.overlap is not Overlap.SKIP:
        yield _cannot("overlap", f"what the agent does is its own; {_NO_ROOM}", "Remove overlap.", target)
    if isinstance(job.condition, str):
        message = "the agent does not know this language of conditions"
        yield _cannot("condition", message, "Write Keeper's own condition object, or ask in the program.", target)
    if job.timeout_seconds is not None:
        yield _cannot("timeoutSeconds", _NO_ROOM, "Give each task its timeoutSeconds.", target)
    for json_path, name in _UNKNOWN_POLICIES.items():
        if getattr(job, name) != getattr(_PLAIN, name):
            yield _cannot(json_path, _NO_ROOM, f"Remove {json_path}.", target)
    for index, event in enumerate(job.events):
        if event.where:
            yield _cannot(f"events[{index}].where", "an agent's events have no filter", "Remove where.", target)
    if job.retention != _PLAIN.retention:
        message = f"runs on target {quote(target.id)} are not seen here, so none are kept"
        yield Finding(code="TGT002", json_path="retention", message=message, severity=Severity.INFORMATION)
    documented = {field.casefold() for field in JOB_FIELDS}
    for field in job.keeper:
        if field.casefold() in documented:
            message = f"{quote(field)} has a field of its own, and would be said twice"
            yield _cannot("keeper", message, "Write it at the top level.", target)


_UNKNOWN_POLICIES = {
    "concurrency": "concurrency",
    "retry": "retry",
    "onOffline": "on_offline",
    "expireAfterMinutes": "expire_after_minutes",
    "onLost": "on_lost",
    "onWarning": "on_warning",
    "resolveAlertOnSuccess": "resolve_alert_on_success",
    "discardOutput": "discard_output",
    "runAs": "run_as",
    "rollout": "rollout",
}


def _check_schedule(schedule: Schedule, target: Target) -> Iterator[Finding]:
    if schedule.misfire != Misfire():
        yield _schedule_finding("misfire", "what the agent does with missed instants is its own", "Remove it.", target)
    if schedule.jitter_seconds:
        yield _schedule_finding("jitterSeconds", _NO_ROOM, "Remove it.", target)
    for name, value in (("startAt", schedule.start_at), ("endAt", schedule.end_at)):
        if value is not None:
            yield _schedule_finding(name, _NO_ROOM, "Remove it; apply the job when it is to begin.", target)
    if schedule.run_at is not None and schedule.run_at.microsecond:
        yield _schedule_finding("runAt", "the agent knows whole seconds only", "Leave the fraction out.", target)
    if (schedule.cron_expression is not None or schedule.calendar) and schedule.timezone != zone_of(target):
        message = f"the agents read it in the zone {quote(zone_of(target))}; a file cannot name another"
        hint = f"Write timezone: {zone_of(target)}, or say in the target's settings which zone the agents have."
        yield _schedule_finding("timezone", message, hint, target)
    if schedule.cron_expression is not None:
        yield from _check_cron(schedule.cron_expression, target)
    for index, entry in enumerate(schedule.calendar):
        yield from _check_entry(entry, f"calendar[{index}].daysOfWeek", target)


def _check_cron(expression: str, target: Target) -> Iterator[Finding]:
    if not _CRON.fullmatch(expression.strip()):
        yield _schedule_finding("cronExpression", "the agent knows numbers only", "Write 1 for mon or jan.", target)
        return
    fields = expression.split()
    if not fields[2].startswith("*") and not fields[4].startswith("*"):
        message = "day of month and weekday are both given, and what the agent makes of that is not documented"
        yield _schedule_finding("cronExpression", message, "Write * for one of them.", target)
    if "7" in re.split(r"[,/-]", fields[4]):
        yield _schedule_finding("cronExpression", "not every reader knows weekday 7", "Write 0 for Sunday.", target)


def _check_entry(entry: CalendarEntry, name: str, target: Target) -> Iterator[Finding]:
    if 0 in entry.days_of_week:
        message = "which number a calendar has for Sunday is not documented"
        yield _schedule_finding(name, message, "Use cronExpression for Sundays.", target)


def _check_parameter(parameter: Parameter, path: str, target: Target) -> Iterator[Finding]:
    if isinstance(parameter.default, SecretRef):
        message = "a job file is plain text on every agent"
        yield _cannot(f"{path}.default", message, "Let the program fetch the secret itself.", target)
    if parameter.choices:
        yield _cannot(f"{path}.choices", _NO_ROOM, "Remove choices.", target)
    if parameter.description:
        message = f"target {target.id}: a parameter's description has no effect there"
        yield Finding(code="TGT002", json_path=f"{path}.description", message=message, severity=Severity.INFORMATION)


def _check_task(task: Task, path: str, target: Target) -> Iterator[Finding]:
    if task.script is not None or task.script_file is not None:
        field = "scriptFile" if task.script_file is not None else "script"
        message = "where a job file has the text of a script is not documented"
        yield _task_finding(f"{path}.{field}", message, "Put it on the agents in Jobs/bin, and name it.", target)
    if task.http is not None or task.execution_type is ExecutionType.HTTP:
        message = "how a job file spells a request is not documented"
        yield _task_finding(f"{path}.http", message, "Make the request in a program.", target)
    if task.script_type is not ScriptType.AUTO:
        yield _task_finding(f"{path}.scriptType", "only auto is documented", "Remove scriptType.", target)
    if task.command is not None and ("/" in task.command or "\\" in task.command):
        message = "the agent takes a name without a path, and looks in Jobs/bin and PATH"
        yield _task_finding(f"{path}.command", message, "Write the path as executablePath.", target)
    for field, is_given in (
        ("env", bool(task.env)),
        ("workingDirectory", task.working_directory is not None),
        ("successExitCodes", task.success_exit_codes != (0,)),
        ("runAs", task.run_as is not None),
    ):
        if is_given:
            yield _task_finding(f"{path}.{field}", _NO_ROOM, f"Remove {field}.", target)


def _check_braces(task: Task, path: str, known: frozenset[str], target: Target) -> Iterator[Finding]:
    try:
        text = join_arguments(task.arguments)
    except CannotQuote as error:
        message = f"how {quote(str(error))} is quoted in a job file is not documented"
        hint = "Write arguments as one text, just as the agent is to take it."
        yield Finding(code="KEEPER005", json_path=path, message=f"target {target.id}: {message}", hint=hint)
        text = " ".join(task.arguments)
    for braces in dict.fromkeys(foreign_braces(text, known)):
        message = f"target {target.id}: the agent does not fill in {quote(braces)}"
        hint = f"It knows the job's parameters and {{{API_BASE_URL}}}; how other braces are written is not documented."
        yield Finding(code="KEEPER006", json_path=path, message=message, hint=hint)


def _cannot(json_path: str, message: str, hint: str, target: Target) -> Finding:
    return Finding(code="TGT001", json_path=json_path, message=f"target {target.id}: {message}", hint=hint)


def _schedule_finding(field: str, message: str, hint: str, target: Target) -> Finding:
    path = f"schedule.{field}"
    return Finding(code="KEEPER004", json_path=path, message=f"target {target.id}: {message}", hint=hint)


def _task_finding(path: str, message: str, hint: str, target: Target) -> Finding:
    return Finding(code="KEEPER005", json_path=path, message=f"target {target.id}: {message}", hint=hint)


KEEPER_RULES = ProviderRules(
    name="keeper",
    settings_schema=SETTINGS_SCHEMA,
    check=check_job,
    vendor_field="keeper",
    selects_devices=False,
    starts_runs=False,
    holds_schedules=True,
    folder_setting="path",
    check_target=refuse_variables,
)
