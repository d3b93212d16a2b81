"""`reconciler ask`: a job asks a person, and waits for the answer."""

import os

import click

from reconciler.cli.exits import ExitCode
from reconciler.cli.options import verb
from reconciler.cli.output import warn
from reconciler.engine.inside import RunLink, inside_run
from reconciler.model.errors import UsageError
from reconciler.model.uids import new_uid


@verb(
    "ask",
    examples="""
    disk=$(reconciler ask "Which disk?" --choice sda --choice sdb)
    password=$(reconciler ask "Password of the vault" --secret --timeout 600)
    """,
)
@click.argument("question")
@click.option("--secret", is_flag=True, help="The answer is kept nowhere, and hidden in what the run writes.")
@click.option("--choice", "choices", multiple=True, metavar="TEXT", help="An answer that is allowed; may be repeated.")
@click.option("--timeout", type=click.IntRange(min=1), metavar="N", help="Wait at most N seconds.  [default: no limit]")
def command(
    *,
    directory: str | None,  # noqa: ARG001 - the run knows where it belongs
    question: str,
    secret: bool,
    choices: tuple[str, ...],
    timeout: int | None,
) -> int:
    """Ask a person QUESTION from within a job, and write the answer to standard output.

    The run is `waiting` until somebody answers: reconciler runs answer UID.  The exit code is 7 when nobody did in
    time.  The time-outs of task and job go on meanwhile.
    """
    link = require_run("ask")
    answer = link.request(
        "ask",
        key=new_uid(),
        question=question,
        is_secret=secret,
        choices=list(choices),
        timeout_seconds=timeout,
    )
    if answer is None or "text" not in answer:
        warn(f"No answer within {timeout} seconds.")
        return ExitCode.RUN_UNKNOWN
    click.echo(answer["text"])
    return ExitCode.DONE


def require_run(name: str) -> RunLink:
    """Return the way to ask of the run we are in. Raises UsageError where there is none."""
    link = inside_run(os.environ)
    if link is None:
        raise UsageError(
            f"`{name}` works in a job that runs on the local target, and this is none",
            hint="Call it from the script of a task, and run that: reconciler run JOB",
        )
    return link
