"""A forecast as JSON types."""

from datetime import datetime
from typing import Any

from reconciler.model.instant import format_instant
from reconciler.schedule.forecast import BusyMinute, Forecast, JobForecast
from reconciler.schedule.names import clock_words
from reconciler.schedule.renderings.shared import JobChange, job_changes
from reconciler.schedule.zones import tzdata_version, zone_of

SCHEMA_VERSION = 1


def forecast_document(forecast: Forecast, *, base: Forecast | None = None) -> dict[str, Any]:
    """Return the forecast as JSON types; with ``base``, also what changes from that one to this."""
    document = {
        "schemaVersion": SCHEMA_VERSION,
        "from": format_instant(forecast.start),
        "to": format_instant(forecast.until),
        "tzdata": tzdata_version(),
        "starts": forecast.starts,
        "sharedMinutes": forecast.shared_minutes,
        "jobs": [_job_document(job) for job in forecast.jobs],
        "startsPerHour": [
            {"day": f"{day:%Y-%m-%d}", "hours": list(hours)}
            for day, hours in zip(forecast.days, forecast.hours, strict=True)
        ],
        "busiest": [_minute_document(minute) for minute in forecast.busiest],
        "collisions": [
            {
                "time": clock_words(collision.minute_of_day),
                "days": collision.days,
                "peak": _minute_document(collision.peak),
            }
            for collision in forecast.collisions
        ],
    }
    if base is not None:
        changes = job_changes(base, forecast)
        document["base"] = {"starts": base.starts, "sharedMinutes": base.shared_minutes}
        document["changes"] = [_change_document(change) for change in changes]
    return document


def _job_document(job: JobForecast) -> dict[str, Any]:
    return {
        "id": job.id,
        "schedule": job.words,
        "timezone": job.timezone,
        "starts": job.count,
        "next": None if job.next_at is None else format_instant(job.next_at),
        "fires": [{"at": format_instant(at), "local": local_text(at, job.timezone)} for at in job.fires],
        "remarks": [{"at": format_instant(remark.at), "text": remark.text} for remark in job.remarks],
    }


def local_text(at: datetime, timezone: str) -> str:
    """Return ``2026-03-29T03:00:00+02:00``."""
    return at.astimezone(zone_of(timezone)).isoformat(timespec="seconds")


def _minute_document(minute: BusyMinute) -> dict[str, Any]:
    return {"at": format_instant(minute.at), "starts": minute.starts, "jobs": list(minute.job_ids)}


def _change_document(change: JobChange) -> dict[str, Any]:
    before, after = (
        None if side is None else {"schedule": side[0], "starts": side[1]} for side in (change.before, change.after)
    )
    return {"id": change.id, "before": before, "after": after}
