"""How many runs a target that queues is given beyond those that may run at once: by how long the last ones took.

Where runs are short it must never wait for the store.  Where they are long, or nobody knows, none is given: what it has
been given it starts, also when this process has been told to stop.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from msgspec import Struct

from reconciler.store.records import FinishedRun

_AHEAD_SECONDS = 0.1
_SHORTEST_SECONDS = 0.001
_HOLDS_FOR = timedelta(seconds=10)


class Pace(Struct, frozen=True):
    """How long runs took that ended by ``at``, on average."""

    seconds: float
    at: datetime


def pace_of(finished: Sequence[FinishedRun], *, now: datetime) -> Pace | None:
    """Return the pace of these runs; None where none of them had started."""
    spans = [item.ended_at - item.started_at for item in finished if item.started_at is not None]
    return Pace(sum(spans, timedelta()).total_seconds() / len(spans), now) if spans else None


def runs_ahead(pace: Pace | None, *, at_once: int, queues: int, now: datetime) -> int:
    """Return how many will have started within a moment, ``at_once`` at a time; no more than the target ``queues``."""
    if pace is None or now - pace.at > _HOLDS_FOR:
        return 0
    return min(queues, int(at_once * _AHEAD_SECONDS / max(pace.seconds, _SHORTEST_SECONDS)))
