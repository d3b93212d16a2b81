"""`reconciler validate`: are the definitions good?"""

import gc
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import click

from reconciler.cli.cache import Cache
from reconciler.cli.checking import (
    Change,
    Source,
    check_host,
    load_source,
    of_files,
    read_base,
    read_source,
    resolve_path,
    select_paths,
    with_unsaved,
)
from reconciler.cli.exits import ExitCode
from reconciler.cli.options import color_option, out_option, verb
from reconciler.cli.output import tell, wants_color, write_result
from reconciler.cli.problems import count_words, plural
from reconciler.git.repository import Repository
from reconciler.model.errors import UsageError
from reconciler.model.instant import utc_now
from reconciler.model.problem import Problem, Severity

FORMATS = ("text", "json", "jsonl", "github", "gitlab", "sarif", "junit")
STANDARD_INPUT = "-"
_MOST_READ = 16 * 1024 * 1024
_LEVELS = (Severity.ERROR, Severity.WARNING, Severity.INFORMATION)


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
    type=click.Choice([level.value for level in _LEVELS]),
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
    format_ = format_ or ("github" if os.environ.get("GITHUB_ACTIONS") == "true" else "text")
    now = utc_now()
    with ExitStack() as stack:
        stack.enter_context(_without_collector())
        here = Path(directory or ".")
        repository = stack.enter_context(Repository.open(here))
        source = read_source(repository, ref=ref)
        paths = [resolve_path(repository, here, name) for name in ([path] if path else files)]
        if path:
            source = with_unsaved(source, paths[0], sys.stdin.buffer.read(_MOST_READ))
        kept = Cache(repository.common_dir / "reconciler", now=now) if cache else None
        loaded = load_source(source, now=now, cache=kept, declare=with_host)
        problems = list(loaded.problems)
        count = loaded.files
        if with_host:
            problems = sorted([*problems, *check_host(source, loaded)], key=lambda problem: problem.sort_key)
        if paths:
            selected = select_paths(source, paths)
            problems, count = of_files(problems, selected, source), len(selected)
        change = None
        if since is not None:
            change = Change(source, read_base(repository, since, head=ref), now=now, cache=kept)
            problems = change.caused(problems)
        if kept is not None:
            kept.save()
        colored = wants_color(color) if out is None else color == "always"
        write_result(_render(format_, problems, source, change, color=colored), out)
    if format_ in {"text", "github"} or out is not None:
        tell(f"{plural(count, 'file')}: {count_words(problems)}.")
    return ExitCode.INVALID if _fails(problems, Severity(fail_level)) else ExitCode.DONE


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


def _render(format_: str, problems: Sequence[Problem], source: Source, change: Change | None, *, color: bool) -> str:
    if format_ == "text" and not problems:
        return ""
    from reconciler.definitions.renderings import RENDERINGS, render_github, render_text

    if format_ == "text":
        return render_text(problems, source_of=source.read_text, color=color)
    if format_ == "github" and change is not None:
        return render_github(problems, is_touched=change.touches)
    return RENDERINGS[format_](problems)


def _fails(problems: Sequence[Problem], level: Severity) -> bool:
    counted = _LEVELS[: _LEVELS.index(level) + 1]
    return any(problem.severity in counted for problem in problems)
