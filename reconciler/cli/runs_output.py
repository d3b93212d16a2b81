"""`reconciler runs logs` and `runs output`: what a run wrote, and what it gave back."""

import sys
from collections.abc import Sequence
from typing import Any

import click
import msgspec

from reconciler.cli.completing import complete_run
from reconciler.cli.following import NewOutput, output_so_far
from reconciler.cli.options import format_option, job_option, last_option, state_option, verb
from reconciler.cli.output import echo_json, echo_table, instant_text, tell
from reconciler.cli.report import find_run
from reconciler.cli.run_words import result_text
from reconciler.cli.session import Session, open_session
from reconciler.loop.world import World
from reconciler.model.errors import UsageError
from reconciler.model.run import OutputRecord, Run, Stream
from reconciler.model.text import escape_text
from reconciler.runs.drive import drive_until_ended
from reconciler.store.records import RunFilter


def pick_run(session: Session, uid: str | None, job: str | None, *, last: bool) -> Run:
    """Return the run with ``uid``, or the last one, of all or of ``job``. Raises UsageError."""
    if (uid is None) == (job is None and not last):
        raise UsageError("name one run", hint="Give its uid, or --last, or --job ID --last.")
    if uid is not None:
        return find_run(session, uid)
    runs = session.store.runs(RunFilter(job_id=job), limit=1)
    if not runs:
        raise UsageError(f"no run of {job} yet" if job else "no run yet", hint="See: reconciler runs list")
    return runs[0]


@verb(
    "logs",
    examples="""
    reconciler runs logs 0198a1c2 --stream stderr
    reconciler runs logs 0198a1c2 --follow
    reconciler runs logs 0198a1c2 --attempt 1
    reconciler runs logs --job disk-space --last
    """,
)
@click.argument("uid", required=False, shell_complete=complete_run)
@job_option
@last_option
@click.option("--attempt", type=click.IntRange(min=1), help="What an earlier attempt wrote.  [default: the last]")
@click.option("--follow", "-f", is_flag=True, help="Go on until the run has ended.")
@click.option("--stream", type=click.Choice([stream.value for stream in Stream]), help="Only this stream.")
@click.option("--raw", is_flag=True, help="The bytes as they were written, also control characters.")
@format_option("text", "json", "jsonl")
@state_option
def logs_command(
    *,
    directory: str | None,
    uid: str | None,
    job: str | None,
    last: bool,
    attempt: int | None,
    follow: bool,
    stream: str | None,
    raw: bool,
    format_: str,
    state: str | None,
) -> int:
    """Write what a run wrote, standard output and error as they came. Control characters are shown escaped."""
    if follow and attempt is not None:
        raise UsageError("--follow is about the last attempt", hint="Leave out --follow or --attempt.")
    if follow and format_ == "json":
        raise UsageError("--follow has no end to put into one JSON document", hint="Write --format jsonl.")
    with open_session(directory=directory, state=state) as session:
        session.collect()
        world = session.world_of_applied(session.applied_settings())
        run = pick_run(session, uid, job, last=last)
        writer = _Writer(
            world, run.uid, Stream(stream) if stream else None, raw=raw, format_=format_, attempt=_earlier(run, attempt)
        )
        if follow:
            drive_until_ended(world.driver, uids=frozenset([run.uid]), starts=False, look=writer)
        writer()
        writer.close()
        if world.driver.form_of(run).discard_output:
            tell("Its job keeps no output (discardOutput).")
    return 0


def _earlier(run: Run, attempt: int | None) -> int | None:
    """Return the attempt before the run's present one that is asked for, None for that. Raises UsageError."""
    if attempt is not None and attempt > run.attempt:
        raise UsageError(f"run {run.uid} has had {run.attempt} attempts so far", hint=f"Give 1 to {run.attempt}.")
    return None if attempt == run.attempt else attempt


class _Writer:
    """Writes what is new of a run's output, or of an earlier ``attempt``'s, each time it is called."""

    def __init__(
        self, world: World, uid: str, stream: Stream | None, *, raw: bool, format_: str, attempt: int | None
    ) -> None:
        self._world = world
        self._uid = uid
        self._stream = stream
        self._attempt = attempt
        self._raw = raw
        self._format = format_
        self._new_output = NewOutput()
        self._all: list[OutputRecord] = []
        self._ends_line = True

    def __call__(self) -> None:
        run = self._world.store.run(self._uid)
        if run is None:
            return
        if self._attempt is not None:
            so_far: Sequence[OutputRecord] = self._world.store.attempt_output(run.uid, self._attempt)
        else:
            so_far = output_so_far(self._world.store, self._world.targets.get(run.target), run)
        fresh = [record for record in self._new_output.take(so_far) if self._stream in {None, record.stream}]
        if self._format == "json":
            self._all += fresh
        elif self._format == "jsonl":
            for record in fresh:
                click.echo(_compact(_record_document(record)))
        elif self._raw:
            sys.stdout.buffer.write(b"".join(record.data for record in fresh))
            sys.stdout.buffer.flush()
        else:
            self._write_text(fresh)

    def _write_text(self, records: Sequence[OutputRecord]) -> None:
        text = b"".join(record.data for record in records).decode("utf-8", errors="backslashreplace")
        if text:
            click.echo(escape_text(text, keep_lines=True), nl=False)
            self._ends_line = text.endswith("\n")

    def close(self) -> None:
        if self._format == "json":
            echo_json([_record_document(record) for record in self._all])
        elif not self._ends_line:
            click.echo()


def _compact(document: Any) -> str:
    return msgspec.json.encode(document).decode()


def _record_document(record: OutputRecord) -> dict[str, str | None]:
    return {
        "taskId": record.task_id,
        "stream": record.stream.value,
        "at": instant_text(record.at),
        "text": record.data.decode("utf-8", errors="backslashreplace"),
    }


@verb(
    "output",
    examples="""
    reconciler runs output 0198a1c2
    reconciler runs output --job disk-space --last --format json
    """,
)
@click.argument("uid", required=False, shell_complete=complete_run)
@job_option
@last_option
@format_option("text", "json")
@state_option
def output_command(
    *, directory: str | None, uid: str | None, job: str | None, last: bool, format_: str, state: str | None
) -> int:
    """Show the structured results of a run: what each task wrote to $RECONCILER_OUTPUT.

    As JSON it is an object by task, each an object by name.
    """
    with open_session(directory=directory, state=state) as session:
        session.collect()
        run = pick_run(session, uid, job, last=last)
        outputs = {task.id: task.outputs for task in session.store.tasks(run.uid)}
    if format_ == "json":
        echo_json(outputs)
    elif rows := [(task, name, result_text(value)) for task, named in outputs.items() for name, value in named.items()]:
        echo_table(("TASK", "NAME", "VALUE"), rows)
    else:
        tell("It has no results." if run.status.is_ended else "It has not ended.")
    return 0
