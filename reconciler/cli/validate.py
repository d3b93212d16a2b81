"""`reconciler validate`: are the definitions good?"""

from typing import Any

import click

from reconciler.cli.exits import ExitCode
from reconciler.cli.options import format_option, verb
from reconciler.cli.output import echo_json, tell
from reconciler.cli.problems import count_words, echo_problems, plural
from reconciler.cli.session import open_session
from reconciler.loop.desired import CommitState
from reconciler.model.errors import UsageError


@verb(
    "validate",
    examples="""
    reconciler validate                     # the files in the work tree, saved but perhaps not committed
    reconciler validate --ref origin/main   # a commit
    reconciler validate --format json
    """,
)
@click.option("--ref", metavar="REF", help="Check a commit, branch or tag instead of the work tree.")
@click.option("--worktree", is_flag=True, help="Check the files in the work tree (the default).")
@format_option("text", "json")
def command(*, directory: str | None, ref: str | None, worktree: bool, format_: str) -> int:
    """Check the definitions: all problems of all files, each with its place and the way out.

    Exits with 0 when there is none but warnings, with 3 otherwise.  Reads files and Git only.
    """
    if ref and worktree:
        raise UsageError("--ref and --worktree exclude each other", hint="Give one of them.")
    with open_session(directory=directory) as session:
        source = session.read_commit(ref) if ref else session.read_files()
    if format_ == "json":
        echo_json(_document(source))
    else:
        echo_problems(source.loaded.problems, err=False)
        tell(f"{plural(source.loaded.files, 'file')}: {count_words(source.loaded.problems)}.")
    return ExitCode.INVALID if source.loaded.has_errors else ExitCode.DONE


def _document(source: CommitState) -> dict[str, Any]:
    return {
        "commit": source.commit or None,
        "files": source.loaded.files,
        "valid": not source.loaded.has_errors,
        "problems": source.loaded.problems,
    }
