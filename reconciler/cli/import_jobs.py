"""`reconciler import`: definitions for the jobs that a target holds, and the word that they are ours."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from reconciler.cli.completing import complete_target
from reconciler.cli.exits import ExitCode
from reconciler.cli.import_variables import echo_variables
from reconciler.cli.options import format_option, secrets_option, state_option, verb
from reconciler.cli.output import echo_json, tell
from reconciler.cli.session import Session, open_session
from reconciler.loop.desired import CommitState
from reconciler.loop.importing import Importing, carry_out, prepare_import
from reconciler.loop.importing_variables import import_variables
from reconciler.loop.world import World
from reconciler.model.errors import DefinitionsInvalid, UsageError
from reconciler.model.problem import Severity
from reconciler.model.text import escape_text
from reconciler.targets.protocol import KeepsVariables

_MOST_FOREIGN = 20


@verb(
    "import",
    examples="""
    reconciler import --target agents --dry-run    # what would be written
    reconciler import --target agents
    reconciler import --target agents --into definitions/jobs/agents
    """,
)
@click.option(
    "--target",
    required=True,
    metavar="NAME",
    shell_complete=complete_target,
    help="The target, as a saved file in targets/ declares it.",
)
@click.option("--into", metavar="DIR", help="Where definitions go.  [default: jobs/ of the definitions folder]")
@click.option("--rename", is_flag=True, help="Give jobs whose id cannot be declared another one, at the target too.")
@click.option("--dry-run", is_flag=True, help="Only show what would be written, and what cannot be.")
@format_option("text", "json")
@state_option
@secrets_option
def command(
    *,
    directory: str | None,
    target: str,
    into: str | None,
    rename: bool,
    dry_run: bool,
    format_: str,
    state: str | None,
    secrets: str | None,
) -> int:
    """Write a definition for each job that a target holds and no file declares, and take these jobs over.

    No file is overwritten. The next plan of the saved files changes none of these jobs, or this command fails. Commit
    the files: until then the jobs are ours, and nothing removes them.

    Of a target that keeps variables and no jobs it shows the lines that declare these, and writes nothing: masked ones
    become references to secrets, which have to be given their values.
    """
    with open_session(directory=directory, state=state, secrets=secrets) as session:
        source = _read_valid(session)
        world = session.world(source)
        _check_target(world, source, target)
        if not world.targets[target].capabilities.holds_schedules:
            found = import_variables(world, source, target)
            echo_variables(found, format_=format_)
            return ExitCode.COULD_NOT if found.refused or not found.is_complete else ExitCode.DONE
        folder = _folder(session, source, into, Path(directory or "."))
        importing = prepare_import(world, source, target, folder=folder, renames=rename)
        failures: Mapping[str, str] = {}
        if not dry_run and importing.items:
            failures = carry_out(world, importing, session.read_files)
    if format_ == "json":
        echo_json(_document(importing, failures, dry_run=dry_run))
    else:
        _echo(importing, failures, dry_run=dry_run)
    return ExitCode.COULD_NOT if importing.refused or failures else ExitCode.DONE


def _read_valid(session: Session) -> CommitState:
    source = session.read_files()
    if source.loaded.has_errors:
        problems = [problem for problem in source.loaded.problems if problem.severity is Severity.ERROR]
        message = "the saved definitions have problems; nothing was imported"
        raise DefinitionsInvalid(message, problems=problems, hint="Mend them first: reconciler validate")
    return source


def _check_target(world: World, source: CommitState, name: str) -> None:
    known_target = world.targets.get(name)
    if known_target is not None and not (
        known_target.capabilities.holds_schedules or isinstance(known_target, KeepsVariables)
    ):
        raise UsageError(f"target {name} holds no jobs of its own, so there is nothing to import")
    if name not in source.loaded.desired.targets:
        known = ", ".join(sorted(source.loaded.desired.targets)) or "none"
        folder = f"{source.settings.definitions}/targets"
        raise UsageError(f"no file declares target {name}", hint=f"{folder} has: {known}.")


def _folder(session: Session, source: CommitState, into: str | None, here: Path) -> str:
    """Return the folder for the files, relative to the repository's root. Raises UsageError."""
    jobs = f"{source.settings.definitions}/jobs"
    if into is None:
        return jobs
    root = session.repository.root.resolve()
    path = (here / into).resolve()
    if not path.is_relative_to(root / jobs):
        raise UsageError(f"--into {into} is not in {jobs}", hint=f"Name a folder below it, as in: --into {jobs}/agents")
    return path.relative_to(root).as_posix()


def _echo(importing: Importing, failures: Mapping[str, str], *, dry_run: bool) -> None:
    click.echo(f"{importing.target}:")
    for item in importing.items:
        failed = failures.get(item.live.id)
        sign = "!" if failed else "+"
        click.echo(f"  {sign} job {escape_text(item.live.id)}  {escape_text(item.declared.path)}")
        for note in [failed] if failed else item.notes:
            click.echo(f"      {escape_text(note)}")
        if dry_run:
            for line in item.data.decode().splitlines():
                click.echo(f"      | {line}")
    for live_id, why in importing.refused.items():
        click.echo(f"  ! job {escape_text(live_id)} is not imported: {escape_text(why)}")
    for live_id, why in importing.left.items():
        click.echo(f"    job {escape_text(live_id)}: {escape_text(why)}")
    for why in list(importing.foreign.values())[:_MOST_FOREIGN]:
        click.echo(f"    left alone: {escape_text(why)}")
    if (more := len(importing.foreign) - _MOST_FOREIGN) > 0:
        click.echo(f"    left alone: {more} more")
    if not importing.is_complete:
        click.echo("    the listing is incomplete: there may be more")
    done = len(importing.items) - len(failures)
    click.echo(f"{done} {'to import' if dry_run else 'imported'}, {len(importing.refused) + len(failures)} not.")
    if done and not dry_run:
        folder = importing.items[0].declared.path.rpartition("/")[0]
        tell(f"A plan of the saved files changes none of them.\nNext: git add {folder} && git commit")


def _document(importing: Importing, failures: Mapping[str, str], *, dry_run: bool) -> dict[str, Any]:
    return {
        "target": importing.target,
        "dryRun": dry_run,
        "complete": importing.is_complete,
        "imported": [
            {
                "id": item.declared.form.id,
                "liveId": item.live.id,
                "path": item.declared.path,
                "notes": list(item.notes),
                "definition": item.data.decode(),
            }
            for item in importing.items
            if item.live.id not in failures
        ],
        "refused": [{"liveId": id_, "reason": why} for id_, why in (importing.refused | dict(failures)).items()],
        "left": [{"liveId": id_, "reason": why} for id_, why in importing.left.items()],
        "foreign": [{"liveId": id_, "reason": why} for id_, why in importing.foreign.items()],
    }
