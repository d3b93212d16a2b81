"""For providers whose targets have no room for variables of their own."""

from collections.abc import Iterator

from reconciler.model.forms import Target
from reconciler.model.provider import Finding


def refuse_variables(target: Target) -> Iterator[Finding]:
    if target.variables:
        yield Finding(
            code="TGT001",
            json_path="variables",
            message=f"target {target.id}: a {target.provider} target keeps no variables",
            hint="Give the values to jobs: parameters, variables or env.",
        )
