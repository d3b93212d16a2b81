"""`reconciler schema`: the JSON Schemas of the definition language."""

from collections.abc import Mapping
from typing import Any

import click

from reconciler.cli.options import format_option, verb
from reconciler.cli.output import echo_json
from reconciler.definitions.schemas import schema_of
from reconciler.definitions.suggest import did_you_mean, quote
from reconciler.model.errors import UsageError
from reconciler.targets.registry import provider_rules

KINDS = {
    "job": "a job: what runs, where, when and how",
    "component": "a script with typed variables",
    "target": "one configured system",
    "run": "a one-off run",
    "report": "the report of a run",
    "plan": "a plan as `plan --format json` writes it",
}


def _complete(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    return [name for name in _names() if name.startswith(incomplete.lower())]


@verb(
    "schema",
    examples="""
    reconciler schema                # the kinds
    reconciler schema job > job.schema.json
    reconciler schema keeper         # the settings of a target of this provider
    reconciler schema --format markdown       # the reference of all fields
    """,
)
@click.argument("kind", required=False, metavar="[KIND|PROVIDER]", shell_complete=_complete)
@format_option("text", "json", "markdown")
def command(*, directory: str | None, kind: str | None, format_: str) -> int:  # noqa: ARG001 - needs no repository
    """Print the JSON Schema (2020-12) of a kind, or of the settings of a provider's targets; or list them."""
    if format_ == "markdown":
        if kind is not None:
            raise UsageError("--format markdown is the page of all kinds", hint="Leave the kind out.")
        from reconciler.definitions.reference import definitions_page

        click.echo(definitions_page(), nl=False)
    elif kind is not None:
        echo_json(_schema(kind.lower()))
    elif format_ == "json":
        echo_json(_names())
    else:
        for name, words in _names().items():
            click.echo(f"{name:<10} {words}")
    return 0


def _names() -> dict[str, str]:
    return KINDS | {name: f"settings of a target whose provider is {name}" for name in provider_rules()}


def _schema(name: str) -> Mapping[str, Any]:
    if name in KINDS:
        return schema_of(name)
    if name in provider_rules():
        return provider_rules()[name].settings_schema
    message = f"no schema {quote(name)}{did_you_mean(name, _names())}"
    raise UsageError(message, hint=f"There are: {', '.join(_names())}.")
