"""What did not run, and why: the ledger's other half."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import click

from reconciler.cli.output import echo_json, instant_text, table_text, tell
from reconciler.cli.session import Session
from reconciler.model.forms import Kind
from reconciler.model.run import Disposition, Occurrence

NOT_RUN = (
    Disposition.MISSED,
    Disposition.SKIPPED,
    Disposition.EXPIRED,
    Disposition.COALESCED,
    Disposition.CANCELLED,
)


def echo_missed(
    session: Session, *, job_id: str | None, target: str | None, since: datetime | None, limit: int, format_: str
) -> int:
    """Write what did not run, the latest first; a span of instants is one row."""
    occurrences = session.store.occurrences(
        root_id=_root_of(session, job_id), target=target, dispositions=NOT_RUN, since=since, limit=limit
    )
    if format_ == "json":
        echo_json([occurrence_document(item) for item in occurrences])
    elif occurrences:
        echo_occurrences(occurrences)
    else:
        tell("Everything ran.")
    return 0


def _root_of(session: Session, job_id: str | None) -> str | None:
    """Return the id under which the ledger keeps a job: that of the oldest in its `previousId` chain."""
    jobs = (item for item in session.store.inventory() if item.kind is Kind.JOB)
    return next((item.root_id for item in jobs if item.id == job_id), job_id)


def echo_occurrences(occurrences: Iterable[Occurrence]) -> None:
    click.echo(occurrences_text(occurrences), nl=False)


def occurrences_text(occurrences: Iterable[Occurrence]) -> str:
    """Return a table of what became of instants; a span of them is one row."""
    rows = [
        (
            f"{item.scheduled_for:%Y-%m-%d %H:%M}Z",
            f"{item.last_instant:%Y-%m-%d %H:%M}Z" if item.last_instant else "",
            str(item.count),
            item.job_id,
            item.disposition.value,
            item.reason,
        )
        for item in occurrences
    ]
    return table_text(("SCHEDULED FOR", "UP TO", "INSTANTS", "JOB", "BECAME", "WHY"), rows)


def occurrence_document(item: Occurrence) -> dict[str, Any]:
    return {
        "jobId": item.job_id,
        "target": item.target,
        "trigger": item.trigger.key,
        "scheduledFor": instant_text(item.scheduled_for),
        "lastInstant": instant_text(item.last_instant),
        "count": item.count,
        "disposition": item.disposition.value,
        "reason": item.reason,
        "commit": item.origin.commit,
    }
