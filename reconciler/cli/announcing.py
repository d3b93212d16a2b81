"""Events as commands tell of them, in the state of a repository."""

import os

from msgspec.structs import replace

from reconciler.cli.driving import see_through
from reconciler.cli.exits import ExitCode
from reconciler.cli.output import echo_json, tell
from reconciler.cli.session import Session
from reconciler.loop.events import settle_events, take_event
from reconciler.loop.world import World
from reconciler.model.event import Event
from reconciler.model.run import Run, TriggerKind
from reconciler.model.text import escape_text
from reconciler.runs.lineage import depth_after
from reconciler.store.records import RunFilter

_BECAME = {
    "no_job": "no applied job names it",
    "not_wanted": "the where of {} does not hold",
    "coalesced": "{} has a run that waits for its start: counted there",
    "too_deep": "too many runs led to it, one from another",
    "own_end": "a job is not started by its own end",
}
_LOOKED_AT = 1000


def announce(session: Session, event: Event, *, wait: float | None, format_: str) -> ExitCode:
    """Record ``event``, start what waits for it, and see it through as ``wait`` says."""
    event = replace(event, depth=_depth_here(session))
    world = session.world_of_applied(session.applied_settings())
    if not take_event(world, event):
        tell(f"event {escape_text(event.id)} of {escape_text(event.source)} is known; it starts nothing again.")
        if format_ == "json":
            echo_json([])
        return ExitCode.DONE
    tell(f"event {escape_text(event.type)} recorded: {escape_text(event.id)}")
    runs = _start(session, world, event)
    if not runs:
        tell(f"Nothing was started: {_why_nothing(session, event)}.")
    return see_through(session, world, runs, wait=wait, format_=format_)


def _depth_here(session: Session) -> int:
    """Return how many runs led here, where a run tells of the event: a chain has an end this way too."""
    uid = os.environ.get("RECONCILER_RUN_UID")
    run = session.store.run(uid) if uid else None
    return depth_after(session.store, run) if run is not None else 0


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
