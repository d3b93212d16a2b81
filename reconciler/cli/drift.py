"""`reconciler drift`: what targets hold against what was last applied there."""

import click
from msgspec.structs import replace

from reconciler.cli.completing import complete_target
from reconciler.cli.exits import ExitCode, first_of
from reconciler.cli.options import format_option, secrets_option, state_option, verb
from reconciler.cli.output import echo_json
from reconciler.cli.session import Session, open_session
from reconciler.loop.components import drifted_components
from reconciler.loop.surroundings import look_around
from reconciler.model.errors import UsageError
from reconciler.planning.drift import TargetDrift, find_drift, merge_drift
from reconciler.planning.renderings.drift import drift_document, drift_markdown, drift_text
from reconciler.targets.protocol import KeepsComponents


@verb(
    "drift",
    examples="""
    reconciler drift
    reconciler drift --target agents --exit-code   # exits with 2 when something is not as applied
    reconciler drift --format markdown
    """,
)
@click.option(
    "--target",
    metavar="NAME",
    shell_complete=complete_target,
    help="Only this target.  [default: all that hold jobs or components]",
)
@click.option("--exit-code", is_flag=True, help="Exit with 2 when something is not as it was applied.")
@format_option("text", "json", "markdown")
@state_option
@secrets_option
def command(
    *,
    directory: str | None,
    target: str | None,
    exit_code: bool,
    format_: str,
    state: str | None,
    secrets: str | None,
) -> int:
    """Compare what targets hold with what was last applied there, field by field. Writes nothing anywhere.

    `plan` shows the same beside what Git declares; the next `apply` brings jobs back. Components that a target keeps
    only a person brings back: what to import is told.
    """
    with open_session(directory=directory, state=state, secrets=secrets) as session:
        found = read_drift(session, target, components=True)
    if format_ == "json":
        echo_json({"targets": drift_document(found)})
    else:
        click.echo(drift_markdown(found) if format_ == "markdown" else drift_text(found), nl=False)
    has_drift = any(item.items for item in found)
    return first_of(
        [
            ExitCode.COULD_NOT if any(item.unavailable for item in found) else ExitCode.DONE,
            ExitCode.CHANGES if exit_code and has_drift else ExitCode.DONE,
        ]
    )


def read_drift(session: Session, target: str | None = None, *, components: bool = False) -> tuple[TargetDrift, ...]:
    """Look at the targets of the commit that was applied last, or at one of them. Raises UsageError.

    With ``components`` also at what targets keep that run our jobs: those are services, which take their time.
    """
    world = session.world_of_applied(session.applied_settings())
    if target is not None:
        if target not in world.targets:
            known = ", ".join(sorted(world.targets))
            raise UsageError(f"target {target} is not applied here", hint=f"Known at the applied commit: {known}.")
        if not world.targets[target].capabilities.holds_schedules and not isinstance(
            world.targets[target], KeepsComponents
        ):
            raise UsageError(f"target {target} holds no jobs of its own, so nothing can drift there")
        world = replace(world, targets={target: world.targets[target]})
    around = look_around(world, now=session.clock())
    found = find_drift(session.store.inventory(), around)
    return merge_drift([*found, *drifted_components(world)]) if components else found
