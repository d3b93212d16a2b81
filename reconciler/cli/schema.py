"""`reconciler schema`: the JSON Schemas of the definition language."""

import click

from reconciler.cli.options import format_option, verb
from reconciler.cli.output import echo_json
from reconciler.definitions.schemas import schema_of
from reconciler.model.errors import UsageError

KINDS = {
    "job": "a job: what runs, where, when and how",
    "component": "a script with typed variables",
    "target": "one configured system",
    "run": "a one-off run",
    "report": "the report of a run",
    "plan": "a plan as `plan --format json` writes it",
}


@verb(
    "schema",
    examples="""
    reconciler schema                # the kinds
    reconciler schema job > job.schema.json
    reconciler schema --format markdown       # the reference of all fields
    """,
)
@click.argument("kind", required=False, type=click.Choice(list(KINDS), case_sensitive=False))
@format_option("text", "json", "markdown")
def command(*, directory: str | None, kind: str | None, format_: str) -> int:  # noqa: ARG001 - needs no repository
    """Print the JSON Schema (2020-12) of a kind, or list the kinds."""
    if format_ == "markdown":
        if kind is not None:
            raise UsageError("--format markdown is the page of all kinds", hint="Leave the kind out.")
        from reconciler.definitions.reference import definitions_page

        click.echo(definitions_page(), nl=False)
    elif kind is not None:
        echo_json(schema_of(kind))
    elif format_ == "json":
        echo_json(KINDS)
    else:
        for name, words in KINDS.items():
            click.echo(f"{name:<10} {words}")
    return 0
