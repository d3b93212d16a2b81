"""The part of `reconciler import` for targets that keep variables: what their file would have to say."""

from typing import Any

import click

from reconciler.cli.output import echo_json, tell
from reconciler.loop.importing_variables import ImportedVariables
from reconciler.model.text import escape_text


def echo_variables(found: ImportedVariables, *, format_: str) -> None:
    """Show the lines to add, and tell what they lack."""
    if format_ == "json":
        echo_json(_document(found))
        return
    if found.items:
        click.echo(f"# to be added to {found.path}")
        for line in found.lines():
            click.echo(line)
    for id_, why in found.refused.items():
        tell(f"not imported: variable {escape_text(id_)}: {escape_text(why)}")
    for item in found.items:
        if item.secret:
            tell(f"secret {item.secret} needs the value of variable {escape_text(item.variable.id)}")
    if not found.is_complete:
        tell("the listing is incomplete: there may be more")
    count = f"{len(found.items)} to declare, {len(found.refused)} not, {len(found.left)} left as they are."
    tell(f"{found.target}: {count} Nothing was written; the next apply takes over what its file declares.")


def _document(found: ImportedVariables) -> dict[str, Any]:
    return {
        "target": found.target,
        "path": found.path,
        "complete": found.is_complete,
        "variables": [{"id": item.variable.id, **item.entry} for item in found.items],
        "refused": [{"id": id_, "reason": why} for id_, why in found.refused.items()],
        "left": [{"id": id_, "reason": why} for id_, why in found.left.items()],
        "definition": "\n".join(found.lines()) + "\n" if found.items else "",
    }
