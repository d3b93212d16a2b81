"""`reconciler run`: start an applied job now."""

from typing import Any

import click

from reconciler.cli.completing import complete_component, complete_job, complete_target
from reconciler.cli.inside import call_runs, link_of_call
from reconciler.cli.options import format_option, secrets_option, state_option, verb, wait_option
from reconciler.model.errors import UsageError
from reconciler.runs.parameters import parse_assignment, parse_assignments


@verb(
    "run",
    examples="""
    reconciler run disk-space
    reconciler run clear-temp-files --var days=30 --wait
    reconciler run clear-temp-files --variables "days=30,dryRun=false" --wait
    reconciler run --component "Clear Temp Files" --variables "days=30" --wait=600
    """,
)
@click.argument("job", required=False, shell_complete=complete_job)
@click.option(
    "--component",
    metavar="NAME|UID",
    shell_complete=complete_component,
    help="Run this component by itself, without a job.",
)
@click.option("--device", metavar="NAME|UID", help="Only on this device.")
@click.option("--var", "assignments", multiple=True, metavar="NAME=VALUE", help="A parameter; may be repeated.")
@click.option("--variables", metavar="K=V,K2=V2", help=r"Parameters in one text; \, is a comma.")
@click.option(
    "--target",
    metavar="NAME",
    shell_complete=complete_target,
    help="On this target.  [default: all that the job names]",
)
@wait_option
@click.option("--force", is_flag=True, help="Run a job that is disabled.")
@format_option("text", "json")
@state_option
@secrets_option
def command(
    *,
    directory: str | None,
    job: str | None,
    component: str | None,
    device: str | None,
    assignments: tuple[str, ...],
    variables: str | None,
    target: str | None,
    wait: float | None,
    force: bool,
    format_: str,
    state: str | None,
    secrets: str | None,
) -> int:
    """Run an applied job, or a component by itself, now, in the form that was last applied.

    With --wait the exit code is 0 when it completed, 6 when it failed, 7 when it timed out; without, it is 6 only where
    a run could not even be started.  Within a job it asks the engine that runs the job, from any folder, and the run is
    linked to that of the job.
    """
    given = parse_assignments(variables) if variables else {}
    given |= dict(parse_assignment(text) for text in assignments)
    if (job is None) == (component is None):
        raise UsageError("name a job, or a component with --component", hint="One of the two: reconciler run JOB")
    if link := link_of_call(directory, state):
        fields: dict[str, Any] = {"job": job, "component": component, "target": target, "device": device}
        return call_runs(link, wait=wait, format_=format_, variables=given, is_forced=force, **fields)
    # Within a job none of this is needed, and it takes longer to load than most jobs' own work.
    from reconciler.cli.driving import see_through
    from reconciler.cli.requesting import request_component, request_job
    from reconciler.cli.session import open_session

    with open_session(directory=directory, state=state, secrets=secrets) as session:
        if job is not None:
            runs, world = request_job(session, job, given, target=target, device=device, is_forced=force)
        else:
            runs, world = request_component(session, component or "", given, target=target, device=device)
        return see_through(session, world, runs, wait=wait, format_=format_)
