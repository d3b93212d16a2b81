"""Whether a job's condition holds for one device at one moment: expression and values in, true or false out."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from msgspec import Struct

from reconciler.model.conditions import compile_condition
from reconciler.model.job import Job, Value
from reconciler.model.run import Device, Trigger
from reconciler.model.secret import SecretRef

_LAST_STATUS = "job.lastStatus"
_EVENT_FIELDS = ("id", "type", "source", "device")


class Moment(Struct, frozen=True, kw_only=True):
    """What a condition is told of the trigger; ``event`` is empty unless an event is the trigger."""

    target: str
    commit: str
    trigger: Trigger
    scheduled_for: datetime
    requested_by: str = ""
    event: Mapping[str, Any] = {}


def holds_for(
    job: Job, device: Device, moment: Moment, *, values: Mapping[str, Value], last_status: Callable[[], str]
) -> bool:
    """Return whether the condition of ``job`` holds; ``values`` are those of its parameters.

    ``last_status`` tells how the job's last run on the device ended (empty: it never ran); it is asked only where the
    condition reads it.  Raises ExpressionInvalid or ExpressionFailed.
    """
    expression = compile_condition(job)
    facts = _facts(job, device, moment) | _parameter_facts(job, values)
    if _LAST_STATUS in expression.names:
        facts[_LAST_STATUS] = last_status()
    return expression.holds(facts)


def _facts(job: Job, device: Device, moment: Moment) -> dict[str, Any]:
    event = {f"event.{name}": str(moment.event.get(name, "")) for name in _EVENT_FIELDS}
    return event | {
        "commit": moment.commit,
        "device.hostname": device.hostname,
        "device.os": device.os,
        "device.site": device.site,
        "device.tags": list(device.tags),
        "device.uid": device.uid,
        "event.at": moment.event.get("at"),
        "event.data": moment.event.get("data", {}),
        "job.id": job.id,
        "job.name": job.title,
        "run.requestedBy": moment.requested_by,
        "run.scheduledFor": moment.scheduled_for,
        "run.trigger": moment.trigger.kind.value,
        "target": moment.target,
    }


def _parameter_facts(job: Job, values: Mapping[str, Value]) -> dict[str, Any]:
    """Return the parameters by their names in conditions; a secret is not among them, so reading it fails."""
    return {
        f"parameters.{parameter.name}": values.get(parameter.name)
        for parameter in job.parameters
        if not isinstance(values.get(parameter.name), SecretRef)
    }
