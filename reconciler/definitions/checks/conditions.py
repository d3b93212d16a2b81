"""A job's condition: it must read as CEL, name only what there is, and never take long."""

from collections.abc import Iterator

from reconciler.definitions.suggest import did_you_mean, listed, quote
from reconciler.model.conditions import compile_condition, condition_names
from reconciler.model.expressions import ExpressionInvalid
from reconciler.model.job import Job
from reconciler.model.provider import Finding


def check_condition(job: Job) -> Iterator[Finding]:
    """Yield what is wrong with a condition that is text; one of Keeper's own form is its target's affair."""
    if not isinstance(job.condition, str):
        return
    try:
        compile_condition(job)
    except ExpressionInvalid as error:
        yield _finding(job, error)


def _finding(job: Job, error: ExpressionInvalid) -> Finding:
    place = f" at column {error.column}" if error.column else ""
    if error.line > 1:
        place = f" at line {error.line}, column {error.column}"
    if error.unknown:
        names = condition_names(job)
        message = f"unknown name {quote(error.unknown)} in the condition{place}{did_you_mean(error.unknown, names)}"
        return Finding(code="JOB006", json_path="condition", message=message, hint=f"Known: {listed(names, limit=40)}.")
    if error.is_costly:
        hint = "Loop only once, and count less in patterns."
        return Finding(code="JOB007", json_path="condition", message=f"the condition: {error}", hint=hint)
    hint = "A condition is CEL: device.os == 'linux' && parameters.days > 3."
    return Finding(code="JOB005", json_path="condition", message=f"the condition{place}: {error}", hint=hint)
