"""`reconciler backfill`: start the instants of a past span by hand."""

import click

from reconciler.cli.completing import complete_job, complete_target
from reconciler.cli.exits import code_of_status, first_of
from reconciler.cli.options import format_option, secrets_option, state_option, verb
from reconciler.cli.output import echo_json, echo_table, instant_text, tell, warn
from reconciler.cli.requesting import find_job
from reconciler.cli.run_table import echo_runs
from reconciler.cli.session import open_session
from reconciler.cli.simulate import read_time
from reconciler.loop.backfill import Instant, list_instants, start_instants
from reconciler.loop.desired import read_settings_at
from reconciler.reports.publish import publish_reports
from reconciler.runs.document import run_document
from reconciler.runs.drive import drive_until_ended
from reconciler.runs.parameters import parse_assignment


@verb(
    "backfill",
    examples="""
    reconciler backfill backup-db --from 2026-03-01 --to 2026-03-03 --dry-run
    reconciler backfill backup-db --from 2026-03-01 --to 2026-03-03
    """,
)
@click.argument("job", shell_complete=complete_job)
@click.option("--from", "start", required=True, metavar="T", help="The start of the span: an instant or a date.")
@click.option("--to", "until", required=True, metavar="T", help="Its end, which is not part of it, and not after now.")
@click.option("--var", "assignments", multiple=True, metavar="NAME=VALUE", help="A parameter; may be repeated.")
@click.option(
    "--target",
    metavar="NAME",
    shell_complete=complete_target,
    help="On this target.  [default: all that the job names]",
)
@click.option("--dry-run", is_flag=True, help="Only list the instants.")
@format_option("text", "json")
@state_option
@secrets_option
def command(
    *,
    directory: str | None,
    job: str,
    start: str,
    until: str,
    assignments: tuple[str, ...],
    target: str | None,
    dry_run: bool,
    format_: str,
    state: str | None,
    secrets: str | None,
) -> int:
    """Start the instants of a past span that did not run: each once, oldest first, one after the other.

    The runs carry the instant they stand for (`scheduledFor`).  A second call starts nothing twice.
    """
    span = {"start": read_time(start, "--from"), "until": read_time(until, "--to")}
    given = dict(parse_assignment(text) for text in assignments)
    with open_session(directory=directory, state=state, secrets=secrets) as session:
        applied = find_job(session, job, target)
        world = session.world_of_applied(read_settings_at(session.repository, applied[0].origin.commit))
        instants = {item.target: list_instants(world, item, **span) for item in applied}
        if dry_run:
            _echo_instants(instants, format_)
            return 0
        runs = [
            run
            for item in applied
            for run in start_instants(world, item, instants[item.target], given, requested_by=session.requester)
        ]
        drive_until_ended(world.driver, uids=frozenset(run.uid for run in runs))
        published = publish_reports(world.store, world.repository, settings=world.settings.reports, now=world.clock())
        ended = [session.store.run(run.uid) or run for run in runs]
        if format_ == "json":
            echo_json([run_document(run, session.store.tasks(run.uid)) for run in ended])
        elif ended:
            echo_runs(session.store, ended)
    tell(f"{len(ended)} started.")
    if published.problem:
        warn(f"reports: {published.problem}")
    return first_of([code_of_status(run.status) for run in ended])


def _echo_instants(instants: dict[str, list[Instant]], format_: str) -> None:
    if format_ == "json":
        echo_json(
            [
                {"target": target, "scheduledFor": instant_text(item.at), "whyNot": item.why_not}
                for target, items in instants.items()
                for item in items
            ]
        )
        return
    rows = [
        (f"{item.at:%Y-%m-%d %H:%M}Z", target, item.why_not or "to be started")
        for target, items in instants.items()
        for item in items
    ]
    echo_table(("SCHEDULED FOR", "TARGET", ""), rows)
