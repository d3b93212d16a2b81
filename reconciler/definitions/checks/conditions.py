"""A job's condition, and the `where` of its events: each reads as CEL, names only what there is, is never slow."""

from collections.abc import Iterator, Mapping

from reconciler.definitions.suggest import did_you_mean, listed, quote
from reconciler.model.conditions import EVENT_NAMES, compile_condition, compile_where, condition_names
from reconciler.model.expressions import ExpressionInvalid, Sort
from reconciler.model.job import Job
from reconciler.model.provider import Finding


def check_condition(job: Job) -> Iterator[Finding]:
    """Yield what is wrong with a condition that is text; one of Keeper's own form is its target's affair."""
    if not isinstance(job.condition, str):
        return
    try:
        compile_condition(job)
    except ExpressionInvalid as error:
        yield _finding(error, "condition", "the condition", condition_names(job), _CONDITION_HINT)


def check_wheres(job: Job) -> Iterator[Finding]:
    """Yield what is wrong with the `where` of the job's events."""
    for index, trigger in enumerate(job.events):
        try:
            if trigger.where:
                compile_where(trigger.where)
        except ExpressionInvalid as error:
            yield _finding(error, f"events[{index}].where", "the where", EVENT_NAMES, _WHERE_HINT)


_CONDITION_HINT = "A condition is CEL: device.os == 'linux' && parameters.days > 3."
_WHERE_HINT = "What an event must hold is CEL: event.data.free < 5."


def _finding(error: ExpressionInvalid, json_path: str, what: str, names: Mapping[str, Sort], hint: str) -> Finding:
    place = f" at column {error.column}" if error.column else ""
    if error.line > 1:
        place = f" at line {error.line}, column {error.column}"
    if error.unknown:
        message = f"unknown name {quote(error.unknown)} in {what}{place}{did_you_mean(error.unknown, names)}"
        return Finding(code="JOB006", json_path=json_path, message=message, hint=f"Known: {listed(names, limit=40)}.")
    if error.is_costly:
        hint = "Loop only once, and count less in patterns."
        return Finding(code="JOB007", json_path=json_path, message=f"{what}: {error}", hint=hint)
    return Finding(code="JOB005", json_path=json_path, message=f"{what}{place}: {error}", hint=hint)
