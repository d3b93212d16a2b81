"""Seeing runs through from the command line, and telling how they went."""

import math
from collections.abc import Sequence
from datetime import datetime, timedelta

from reconciler.cli.exits import ExitCode, code_of_status, first_of
from reconciler.cli.output import echo_json, warn
from reconciler.cli.run_words import echo_run
from reconciler.cli.session import Session
from reconciler.cli.watching import Watch
from reconciler.loop.events import settle_events
from reconciler.loop.world import World
from reconciler.model.run import Run, RunStatus
from reconciler.reports.publish import publish_reports
from reconciler.runs.document import run_document
from reconciler.runs.drive import drive_once, drive_until_ended, start_what_may


def see_through(session: Session, world: World, runs: Sequence[Run], *, wait: float | None, format_: str) -> ExitCode:
    """Start ``runs``; wait for their ends as long as ``wait`` says (None: not at all); tell how they stand.

    What their ends start in their turn is started, and not waited for.
    Return how they went; without waiting 0, unless one could not even be started.
    """
    is_seen = False
    if wait is None:
        start_what_may(world.driver)
    elif runs:
        is_seen = _wait(world, runs, until=deadline_of(world.clock(), wait))
    if settle_events(world, now=world.clock()):
        drive_once(world.driver)
    settled = [session.store.run(run.uid) or run for run in runs]
    if format_ == "json":
        echo_json([run_document(run, session.store.tasks(run.uid)) for run in settled])
    else:
        for run in settled:
            echo_run(session.store, run, has_seen_output=is_seen)
    if any(run.status.is_ended for run in settled):
        publish(world)
    return first_of([code_of_status(run.status) for run in settled if wait is not None or _was_refused(run)])


def _was_refused(run: Run) -> bool:
    return run.status is RunStatus.FAILED and run.started_at is None


def _wait(world: World, runs: Sequence[Run], *, until: datetime | None) -> bool:
    watch = Watch(world, runs)
    try:
        drive_until_ended(world.driver, uids=frozenset(run.uid for run in runs), deadline=until, look=watch)
    finally:
        watch.close()
    return watch.is_seen


def deadline_of(now: datetime, wait: float) -> datetime | None:
    return None if math.isinf(wait) else now + timedelta(seconds=wait)


def publish(world: World) -> None:
    """Publish the reports of what has ended; what keeps them back is said, and the next time tries again."""
    published = publish_reports(world.store, world.repository, settings=world.settings.reports, now=world.clock())
    if published.problem:
        warn(f"reports: {published.problem}")
