"""Running a component without a job: which one is meant, whether its values do, and the job that it makes."""

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from shlex import quote

from msgspec.structs import replace

from reconciler.model.errors import UsageError
from reconciler.model.forms import Component, Kind, digest_form
from reconciler.model.inventory import Applied
from reconciler.model.job import ComponentLink, Job, Overlap, Parameter, Value
from reconciler.planning.plan import LOCAL
from reconciler.runs.parameters import describe_parameter, resolve_parameters

_SHOWN = 3


def find_component(components: Sequence[Applied], wanted: str) -> Applied:
    """Return the component with the uid, id or name ``wanted``. Raises UsageError with those that may be meant."""
    folded = wanted.casefold()
    for matches in (
        [item for item in components if folded in {_form(item).id.casefold(), (_form(item).uid or "").casefold()}],
        [item for item in components if _form(item).name.casefold() == folded],
    ):
        if len(matches) == 1:
            return matches[0]
        if matches:
            raise UsageError(f'Several components have the name "{wanted}"', hint="\n".join(map(_line, matches)))
    by_name = {(_form(item).name or item.id): item for item in components}
    close = get_close_matches(wanted, by_name, n=_SHOWN, cutoff=0.4)
    lines = ["Did you mean one of these?", *(_line(by_name[name]) for name in close)] if close else []
    if not components:
        lines = ["No component is applied here yet. Next: reconciler reconcile"]
    raise UsageError(
        f'Component not found: "{wanted}"', hint="\n".join([*lines, "Use the exact component name or UID."])
    )


def _form(item: Applied) -> Component:
    assert isinstance(item.form, Component)
    return item.form


def _line(item: Applied) -> str:
    form = _form(item)
    return f"- {form.name or form.id} (UID: {form.uid or form.id})"


def job_of_component(applied: Applied) -> Applied:
    """Return the job that runs the component, as if it were applied: its runs are no other job's."""
    component = _form(applied)
    job = Job(
        id=component.id,
        name=component.name,
        description=component.description,
        targets=(applied.target,),
        component=component.id,
        component_link=ComponentLink(
            uid=component.uid or "", name=component.name or component.id, os_type=component.os_type
        ),
        parameters=component.variables,
        tasks=(component.as_task(),) if component.script is not None else (),
        overlap=Overlap.ALLOW,
    )
    return replace(
        applied,
        kind=Kind.JOB,
        root_id=f"component:{component.id}",
        form=job,
        origin=replace(applied.origin, digest=digest_form(job)),
    )


def check_variables(applied: Applied, given: Mapping[str, Value], *, device: str | None) -> None:
    """Raise UsageError, with the usage line of seed 002, where the component cannot run with the values ``given``."""
    component = _form(applied)
    name = component.name or component.id
    missing = [item for item in component.variables if _is_needed(item) and given.get(item.name) is None]
    about = "\n".join(
        [
            "Required variables for this component:" if any(map(_is_needed, component.variables)) else "Variables:",
            *(describe_parameter(variable) for variable in component.variables),
            "",
            f"Usage: {_usage(component, applied.target, device)}",
        ]
    )
    if missing:
        names = ", ".join(variable.name for variable in missing)
        raise UsageError("Missing required variable", hint=f"\nComponent:  {name}\nMissing:    {names}\n\n{about}")
    job = job_of_component(applied).form
    assert isinstance(job, Job)
    try:
        resolve_parameters(job, given)
    except UsageError as error:
        raise UsageError(str(error), hint=f"\nComponent:  {name}\n\n{about}") from None


def _is_needed(variable: Parameter) -> bool:
    return variable.required and variable.default is None


def _usage(component: Component, target: str, device: str | None) -> str:
    words = ["reconciler run", "--component", quote(component.name or component.id)]
    if target != LOCAL:
        words += ["--target", quote(target)]
    if device:
        words += ["--device", quote(device)]
    needed = [variable for variable in component.variables if _is_needed(variable)] or list(component.variables[:1])
    if needed:
        values = ",".join(f"{variable.name}=VALUE" for variable in needed)
        words += ["--variables", f'"{values}"']
    return " ".join(words)
