"""`reconciler simulate`: what would run, or would have run, in a span of time."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import msgspec

from reconciler.cli.completing import complete_job
from reconciler.cli.exits import ExitCode
from reconciler.cli.options import format_option, verb
from reconciler.cli.output import echo_json, echo_table, instant_text, tell
from reconciler.cli.problems import tell_problems
from reconciler.cli.session import open_session
from reconciler.loop.desired import CommitState, read_definitions
from reconciler.loop.simulate import Downtime, SimulatedOccurrence, simulate
from reconciler.model.desired import Declared
from reconciler.model.errors import CouldNot, UsageError
from reconciler.model.instant import utc_now
from reconciler.model.job import Job
from reconciler.planning.renderings.text import start_words
from reconciler.schedule.reading import read_instant
from reconciler.targets.registry import holding_targets

SHOWN = 200


class _Span(msgspec.Struct, rename={"from_": "from"}, forbid_unknown_fields=True):
    from_: str
    to: str


@verb(
    "simulate",
    examples="""
    reconciler simulate --from 2026-03-01 --to 2026-04-01
    reconciler simulate --job backup --from 2026-03-28 --to 2026-03-30 --format json
    reconciler simulate --definitions ./definitions --from 2026-03-01 --to 2026-04-01 --downtime downtime.json
    """,
)
@click.option("--from", "start", required=True, metavar="T", help="The start of the span: an instant or a date.")
@click.option("--to", "until", required=True, metavar="T", help="Its end, which is not part of it.")
@click.option("--definitions", metavar="DIR", help="Read this folder, instead of the work tree's.")
@click.option("--ref", metavar="REF", help="Read a commit instead of files.")
@click.option("--job", "job_id", metavar="ID", shell_complete=complete_job, help="Only this job.")
@click.option("--downtime", metavar="FILE", help='Spans without a scheduler, as JSON: [{"from": "...", "to": "..."}].')
@format_option("text", "json")
def command(
    *,
    directory: str | None,
    start: str,
    until: str,
    definitions: str | None,
    ref: str | None,
    job_id: str | None,
    downtime: str | None,
    format_: str,
) -> int:
    """Run the real scheduler over a span of time on a simulated clock, and show what becomes of each instant.

    Every job is first applied at --from; runs end the moment they start.  Nothing is stored, started or contacted.
    """
    span = (read_time(start, "--from"), read_time(until, "--to"))
    downtimes = _read_downtimes(downtime) if downtime else []
    source = _read(directory, definitions, ref)
    tell_problems([problem for problem in source.loaded.problems if problem.severity.value == "error"])
    jobs = source.loaded.desired.jobs
    if job_id is not None:
        if job_id not in jobs:
            raise UsageError(f"unknown job `{job_id}`", hint=f"Known are: {', '.join(sorted(jobs)) or 'none'}")
        jobs = {job_id: jobs[job_id]}
    jobs = _started_here(jobs, source)
    told = simulate(jobs, start=span[0], until=span[1], downtimes=downtimes)
    if format_ == "json":
        echo_json(
            {
                "jobs": [_job_document(declared.form) for declared in jobs.values()],
                "occurrences": [_occurrence_document(item) for item in told],
            }
        )
    else:
        _echo_occurrences(told)
    return ExitCode.INVALID if source.loaded.has_errors else ExitCode.DONE


def _started_here(jobs: Mapping[str, Declared[Job]], source: CommitState) -> Mapping[str, Declared[Job]]:
    """Return the jobs that our own scheduler starts somewhere; tell which others there are."""
    holding = holding_targets(item.form for item in source.loaded.desired.targets.values())
    others = [job_id for job_id, item in jobs.items() if holding.issuperset(item.form.targets)]
    if others:
        shown = ", ".join(others[:10]) + (f" and {len(others) - 10} more" if len(others) > 10 else "")
        tell(f"Left out, as their targets start them by themselves: {shown}")
    return {job_id: item for job_id, item in jobs.items() if job_id not in set(others)}


def _read(directory: str | None, definitions: str | None, ref: str | None) -> CommitState:
    if definitions is not None:
        if ref is not None:
            raise UsageError("--definitions and --ref exclude each other", hint="Give one of them.")
        return read_definitions(Path(directory or ".") / definitions, now=utc_now())
    with open_session(directory=directory) as session:
        return session.read_commit(ref) if ref else session.read_files()


def _job_document(job: Job) -> dict[str, Any]:
    return {
        "id": job.id,
        "name": job.title,
        "enabled": job.enabled,
        "schedule": msgspec.to_builtins(job.schedule) if job.schedule else None,
        "words": start_words(job),
    }


def _occurrence_document(item: SimulatedOccurrence) -> dict[str, Any]:
    return {
        "jobId": item.job_id,
        "scheduledFor": instant_text(item.scheduled_for),
        "disposition": item.disposition.value,
        "reason": item.reason,
        "startedAt": instant_text(item.started_at),
    }


def _echo_occurrences(told: list[SimulatedOccurrence]) -> None:
    rows = [
        (
            f"{item.scheduled_for:%Y-%m-%d %H:%M}Z",
            item.job_id,
            f"{item.disposition.value} ({item.reason})" if item.reason else item.disposition.value,
            f"{item.started_at:%Y-%m-%d %H:%M:%S}Z" if item.started_at else "-",
        )
        for item in told[:SHOWN]
    ]
    echo_table(("SCHEDULED FOR", "JOB", "BECOMES", "STARTED"), rows)
    if len(told) > SHOWN:
        click.echo(f"  ... and {len(told) - SHOWN} more; --format json has all")
    counts: dict[str, int] = {}
    for item in told:
        counts[item.disposition.value] = counts.get(item.disposition.value, 0) + 1
    tell(f"{len(told)} instants: " + (", ".join(f"{number} {word}" for word, number in counts.items()) or "none") + ".")


def read_time(text: str, option: str) -> datetime:
    """Read an instant, or a date, which is its midnight in UTC. Raises UsageError."""
    try:
        if len(text) == len("2026-03-01"):
            return datetime.fromisoformat(text).replace(tzinfo=UTC)
        return read_instant(text, name=option)
    except ValueError as error:
        raise UsageError(f"{option}: {error}", hint="Write 2026-03-01T00:00:00Z, or 2026-03-01.") from None


def _read_downtimes(path: str) -> list[Downtime]:
    try:
        spans = msgspec.json.decode(Path(path).read_bytes(), type=list[_Span])
    except OSError as error:
        raise CouldNot(f"cannot read {path}: {error.strerror}") from None
    except msgspec.DecodeError as error:
        raise UsageError(f"{path}: {error}", hint='Write [{"from": "2026-03-01T00:00:00Z", "to": "..."}].') from None
    return [Downtime(read_time(span.from_, "from"), read_time(span.to, "to")) for span in spans]
