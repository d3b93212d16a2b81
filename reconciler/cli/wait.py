"""`reconciler wait`: wait for runs to end."""

import math

import click

from reconciler.cli.completing import complete_run
from reconciler.cli.inside import call_runs, link_of_call
from reconciler.cli.options import format_option, secrets_option, state_option, verb


@verb(
    "wait",
    examples="""
    reconciler wait 0198a1c2
    reconciler wait 0198a1c2 0198a1c3 --timeout 600
    """,
)
@click.argument("uids", nargs=-1, required=True, metavar="UID...", shell_complete=complete_run)
@click.option("--timeout", type=click.IntRange(min=0), metavar="N", help="Wait at most N seconds.  [default: no limit]")
@format_option("text", "json")
@state_option
@secrets_option
def command(
    *,
    directory: str | None,
    uids: tuple[str, ...],
    timeout: int | None,
    format_: str,
    state: str | None,
    secrets: str | None,
) -> int:
    """Wait until these runs have ended, and tell how they went. The start of a uid is enough.  Works within a job, too.

    The exit code is 0 when all completed, 6 when one failed, 7 when one timed out or goes on past --timeout.
    """
    seconds = math.inf if timeout is None else float(timeout)
    if link := link_of_call(directory, state):
        return call_runs(link, wait=seconds, format_=format_, what="wait for", uids=list(uids))
    from reconciler.cli.driving import see_through
    from reconciler.cli.report import find_run
    from reconciler.cli.session import open_session

    with open_session(directory=directory, state=state, secrets=secrets) as session:
        runs = list({run.uid: run for run in (find_run(session, uid) for uid in uids)}.values())
        world = session.world_of_applied(session.applied_settings())
        return see_through(session, world, runs, wait=seconds, format_=format_)
