"""`reconciler event`: something happened; start the jobs that wait for it."""

import sys
from pathlib import Path
from typing import Any

import click

from reconciler.cli.inside import link_of_call, send_event
from reconciler.cli.options import format_option, secrets_option, state_option, verb, wait_option
from reconciler.model.errors import CouldNot, UsageError
from reconciler.model.event import (
    GIVEN_SOURCE,
    MAX_BYTES,
    OWN_SOURCE,
    RUN_SOURCE,
    Event,
    check_event,
    read_event_data,
)
from reconciler.model.instant import utc_now
from reconciler.model.uids import new_uid
from reconciler.runs.parameters import parse_assignment


@verb(
    "event",
    examples="""
    reconciler event disk-full --data mount=/var --data free=3
    monitor --as-json | reconciler event disk-full --json - --source monitor --id 4711 --wait
    """,
)
@click.argument("name")
@click.option("--data", "assignments", multiple=True, metavar="NAME=VALUE", help="A text of its data; may be repeated.")
@click.option("--json", "document", metavar="FILE", help="Its data as a JSON object; - reads standard input.")
@click.option("--source", default=GIVEN_SOURCE, show_default=True, metavar="TEXT", help="Who tells of it.")
@click.option("--id", "event_id", metavar="TEXT", help="What tells it from others of the source.  [default: a new one]")
@click.option("--device", default="", metavar="NAME", help="The device that it is about: its hostname or uid.")
@wait_option
@format_option("text", "json")
@state_option
@secrets_option
def command(
    *,
    directory: str | None,
    name: str,
    assignments: tuple[str, ...],
    document: str | None,
    source: str,
    event_id: str | None,
    device: str,
    wait: float | None,
    format_: str,
    state: str | None,
    secrets: str | None,
) -> int:
    """Tell that NAME happened: every applied job whose events name it, in the same letters, is started.

    The event is on disk before anything is answered.  One with the same --source and --id is taken once.  With --wait
    the exit code is that of the runs that it started.  Within a job it is told to the engine that runs the job, from
    any folder, and its source is the run.
    """
    link = link_of_call(directory, state)
    if link and (source != GIVEN_SOURCE or wait is not None):
        raise UsageError(
            "within a job an event has the run for its source, and is not waited for",
            hint="Leave --source and --wait out, or start a job by name: reconciler run JOB --wait",
        )
    if source == OWN_SOURCE or source.startswith(RUN_SOURCE):
        raise UsageError(f"--source {source} is that of reconciler's own events", hint="Choose another.")
    event = check_event(
        Event(
            id=event_id if event_id is not None else new_uid(),
            type=name,
            source=source,
            at=utc_now(),
            device=device,
            data=_read_data(document) | dict(parse_assignment(text) for text in assignments),
        )
    )
    if link:
        return send_event(link, event, format_=format_)
    # Within a job none of this is needed, and it takes longer to load than most jobs' own work.
    from reconciler.cli.announcing import announce
    from reconciler.cli.session import open_session

    with open_session(directory=directory, state=state, secrets=secrets) as session:
        return announce(session, event, wait=wait, format_=format_)


def _read_data(document: str | None) -> dict[str, Any]:
    if document is None:
        return {}
    if document == "-":
        return read_event_data(sys.stdin.buffer.read(MAX_BYTES + 1))
    try:
        with Path(document).open("rb") as file:
            return read_event_data(file.read(MAX_BYTES + 1))
    except OSError as error:
        raise CouldNot(f"cannot read {document}: {error.strerror}", hint="Check --json.") from None
