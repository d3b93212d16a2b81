"""What is wrong or odd in one form, beyond its schema: findings that know their field, not yet their line."""

from collections.abc import Iterator

from reconciler.definitions.checks.component import check_component
from reconciler.definitions.checks.job import check_job
from reconciler.definitions.checks.others import check_one_off, check_target
from reconciler.model.forms import Component, Form, OneOff, Target
from reconciler.model.job import Job
from reconciler.model.provider import Finding


def check_form(form: Form, damaged: frozenset[str] = frozenset()) -> Iterator[Finding]:
    """Yield findings; ``damaged`` names the fields in which something is missing that was written, but wrong."""
    if isinstance(form, Job):
        yield from check_job(form, damaged)
    elif isinstance(form, Component):
        yield from check_component(form, damaged)
    elif isinstance(form, Target):
        yield from check_target(form)
    elif isinstance(form, OneOff):
        yield from check_one_off(form)
