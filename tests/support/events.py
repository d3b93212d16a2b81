"""Events for tests: made by the dozen, settled, and what came of them."""

from collections.abc import Mapping
from typing import Any

from support.world import Stage

from reconciler.loop.events import settle_events, take_event
from reconciler.model.event import Event
from reconciler.model.run import Run


def send(stage: Stage, event_type: str = "disk-full", **fields: Any) -> list[Run]:
    """Record one event, with an id of its own unless given, and let it reach the jobs."""
    given: Mapping[str, Any] = {"id": stage.world.new_uid(), "source": "command", "at": stage.clock()} | fields
    take_event(stage.world, Event(type=event_type, **given))
    return settle_events(stage.world, now=stage.clock())


def outcomes(stage: Stage) -> list[dict[str, int]]:
    """Return what became of each event, oldest first."""
    return [record.outcome for record in reversed(stage.world.store.events(limit=1000))]
