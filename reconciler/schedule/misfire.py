"""What becomes of the instants that passed while nobody could act."""

from datetime import datetime, timedelta

from msgspec import Struct

from reconciler.model.job import MisfirePolicy, Schedule
from reconciler.model.run import Disposition
from reconciler.schedule.times import count_fires, fire_times, last_fire

TOO_LATE = "too_late"
PAST_GRACE = "past_grace"
LATER_INSTANT = "later_instant"

_INSTANT = timedelta(microseconds=1)


class Span(Struct, frozen=True, gc=False):
    """``count`` instants from ``first`` to ``last`` that are not started, and why."""

    first: datetime
    last: datetime
    count: int
    disposition: Disposition
    reason: str


class Settled(Struct, frozen=True, kw_only=True, gc=False):
    """``start``: to be started now, oldest first. ``spans``: the others. Each instant is in one of the two."""

    start: tuple[datetime, ...] = ()
    spans: tuple[Span, ...] = ()


def settle_instants(
    schedule: Schedule, *, after: datetime, now: datetime, anchor: datetime, tolerance: timedelta
) -> Settled:
    """Settle the instants of ``(after, now]`` by the misfire policy of ``schedule``.

    An instant no older than ``tolerance`` is on time, whatever the grace.  The cost does not grow with the instants
    missed, but for those that ``run-all`` starts.
    """
    policy = schedule.misfire.policy
    never_late = policy is MisfirePolicy.SKIP
    grace = tolerance if never_late else max(tolerance, timedelta(minutes=schedule.misfire.grace_minutes))
    # An instant exactly as old as the grace is within it, and (after, until] leaves its lower end out.
    oldest = min(max(after, now - grace - _INSTANT), now)
    spans = []
    too_old = _instants_in(schedule, after, oldest, anchor)
    if too_old:
        disposition, reason = (Disposition.MISSED, TOO_LATE) if never_late else (Disposition.EXPIRED, PAST_GRACE)
        spans.append(Span(*too_old, disposition, reason))
    if policy is not MisfirePolicy.RUN_ONCE:
        start = tuple(fire_times(schedule, after=oldest, until=now, anchor=anchor))
        return Settled(start=start, spans=tuple(spans))
    latest = last_fire(schedule, at_or_before=now, after=oldest, anchor=anchor)
    if latest is None:
        return Settled(spans=tuple(spans))
    earlier = _instants_in(schedule, oldest, latest - _INSTANT, anchor)
    if earlier:
        spans.append(Span(*earlier, Disposition.COALESCED, LATER_INSTANT))
    return Settled(start=(latest,), spans=tuple(spans))


def skip_instants(
    schedule: Schedule, *, after: datetime, until: datetime, anchor: datetime, reason: str
) -> Span | None:
    """Return the instants of ``(after, until]`` as skipped for ``reason``; None if there are none."""
    found = _instants_in(schedule, after, until, anchor)
    return Span(*found, Disposition.SKIPPED, reason) if found else None


def _instants_in(
    schedule: Schedule, after: datetime, until: datetime, anchor: datetime
) -> tuple[datetime, datetime, int] | None:
    """Return first, last and number of the instants of ``(after, until]``; None if there are none."""
    last = last_fire(schedule, at_or_before=until, after=after, anchor=anchor) if after < until else None
    if last is None:
        return None
    first = next(fire_times(schedule, after=after, until=last, anchor=anchor))
    return first, last, count_fires(schedule, after=after, until=last, anchor=anchor)
