"""Where an interval counts from when its job is applied anew."""

from datetime import datetime

from reconciler.model.job import Schedule


def moves_anchor(before: Schedule | None, after: Schedule | None) -> bool:
    """Return whether an interval begins anew with ``after``: it, or its start, is another than before."""
    return _fields(before) != _fields(after)


def _fields(schedule: Schedule | None) -> tuple[int | None, datetime | None] | None:
    return (schedule.interval_minutes, schedule.start_at) if schedule else None
