"""The names that a job's condition may read, and of what kind each is."""

from reconciler.model.event import Event
from reconciler.model.expressions import Expression, Sort, compile_expression
from reconciler.model.job import Job, Parameter, ValueType

_BUILT_IN = {
    "commit": Sort.TEXT,
    "device.hostname": Sort.TEXT,
    "device.os": Sort.TEXT,
    "device.site": Sort.TEXT,
    "device.tags": Sort.TEXTS,
    "device.uid": Sort.TEXT,
    "event.at": Sort.ANY,
    "event.data": Sort.ANY,
    "event.device": Sort.TEXT,
    "event.id": Sort.TEXT,
    "event.source": Sort.TEXT,
    "event.type": Sort.TEXT,
    "job.id": Sort.TEXT,
    "job.lastStatus": Sort.TEXT,
    "job.name": Sort.TEXT,
    "run.requestedBy": Sort.TEXT,
    "run.scheduledFor": Sort.INSTANT,
    "run.trigger": Sort.TEXT,
    "target": Sort.TEXT,
}
EVENT_NAMES = {name: sort for name, sort in _BUILT_IN.items() if name.startswith("event.")} | {"event.at": Sort.INSTANT}
"""What the `where` of an event trigger may read."""

_SORTS = {ValueType.STRING: Sort.TEXT, ValueType.BOOLEAN: Sort.BOOLEAN, ValueType.NUMBER: Sort.ANY}


def condition_names(job: Job) -> dict[str, Sort]:
    """Return the names that the condition of ``job`` may read; those of parameters are ``parameters.NAME``."""
    return _BUILT_IN | {f"parameters.{item.name}": _sort_of(job, item) for item in job.parameters}


def _sort_of(job: Job, parameter: Parameter) -> Sort:
    """One that may be without a value is null then, which only a name of any kind can be."""
    has_value = parameter.required or parameter.default is not None or parameter.name in job.variables
    return _SORTS[parameter.type] if has_value else Sort.ANY


def compile_condition(job: Job) -> Expression:
    """Read the condition of ``job``, which is text. Raises ExpressionInvalid."""
    assert isinstance(job.condition, str)
    return compile_expression(job.condition, tuple(sorted(condition_names(job).items())))


def compile_where(text: str) -> Expression:
    """Read the `where` of an event trigger. Raises ExpressionInvalid."""
    return compile_expression(text, tuple(sorted(EVENT_NAMES.items())))


def where_holds(text: str, event: Event) -> bool:
    """Return whether the `where` holds for ``event``. Raises ExpressionInvalid or ExpressionFailed."""
    return compile_where(text).holds({f"event.{name}": value for name, value in event.facts.items()})
