"""`reconciler event`: something happened; start the jobs that wait for it."""

import os
import sys
from pathlib import Path
from typing import Any

import click

from reconciler.cli.driving import see_through
from reconciler.cli.exits import ExitCode
from reconciler.cli.options import format_option, secrets_option, state_option, verb, wait_option
from reconciler.cli.output import echo_json, tell
from reconciler.cli.session import Session, open_session
from reconciler.loop.events import settle_events, take_event
from reconciler.loop.world import World
from reconciler.model.errors import CouldNot, UsageError
from reconciler.model.event import GIVEN_SOURCE, MAX_BYTES, OWN_SOURCE, Event, check_event, read_event_data
from reconciler.model.run import Run, TriggerKind
from reconciler.model.text import escape_text
from reconciler.model.uids import new_uid
from reconciler.runs.parameters import parse_assignment
from reconciler.store.records import RunFilter

_BECAME = {
    "no_job": "no applied job names it",
    "not_wanted": "the where of {} does not hold",
    "coalesced": "{} has a run that waits for its start: counted there",
    "too_deep": "too many runs led to it, one from another",
    "own_end": "a job is not started by its own end",
}
_LOOKED_AT = 1000


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
    the exit code is that of the runs that it started.
    """
    if source == OWN_SOURCE:
        raise UsageError(f"--source {source} is that of reconciler's own events", hint="Choose another.")
    data = _read_data(document) | dict(parse_assignment(text) for text in assignments)
    with open_session(directory=directory, state=state, secrets=secrets) as session:
        event = check_event(
            Event(
                id=event_id if event_id is not None else new_uid(),
                type=name,
                source=source,
                at=session.clock(),
                device=device,
                data=data,
                depth=_depth_here(session),
            )
        )
        world = session.world_of_applied(session.applied_settings())
        if not take_event(world, event):
            tell(f"event {escape_text(event.id)} of {escape_text(source)} is known; it starts nothing again.")
            if format_ == "json":
                echo_json([])
            return ExitCode.DONE
        tell(f"event {escape_text(name)} recorded: {escape_text(event.id)}")
        runs = _start(session, world, event)
        if not runs:
            tell(f"Nothing was started: {_why_nothing(session, event)}.")
        return see_through(session, world, runs, wait=wait, format_=format_)


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


def _depth_here(session: Session) -> int:
    """Return how many runs led here, where a run tells of the event: a chain has an end this way too."""
    uid = os.environ.get("RECONCILER_RUN_UID")
    run = session.store.run(uid) if uid else None
    return int(run.event.get("depth", 0)) + 1 if run is not None else 0


def _start(session: Session, world: World, event: Event) -> list[Run]:
    """Return the runs of the event, also those that a serving process was the first to make."""
    settle_events(world, now=world.clock())
    newest = session.store.runs(RunFilter(trigger_kind=TriggerKind.EVENT, since=event.at), limit=_LOOKED_AT)
    return [run for run in reversed(newest) if run.trigger.key == event.trigger_key]


def _why_nothing(session: Session, event: Event) -> str:
    record = session.store.event(event.source, event.id)
    if record is None or record.settled_at is None:
        return "a target does not answer; it is tried again"
    words = []
    for word, count in sorted(record.outcome.items()):
        jobs = f"{count} jobs" if count > 1 else "a job"
        words.append(_BECAME.get(word, f"skipped ({word.replace('_', ' ')}): {jobs}").format(jobs))
    return "; ".join(words)
