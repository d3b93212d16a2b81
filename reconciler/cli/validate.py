"""`reconciler validate`: are the definitions good?"""

import gc
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import click

from reconciler.cli.options import color_option, out_option, verb
from reconciler.git.discovery import find_repository
from reconciler.git.glance import Glance
from reconciler.model.errors import UsageError
from reconciler.model.problem import Severity

FORMATS = ("text", "json", "jsonl", "github", "gitlab", "sarif", "junit")
STANDARD_INPUT = "-"


@verb(
    "validate",
    examples="""
    reconciler validate                                   # the files in the work tree, committed or not
    reconciler validate --ref origin/main                 # a commit
    reconciler validate definitions/jobs/backup.yaml      # what is wrong with this file, among all others
    reconciler validate - --as definitions/jobs/backup.yaml < buffer
    reconciler validate --changed-since origin/main --format github
    reconciler validate --format sarif --out problems.sarif
    """,
)
@click.argument("files", nargs=-1, type=click.Path(allow_dash=True), metavar="[FILE]...")
@click.option("--as", "path", type=click.Path(), metavar="PATH", help="The file that standard input (`-`) stands for.")
@click.option("--ref", metavar="REF", help="Check a commit, branch or tag instead of the work tree.")
@click.option("--worktree", is_flag=True, help="Check the files in the work tree (the default).")
@click.option("--changed-since", "since", metavar="REF", help="Tell only what the change since REF can have caused.")
@click.option("--check-host", "with_host", is_flag=True, help="Also look for the programs of jobs on this host.")
@click.option(
    "--fail-level",
    type=click.Choice([level.value for level in Severity]),
    default=Severity.ERROR.value,
    show_default=True,
    help="From which severity on problems make the exit code 3.",
)
@click.option(
    "--format",
    "format_",
    type=click.Choice(FORMATS, case_sensitive=False),
    envvar="RECONCILER_FORMAT",
    help="How problems are written.  [default: text; in GitHub Actions: github]",
)
@click.option(
    "--cache/--no-cache", default=True, help="Keep what was found in each file beside the state.  [default: on]"
)
@out_option
@color_option
def command(
    *,
    directory: str | None,
    files: tuple[str, ...],
    path: str | None,
    ref: str | None,
    worktree: bool,
    since: str | None,
    with_host: bool,
    fail_level: str,
    format_: str | None,
    cache: bool,
    out: str | None,
    color: str,
) -> int:
    """Check the definitions: all problems of all files, each with its place and the way out.

    Of FILEs and folders only their own problems are told, but references are followed through all definitions.
    Exits with 3 when there is an error (see --fail-level), else with 0.  Reads files and Git only.
    """
    _refuse_contradictions(files, path=path, ref=ref, worktree=worktree)
    with ExitStack() as stack:
        stack.enter_context(_without_collector())
        here = Path(directory or ".")
        place = find_repository(here)
        glance = Glance(place.git_dir / "reconciler" / "glance", place.root)
        stack.callback(glance.close)
        if cache and not (ref or with_host):
            glance.begin()
        # Only now: to import what judges takes as long as the look, and goes on beside it.
        from reconciler.cli.validating import Wanted, validate
        from reconciler.git.repository import Repository

        wanted = Wanted(
            folder=here,
            files=files,
            path=path,
            ref=ref,
            since=since,
            with_host=with_host,
            fail_level=Severity(fail_level),
            format=format_,
            cache=cache,
            out=out,
            color=color,
        )
        return validate(stack.enter_context(Repository(place)), wanted, glance)


@contextmanager
def _without_collector() -> Iterator[None]:
    """Nothing that is built here goes in circles, and the process ends soon: looking for that takes a second or two."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def _refuse_contradictions(files: Sequence[str], *, path: str | None, ref: str | None, worktree: bool) -> None:
    if ref and worktree:
        raise UsageError("--ref and --worktree exclude each other", hint="Give one of them.")
    is_piped = STANDARD_INPUT in files
    if is_piped and (len(files) > 1 or ref):
        raise UsageError("`-` stands alone: no other FILE and no --ref go with it", hint="Give `-` and --as PATH.")
    if is_piped and not path:
        raise UsageError(
            "standard input has no name", hint="Say which file it stands for: --as definitions/jobs/NAME.yaml"
        )
    if path and not is_piped:
        raise UsageError("--as names what standard input stands for", hint="Give `-` with it.")
