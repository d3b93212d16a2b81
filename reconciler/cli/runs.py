"""`reconciler runs`: list runs, show one; its other verbs are in files of their own."""

import re
from datetime import datetime, timedelta

import click
import msgspec

from reconciler.cli.completing import complete_job, complete_run, complete_target
from reconciler.cli.missed import echo_missed
from reconciler.cli.options import format_option, state_option, verb
from reconciler.cli.output import echo_json, tell
from reconciler.cli.report import find_run
from reconciler.cli.run_table import echo_runs
from reconciler.cli.run_words import echo_run
from reconciler.cli.runs_answer import answer_command
from reconciler.cli.runs_control import cancel_command, retry_command
from reconciler.cli.runs_output import logs_command, output_command
from reconciler.cli.session import Session, open_session
from reconciler.model.errors import UsageError
from reconciler.model.instant import parse_instant
from reconciler.model.report import Report
from reconciler.model.run import Run, RunStatus, TriggerKind
from reconciler.model.text import escape_text
from reconciler.reports.text import render_reports
from reconciler.runs.document import run_document
from reconciler.store.records import RunFilter

_IS_ID = re.compile("[0-9a-f]{4,40}")


class _Runs(click.Group):
    """Without a verb, `runs --commit 3f9a02c` lists, as `runs list --commit 3f9a02c` does."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        wants_list = bool(args) and args[0].startswith("-") and set(ctx.help_option_names).isdisjoint(args[:1])
        return super().parse_args(ctx, ["list", *args] if wants_list else args)


@click.group("runs", cls=_Runs, context_settings={"help_option_names": ["-h", "--help"]})
def command() -> None:
    """List runs, show one, read its output, answer it, cancel it, run it again.

    \b
    Examples:
      reconciler runs list --job disk-space
      reconciler runs --commit 3f9a02c
      reconciler runs show 0198a1c2
      reconciler runs logs 0198a1c2
      reconciler runs answer 0198a1c2
      reconciler runs cancel 0198a1c2
    """


@verb(
    "list",
    examples="""
    reconciler runs list
    reconciler runs list --job disk-space --status failed --since 7d
    reconciler runs list --device web-1 --trigger schedule
    """,
)
@click.option("--job", metavar="ID", shell_complete=complete_job, help="Runs of this job.")
@click.option("--status", type=click.Choice([status.value for status in RunStatus]), help="Runs with this status.")
@click.option("--commit", metavar="SHA", help="Runs of this commit.")
@click.option("--target", metavar="NAME", shell_complete=complete_target, help="Runs on this target.")
@click.option("--device", metavar="NAME", help="Runs on this device, by hostname or uid.")
@click.option("--site", metavar="NAME", help="Runs on devices of this site.")
@click.option("--trigger", type=click.Choice([kind.value for kind in TriggerKind]), help="Runs that this made due.")
@click.option("--since", metavar="WHEN", help="Runs made since: 2026-01-31T00:00Z, or 90m, 12h, 7d ago.")
@click.option("--missed", is_flag=True, help="What did not run instead: missed, skipped, expired, coalesced, and why.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=20, show_default=True, help="At most so many.")
@click.option("--before", metavar="UID", help="The page after the one that ends with this run.")
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
    site: str | None,
    trigger: str | None,
    since: str | None,
    missed: bool,
    limit: int,
    before: str | None,
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
            commit=_commit_of(session, commit) if commit else None,
            target=target,
            device=device,
            site=site,
            trigger_kind=TriggerKind(trigger) if trigger else None,
            since=since_at,
        )
        before_uid = find_run(session, before).uid if before else None
        runs = session.store.runs(wanted, limit=limit, before_uid=before_uid)
        if format_ == "json":
            echo_json([run_document(run, session.store.tasks(run.uid)) for run in runs])
        elif runs:
            echo_runs(session.store, runs)
            if len(runs) == limit:
                tell(f"The page after this one: --before {runs[-1].uid}")
        else:
            tell("No runs match.")
    return 0


def _commit_of(session: Session, commit: str) -> str:
    """Return the start of a commit's id as it is; a name such as HEAD stands for its commit."""
    return commit if _IS_ID.fullmatch(commit) else session.repository.resolve(commit).sha


@verb("show", examples="reconciler runs show 0198a1c2")
@click.argument("uid", shell_complete=complete_run)
@format_option("text", "json")
@state_option
def show_command(*, directory: str | None, uid: str, format_: str, state: str | None) -> int:
    """Show one run: its report, or how it stands when it has not ended. The start of its uid is enough."""
    with open_session(directory=directory, state=state) as session:
        latest = session.collect()
        run = find_run(session, uid)
        data = session.store.report(run.uid)
        if format_ == "json":
            echo_json(msgspec.json.decode(data) if data else run_document(run, session.store.tasks(run.uid)))
            return 0
        if data is None:
            progress = latest.get(run.uid)
            echo_run(session.store, run, note=progress.note if progress is not None else None)
        else:
            click.echo(render_reports([msgspec.json.decode(data, type=Report)]), nl=False)
        _echo_family(session, run)
    return 0


def _echo_family(session: Session, run: Run) -> None:
    """Write which run this one retries or was started by, and which followed from it."""
    family = [("  Retry of " if run.trigger.kind is TriggerKind.RETRY else "  Started by ", run.parent_uid)]
    family += [
        ("  Retried as " if child.trigger.kind is TriggerKind.RETRY else "  Started ", child.uid)
        for child in session.store.children(run.uid)
    ]
    for words, uid in family:
        other = session.store.run(uid) if uid else None
        if other is not None:
            click.echo(f"{words}run {uid} of {escape_text(other.job_id)}: {other.status.value}")
        elif uid:
            click.echo(f"{words}run {uid}, which is no longer kept")


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


for _verb in (
    list_command,
    show_command,
    logs_command,
    output_command,
    answer_command,
    cancel_command,
    retry_command,
):
    command.add_command(_verb)
