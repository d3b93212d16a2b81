"""`reconciler events`: what happened, and what it started."""

from collections.abc import Mapping, Sequence
from typing import Any

import click

from reconciler.cli.options import format_option, state_option, verb
from reconciler.cli.output import echo_json, echo_table, instant_text, tell
from reconciler.cli.run_table import UID_SHOWN
from reconciler.cli.session import open_session
from reconciler.store.records import EventRecord, StartedRun


@click.group("events", context_settings={"help_option_names": ["-h", "--help"]})
def command() -> None:
    """List the events that came, and what each started.

    \b
    Examples:
      reconciler events list
      reconciler events list --type disk-full --format json
    """


@verb(
    "list",
    examples="""
    reconciler events list
    reconciler events list --source monitor --limit 5
    """,
)
@click.option("--type", "event_type", metavar="NAME", help="Only events of this type.")
@click.option("--source", metavar="TEXT", help="Only events that this source told of.")
@click.option("--before", "before_seq", type=int, metavar="SEQ", help="Only older ones than this: the next page.")
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True, help="How many at most.")
@format_option("text", "json")
@state_option
def list_command(
    *,
    directory: str | None,
    event_type: str | None,
    source: str | None,
    before_seq: int | None,
    limit: int,
    format_: str,
    state: str | None,
) -> int:
    """List events, newest first: when, from where, what became of each, and the runs that it started.

    A run that stands for several events says so: those that came while it waited for its start are counted there.
    """
    with open_session(directory=directory, state=state) as session:
        records = session.store.events(type=event_type, source=source, before_seq=before_seq, limit=limit)
        started: dict[str, list[StartedRun]] = {}
        for run in session.store.runs_of_events(records):
            started.setdefault(run.trigger_key, []).append(run)
    if format_ == "json":
        echo_json([_document(record, started.get(record.event.trigger_key, ())) for record in records])
    elif records:
        rows = [_row(record, started.get(record.event.trigger_key, ())) for record in records]
        echo_table(("SEQ", "AT", "TYPE", "SOURCE", "ID", "DEVICE", "BECAME", "RUNS"), rows)
    else:
        tell("No event has come.")
    return 0


command.add_command(list_command)


def _row(record: EventRecord, runs: Sequence[StartedRun]) -> tuple[str, ...]:
    event = record.event
    return (
        str(record.seq),
        f"{event.at:%Y-%m-%d %H:%M:%S}Z",
        event.type,
        event.source,
        event.id,
        event.device or "-",
        _words(record.outcome) if record.settled_at is not None else "waits",
        ", ".join(_run_words(run) for run in runs) or "-",
    )


def _words(outcome: Mapping[str, int]) -> str:
    return ", ".join(f"{word.replace('_', ' ')} {count}" for word, count in sorted(outcome.items())) or "-"


def _run_words(run: StartedRun) -> str:
    many = f" for {run.events} events" if run.events > 1 else ""
    return f"{run.uid[:UID_SHOWN]} {run.job_id} {run.status.value}{many}"


def _document(record: EventRecord, runs: Sequence[StartedRun]) -> dict[str, Any]:
    event = record.event
    return {
        "seq": record.seq,
        "id": event.id,
        "type": event.type,
        "source": event.source,
        "device": event.device,
        "at": instant_text(event.at),
        "data": event.data,
        "settledAt": instant_text(record.settled_at),
        "outcome": dict(record.outcome),
        "runs": [
            {"uid": run.uid, "jobId": run.job_id, "status": run.status.value, "events": run.events} for run in runs
        ],
    }
