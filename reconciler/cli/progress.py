"""`reconciler progress`: a job says how far it is."""

import click

from reconciler.cli.ask import require_run
from reconciler.cli.exits import ExitCode
from reconciler.cli.options import verb
from reconciler.model.uids import new_uid


@verb(
    "progress",
    examples="""
    reconciler progress 40
    reconciler progress 75 "copying /var"
    """,
)
@click.argument("percent", type=click.IntRange(0, 100))
@click.argument("text", default="")
def command(*, directory: str | None, percent: int, text: str) -> int:  # noqa: ARG001 - as for ask
    """Say from within a job how much of the task is done, and what it does; shown while it runs, and kept nowhere."""
    require_run("progress").request("tell", key=new_uid(), percent=percent, text=text)
    return ExitCode.DONE
