"""`reconciler blame`: which commits changed a job, and how its runs went since each."""

from typing import Any

import click

from reconciler.cli.completing import complete_job
from reconciler.cli.options import format_option, state_option, verb
from reconciler.cli.output import echo_json, instant_text, table_text
from reconciler.cli.requesting import find_job
from reconciler.cli.session import Session, open_session
from reconciler.git.file_history import file_history
from reconciler.model.markup import code_span
from reconciler.reports.blame import Blame, BlamedCommit, make_blame, runs_words, verdict_lines
from reconciler.runs.document import run_document

NOT_HERE = "(not in the history of HEAD)"


@verb(
    "blame",
    examples="""
    reconciler blame backup-db
    reconciler blame backup-db --format markdown
    reconciler blame backup-db --limit 5 --format json
    """,
)
@click.argument("job", shell_complete=complete_job)
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True, help="At most so many commits.")
@format_option("text", "json", "markdown")
@state_option
def command(*, directory: str | None, job: str, limit: int, format_: str, state: str | None) -> int:
    """Show the commits that changed JOB, newest first, each with how its runs went, and since which one it fails.

    Counts the runs that are still kept; a renamed job is followed by its `previousId`, a moved file by its runs.
    """
    with open_session(directory=directory, state=state) as session:
        session.collect()
        blame = _blame(session, job, limit)
        if format_ == "json":
            echo_json(_document(session, blame))
        else:
            click.echo(_markdown(blame) if format_ == "markdown" else _text(blame), nl=False)
    return 0


def _blame(session: Session, job_id: str, limit: int) -> Blame:
    applied = find_job(session, job_id, None)[0]
    job_ids = {applied.id} | session.store.former_ids(applied.root_id)
    counts = session.store.count_runs(job_ids)
    paths = {applied.origin.path} | {count.path for count in counts}
    history = file_history(
        session.repository, session.repository.resolve("HEAD").sha, {path for path in paths if path}, limit=limit
    )
    last_good, first_bad = session.store.failing_since(job_ids)
    return make_blame(
        applied.id,
        [BlamedCommit(sha=item.sha, at=item.at, author=item.author, subject=item.subject) for item in history],
        counts,
        last_good=last_good,
        first_bad=first_bad,
    )


def _text(blame: Blame) -> str:
    rows = [
        (commit.sha[:12], _day(commit), commit.author, runs_words(commit.runs), commit.subject or NOT_HERE)
        for commit in blame.commits
    ]
    table = table_text(("COMMIT", "DATE", "AUTHOR", "RUNS", "SUBJECT"), rows)
    return table + "\n" + "".join(f"{line}\n" for line in verdict_lines(blame))


def _markdown(blame: Blame) -> str:
    lines = ["| Commit | Date | Author | Runs | Subject |", "|---|---|---|---|---|"]
    for commit in blame.commits:
        author, subject = (code_span(text, in_table=True) for text in (commit.author, commit.subject or NOT_HERE))
        lines.append(f"| `{commit.sha[:12]}` | {_day(commit)} | {author} | {runs_words(commit.runs)} | {subject} |")
    return "\n".join([*lines, "", *verdict_lines(blame)]) + "\n"


def _day(commit: BlamedCommit) -> str:
    return f"{commit.at:%Y-%m-%d}" if commit.at else "-"


def _document(session: Session, blame: Blame) -> dict[str, Any]:
    good, bad = (run and run_document(run, session.store.tasks(run.uid)) for run in (blame.last_good, blame.first_bad))
    return {
        "jobId": blame.job_id,
        "commits": [
            {
                "commit": commit.sha,
                "at": instant_text(commit.at),
                "author": commit.author,
                "subject": commit.subject,
                "runs": {status.value: number for status, number in commit.runs.items()},
            }
            for commit in blame.commits
        ],
        "failsSince": blame.suspect or None,
        "firstBad": bad,
        "lastGood": good,
    }
