"""What the settings of a Datto RMM target are, and what of a job it cannot do: said at validation, with the way out."""

from collections.abc import Iterator
from typing import Any

from reconciler.model.forms import Target
from reconciler.model.job import Job, Overlap
from reconciler.model.problem import Severity
from reconciler.model.provider import Finding, ProviderRules
from reconciler.targets.datto.settings import PLATFORMS, PROVIDER, Dialect
from reconciler.targets.datto.variables import VARIABLES_SCHEMA, check_hidden, check_variables, declared_variables

ALERT_EVENT = "datto.alert"
_SECRET: dict[str, Any] = {
    "type": "object",
    "properties": {"secret": {"type": "string", "minLength": 1, "maxLength": 128}},
    "required": ["secret"],
    "unevaluatedProperties": False,
}

SETTINGS_SCHEMA: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "Settings of a Datto RMM target",
    "description": "One account; without apiKey and apiSecret those of DATTO_API_KEY and DATTO_API_SECRET.",
    "type": "object",
    "properties": {
        "platform": {"enum": list(PLATFORMS), "description": "Where the account is; else DATTO_PLATFORM says it."},
        "apiUrl": {
            "type": "string",
            "maxLength": 300,
            "pattern": r"^(https://[A-Za-z0-9.:\[\]-]+|http://(localhost|127\.0\.0\.1)(:[0-9]+)?)(/api)?/?$",
            "patternErrorMessage": "must be https://HOST; http is for this machine only",
            "description": "The address of the service, instead of platform.",
        },
        "dialect": {"enum": ["real", "seed"], "description": "What it speaks; seed: POST, a flat body, exit codes."},
        "apiKey": _SECRET,
        "apiSecret": _SECRET,
        "execute": {
            "type": "object",
            "description": "Credentials for what changes something, where the others only read.",
            "properties": {"apiKey": _SECRET, "apiSecret": _SECRET},
            "required": ["apiKey", "apiSecret"],
            "unevaluatedProperties": False,
        },
        "tagFields": {
            "type": "array",
            "description": "User-defined fields whose text counts as tags: udf1 ... udf300. The others are not read.",
            "items": {
                "type": "string",
                "pattern": "^udf[1-9][0-9]{0,2}$",
                "patternErrorMessage": "must be udfN",
            },
            "maxItems": 300,
        },
        "jobStartsPerMinute": {
            "type": "integer",
            "minimum": 1,
            "maximum": 10000,
            "description": "As the account has it.",
        },
        "readsPerMinute": {"type": "integer", "minimum": 1, "maximum": 100000, "description": "As the account has it."},
        "variables": VARIABLES_SCHEMA,
        "maxRuns": {"type": "integer", "minimum": 1, "maximum": 1000000, "description": "How many may be under way."},
    },
    "unevaluatedProperties": False,
}


def check_job(job: Job, target: Target) -> Iterator[Finding]:
    """Yield what a Datto RMM account cannot do of ``job``."""
    if job.component is None:
        yield _cannot(
            target,
            "tasks",
            "Datto RMM starts components, not scripts of ours",
            "Put the script into components/NAME.yaml and say component: NAME; see docs/targets/datto.md.",
        )
    if job.overlap is Overlap.REPLACE:
        yield _cannot(target, "overlap", "a job that has begun cannot be ended by the API", "Use skip or queue.")
    if job.run_as is not None:
        yield _cannot(target, "runAs", "a component runs as the agent does", "Set this in the component.")
    if job.devices is not None and job.devices.tags and not target.settings.get("tagFields"):
        hint = "Say in the target's settings which user-defined fields are tags: tagFields: [udf1]."
        yield _cannot(target, "devices.tags", "a device has no tags of its own", hint)
    yield from check_hidden(job, target)
    for name in job.datto:
        yield _cannot(target, f"datto.{name}", "this is not known", "Remove it.")
    if job.mqtt_topics is not None or job.event_topic is not None:
        yield Finding(
            code="TGT002",
            json_path="mqttTopics" if job.mqtt_topics is not None else "eventTopic",
            message="only a Keeper agent uses this; on a Datto RMM target it has no effect",
            severity=Severity.INFORMATION,
        )


def check_target(target: Target) -> Iterator[Finding]:
    """Yield what is wrong with the variables of an account."""
    yield from check_variables(target)
    if target.settings.get("dialect") == Dialect.SEED and declared_variables(target):
        message = f"target {target.id}: the simpler dialect knows no variables of an account"
        path = "variables" if target.variables else "settings.variables"
        yield Finding(code="TGT001", json_path=path, message=message, hint="Remove them, or dialect: seed.")


def _cannot(target: Target, json_path: str, message: str, hint: str) -> Finding:
    return Finding(code="TGT001", json_path=json_path, message=f"target {target.id}: {message}", hint=hint)


DATTO_RULES = ProviderRules(
    name=PROVIDER,
    settings_schema=SETTINGS_SCHEMA,
    check=check_job,
    vendor_field=PROVIDER,
    variables=declared_variables,
    check_target=check_target,
)
