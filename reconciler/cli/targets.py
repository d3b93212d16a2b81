"""`reconciler targets`: which there are, whether they can be talked to, and their components as packages."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from reconciler.cli.completing import complete_component, complete_target
from reconciler.cli.devices import find_target
from reconciler.cli.exits import ExitCode
from reconciler.cli.options import format_option, secrets_option, state_option, verb
from reconciler.cli.output import echo_json, echo_table
from reconciler.cli.session import open_session
from reconciler.loop.desired import CommitState
from reconciler.model.errors import CouldNot, TargetRefused, TargetUnavailable, UsageError
from reconciler.model.forms import Component
from reconciler.model.job import Devices
from reconciler.model.live import ComponentState
from reconciler.model.text import escape_text
from reconciler.planning.by_hand import ManualStep, manual_steps, used_components
from reconciler.planning.renderings.by_hand import detail_words
from reconciler.planning.renderings.words import write
from reconciler.targets.protocol import KeepsComponents, LiveTarget


@click.group("targets", context_settings={"help_option_names": ["-h", "--help"]})
def command() -> None:
    """List targets, check that they can be talked to, pack components for import by hand.

    \b
    Examples:
      reconciler targets list
      reconciler targets check acme
      reconciler targets bundle acme --out dist
    """


@verb("list", examples="reconciler targets list")
@format_option("text", "json")
@state_option
@secrets_option
def list_command(*, directory: str | None, format_: str, state: str | None, secrets: str | None) -> int:
    """List the targets that are declared at HEAD, and what each can do. Asks none of them."""
    with open_session(directory=directory, state=state, secrets=secrets) as session:
        source = session.read_commit()
        targets = session.world(source).targets
        jobs = {name: _jobs_of(source, name) for name in targets}
    if format_ == "json":
        echo_json([_document(target, jobs[name]) for name, target in targets.items()])
        return ExitCode.DONE
    rows = [(name, str(len(jobs[name])), ", ".join(_words(target)) or "-") for name, target in sorted(targets.items())]
    echo_table(("TARGET", "JOBS", "CAN"), rows)
    return ExitCode.DONE


@verb(
    "check",
    examples="""
    reconciler targets check
    reconciler targets check acme
    """,
)
@click.argument("names", nargs=-1, metavar="[TARGET]...", shell_complete=complete_target)
@format_option("text", "json")
@state_option
@secrets_option
def check_command(
    *, directory: str | None, names: tuple[str, ...], format_: str, state: str | None, secrets: str | None
) -> int:
    """Talk to targets: log in, list devices, compare components with those that HEAD declares. Changes nothing.

    The exit code is 1 where one cannot be reached, or refuses us; 2 where a component is not as declared.
    """
    with open_session(directory=directory, state=state, secrets=secrets) as session:
        source = session.read_commit()
        targets = session.world(source).targets
        found = [_check(find_target(targets, name), source) for name in names or sorted(targets)]
    if format_ == "json":
        echo_json(found)
    else:
        for item in found:
            click.echo("\n".join(_check_lines(item)))
    if any(item["problem"] for item in found):
        return ExitCode.COULD_NOT
    states = {component["state"] for item in found for component in item["components"]}
    return ExitCode.CHANGES if states - {"as declared"} else ExitCode.DONE


@verb(
    "bundle",
    examples="""
    reconciler targets bundle acme
    reconciler targets bundle acme --component clear-temp --out dist
    """,
)
@click.argument("name", metavar="TARGET", shell_complete=complete_target)
@click.option(
    "--component",
    metavar="ID",
    shell_complete=complete_component,
    help="Only this component.  [default: all that have a script]",
)
@click.option("--out", metavar="DIR", default="dist", show_default=True, help="The folder to write to.")
@state_option
@secrets_option
def bundle_command(
    *, directory: str | None, name: str, component: str | None, out: str, state: str | None, secrets: str | None
) -> int:
    """Write components as packages, where only a person can import them: the same commit gives the same bytes."""
    with open_session(directory=directory, state=state, secrets=secrets) as session:
        source = session.read_commit()
        target = find_target(session.world(source).targets, name)
        if not isinstance(target, KeepsComponents):
            raise UsageError(f"target {name} needs no packages", hint="Its components are applied with the commit.")
        chosen = {item.id: item for item in _components(source) if component in {None, item.id}}
        packages = {item.id: target.bundle(item) for item in chosen.values() if item.script is not None}
    if not packages:
        raise UsageError("no component with a script is declared at HEAD", hint="See definitions/components/.")
    _write(Path(directory or ".") / out, packages)
    return ExitCode.DONE


def _write(folder: Path, packages: Mapping[str, bytes]) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, data in packages.items():
            path = folder / f"{name}.cpt"
            path.write_bytes(data)
            click.echo(str(path))
    except OSError as error:
        raise CouldNot(f"cannot write to {folder}: {error.strerror}", hint="Check --out.") from None


def _check(target: LiveTarget, source: CommitState) -> dict[str, Any]:
    item: dict[str, Any] = {"target": target.name, "devices": None, "components": [], "problem": ""}
    try:
        listing = target.devices(Devices(all=True))
        item["devices"] = len(listing.devices)
        if not listing.complete:
            item["problem"] = "its list of devices is not whole"
        if isinstance(target, KeepsComponents):
            used = used_components(_forms(source, target.name))
            found = target.compare([one.form for one in used.values()])
            steps = {step.component: step for step in manual_steps(target.name, used, found)}
            item["components"] = [_component_document(state, steps.get(state.id)) for state in found]
    except (TargetUnavailable, TargetRefused) as error:
        item["problem"] = str(error)
        item["hint"] = error.hint
    return item


def _check_lines(item: Mapping[str, Any]) -> Iterator[str]:
    if item["problem"]:
        yield f"{item['target']}: {escape_text(item['problem'].removeprefix(item['target'] + ': '))}"
        yield from (f"  {escape_text(line)}" for line in item.get("hint", "").splitlines())
    else:
        yield f"{item['target']}: can be talked to; {item['devices']} devices"
    for component in item["components"]:
        yield f"  component {component['id']}: {component['state']}"
        yield from (f"    {escape_text(note)}" for note in component["notes"])


def _component_document(found: ComponentState, step: ManualStep | None) -> dict[str, Any]:
    notes = [write(line, str) for line in detail_words(step)] if step is not None else list(found.notes)
    return {"id": found.id, "state": found.state.value, "uid": found.uid, "notes": notes}


def _components(source: CommitState) -> list[Component]:
    return [item.form for _, item in sorted(source.loaded.desired.components.items())]


def _jobs_of(source: CommitState, target: str) -> list[str]:
    return sorted(job_id for job_id, item in source.loaded.desired.jobs.items() if target in item.form.targets)


def _forms(source: CommitState, target: str) -> list[object]:
    desired = source.loaded.desired
    return [*(desired.jobs[job_id].form for job_id in _jobs_of(source, target)), *_components(source)]


def _words(target: LiveTarget) -> list[str]:
    can = target.capabilities
    words = {
        "run now": can.runs_now,
        "hold schedules": can.holds_schedules,
        "cancel": can.cancels,
        "ask": can.feedback,
        "give output": can.output,
        "list devices": can.lists_devices,
    }
    return [word for word, is_so in words.items() if is_so]


def _document(target: LiveTarget, jobs: list[str]) -> dict[str, Any]:
    return {"target": target.name, "jobs": jobs, "can": _words(target)}


command.add_command(list_command)
command.add_command(check_command)
command.add_command(bundle_command)
