"""`reconciler runs`: list runs, show one, read its output."""

import sys
from datetime import datetime, timedelta

import click
import msgspec

from reconciler.cli.missed import echo_missed
from reconciler.cli.options import format_option, state_option, verb
from reconciler.cli.output import echo_json, instant_text, tell
from reconciler.cli.report import find_run
from reconciler.cli.run_table import echo_runs, run_document
from reconciler.cli.session import open_session
from reconciler.model.errors import UsageError
from reconciler.model.instant import parse_instant
from reconciler.model.report import Report
from reconciler.model.run import OutputRecord, RunStatus, Stream
from reconciler.model.text import escape_text
from reconciler.reports.text import render_reports
from reconciler.store.records import RunFilter


@click.group("runs", context_settings={"help_option_names": ["-h", "--help"]})
def command() -> None:
    """List runs, show one, read its output.

    \b
    Examples:
      reconciler runs list --job disk-space
      reconciler runs show 0198a1c2
      reconciler runs logs 0198a1c2
    """


@verb(
    "list",
    examples="""
    reconciler runs list
    reconciler runs list --job disk-space --status failed --since 7d
    """,
)
@click.option("--job", metavar="ID", help="Runs of this job.")
@click.option("--status", type=click.Choice([status.value for status in RunStatus]), help="Runs with this status.")
@click.option("--commit", metavar="SHA", help="Runs of this commit.")
@click.option("--target", metavar="NAME", help="Runs on this target.")
@click.option("--device", metavar="NAME", help="Runs on this device, by hostname or uid.")
@click.option("--since", metavar="WHEN", help="Runs made since: 2026-01-31T00:00Z, or 90m, 12h, 7d ago.")
@click.option("--missed", is_flag=True, help="What did not run instead: missed, skipped, expired, coalesced, and why.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=20, show_default=True, help="At most so many.")
@format_option("text", "json")
@state_option
def list_command(
    *,
    directory: str | None,
    job: str | None,
    status: str | None,
    commit: str | None,
    target: str | None,
    device: str | None,
    since: str | None,
    missed: bool,
    limit: int,
    format_: str,
    state: str | None,
) -> int:
    """List runs, newest first."""
    with open_session(directory=directory, state=state) as session:
        session.collect()
        since_at = parse_since(since, now=session.clock()) if since else None
        if missed:
            return echo_missed(session, job_id=job, target=target, since=since_at, limit=limit, format_=format_)
        wanted = RunFilter(
            job_id=job,
            status=RunStatus(status) if status else None,
            commit=commit,
            target=target,
            device=device,
            since=since_at,
        )
        runs = session.store.runs(wanted, limit=limit)
        if format_ == "json":
            echo_json([run_document(run, session.store.tasks(run.uid)) for run in runs])
        elif runs:
            echo_runs(session.store, runs)
        else:
            tell("No runs match.")
    return 0


@verb("show", examples="reconciler runs show 0198a1c2")
@click.argument("uid")
@format_option("text", "json")
@state_option
def show_command(*, directory: str | None, uid: str, format_: str, state: str | None) -> int:
    """Show one run: its report, or how it stands when it has not ended. The start of its uid is enough."""
    with open_session(directory=directory, state=state) as session:
        session.collect()
        run = find_run(session, uid)
        data = session.store.report(run.uid)
        if data is None:
            echo_json(run_document(run, session.store.tasks(run.uid)))
        elif format_ == "json":
            echo_json(msgspec.json.decode(data))
        else:
            click.echo(render_reports([msgspec.json.decode(data, type=Report)]), nl=False)
    return 0


@verb("logs", examples="reconciler runs logs 0198a1c2 --stream stderr")
@click.argument("uid")
@click.option("--stream", type=click.Choice([stream.value for stream in Stream]), help="Only this stream.")
@click.option("--raw", is_flag=True, help="The bytes as they were written, also control characters.")
@format_option("text", "json")
@state_option
def logs_command(
    *, directory: str | None, uid: str, stream: str | None, raw: bool, format_: str, state: str | None
) -> int:
    """Write what a run wrote, standard output and error as they came. Control characters are shown escaped."""
    with open_session(directory=directory, state=state) as session:
        session.collect()
        run = find_run(session, uid)
        records = [record for record in session.store.output(run.uid) if stream in {None, record.stream.value}]
    if format_ == "json":
        echo_json([_record_document(record) for record in records])
    elif raw:
        sys.stdout.buffer.write(b"".join(record.data for record in records))
    else:
        text = b"".join(record.data for record in records).decode("utf-8", errors="backslashreplace")
        click.echo(escape_text(text, keep_lines=True), nl=bool(text) and not text.endswith("\n"))
    return 0


def _record_document(record: OutputRecord) -> dict[str, str | None]:
    return {
        "taskId": record.task_id,
        "stream": record.stream.value,
        "at": instant_text(record.at),
        "text": record.data.decode("utf-8", errors="backslashreplace"),
    }


def parse_since(text: str, *, now: datetime) -> datetime:
    """Read an instant, or a length of time before ``now`` such as 90m, 12h, 7d. Raises UsageError."""
    units = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}
    try:
        if text[-1:] in units and text[:-1].isdigit():
            return now - int(text[:-1]) * units[text[-1]]
        return parse_instant(text)
    except (ValueError, OverflowError):
        raise UsageError(
            f"cannot read `{text}` as a time", hint="Write 2026-01-31T00:00:00Z, or 90m, 12h, 7d for so long ago."
        ) from None


for _verb in (list_command, show_command, logs_command):
    command.add_command(_verb)
