"""`reconciler fmt`: definitions in canonical form."""

import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from difflib import unified_diff
from pathlib import Path

import click
from msgspec import Struct
from msgspec.structs import replace

from reconciler.cli.checking import Source, read_source, resolve_path, select_files
from reconciler.cli.exits import ExitCode, first_of
from reconciler.cli.options import verb
from reconciler.cli.output import tell
from reconciler.cli.problems import echo_problems, plural
from reconciler.definitions.fmt import Refused, format_definition
from reconciler.definitions.listing import Candidate, list_definitions
from reconciler.git.repository import Repository
from reconciler.model.desired import SourceTree
from reconciler.model.errors import CouldNot, DefinitionsInvalid, UsageError
from reconciler.model.problem import Problem

STANDARD_INPUT = "-"
_MOST_READ = 16 * 1024 * 1024


class Formatted(Struct, frozen=True, kw_only=True):
    """A file as it is and as it should be, or why that cannot be told."""

    path: str
    before: bytes
    after: bytes
    problems: tuple[Problem, ...] = ()

    @property
    def differs(self) -> bool:
        return self.before != self.after


@verb(
    "fmt",
    examples="""
    reconciler fmt                                  # all definitions, in place
    reconciler fmt definitions/jobs/backup.yaml
    reconciler fmt --check --diff                   # writes nothing; exits with 2 where something would change
    reconciler fmt - --as definitions/jobs/backup.yaml < buffer
    """,
)
@click.argument("files", nargs=-1, type=click.Path(allow_dash=True), metavar="[FILE]...")
@click.option("--as", "path", type=click.Path(), metavar="PATH", help="The file that standard input (`-`) stands for.")
@click.option("--check", is_flag=True, help="Write nothing; exit with 2 where a file is not in canonical form.")
@click.option("--diff", is_flag=True, help="Write nothing; show what would change.")
def command(*, directory: str | None, files: tuple[str, ...], path: str | None, check: bool, diff: bool) -> int:
    """Write definitions in canonical form: order of fields, quotes, indents. Never changes what they mean.

    Comments stay with the field they are about.  Of the files that cannot be read the problem is told, and they stay as
    they are; then the exit code is 3.
    """
    if (STANDARD_INPUT in files) != bool(path) or (path and len(files) > 1):
        raise UsageError("`-` and --as PATH go together, and alone", hint="As in: reconciler fmt - --as PATH < FILE")
    here = Path(directory or ".")
    with Repository.open(here) as repository:
        source = read_source(repository, ref=None)
        if source.problems:
            raise DefinitionsInvalid("reconciler.toml is invalid", problems=source.problems)
        if path:
            return _format_input(source, resolve_path(repository, here, path))
        paths = [resolve_path(repository, here, name) for name in files]
        results = list(_format(source.tree, _candidates(source, paths)))
        changed = [result for result in results if result.differs]
        for result in changed:
            _act(repository.root, result, check=check, diff=diff)
    problems = [problem for result in results for problem in result.problems]
    echo_problems(problems)
    tell(_summary(results, changed, problems, is_dry=check or diff))
    codes = [ExitCode.INVALID] if problems else []
    return first_of([*codes, ExitCode.CHANGES] if check and changed else codes)


def _candidates(source: Source, paths: Sequence[str]) -> list[Candidate]:
    """Return the definition files at or under ``paths``, all without any."""
    candidates = list_definitions(source.tree, most_files=source.settings.limits.files).candidates
    if not paths:
        return list(candidates)
    wanted = {file.path for file in select_files(source, paths)}
    found = [candidate for candidate in candidates if candidate.file.path in wanted]
    if missed := set(paths) & wanted - {candidate.file.path for candidate in found}:
        folders = "jobs, components, targets or runs"
        raise UsageError(f"{min(missed)} is no definition", hint=f"Definitions are .yaml and .json files in {folders}.")
    return found


def _format(tree: SourceTree, candidates: Sequence[Candidate]) -> Iterator[Formatted]:
    contents = tree.read([candidate.file for candidate in candidates])
    for candidate, data in zip(candidates, contents, strict=True):
        yield _format_one(candidate, data)


def _format_one(candidate: Candidate, data: bytes) -> Formatted:
    path = candidate.file.path
    try:
        text = format_definition(candidate.kind, data, is_json=candidate.name.lower().endswith(".json"))
    except Refused as refusal:
        problems = tuple(replace(problem, path=path) for problem in refusal.problems)
        return Formatted(path=path, before=data, after=data, problems=problems)
    return Formatted(path=path, before=data, after=text.encode())


def _format_input(source: Source, path: str) -> int:
    """Write standard input to standard output in canonical form."""
    from reconciler.definitions.overlay import with_file

    data = sys.stdin.buffer.read(_MOST_READ)
    unsaved = Source(lambda: with_file(source.tree, path, data), settings=source.settings)
    (candidate,) = _candidates(unsaved, [path])
    result = _format_one(candidate, data)
    echo_problems(result.problems)
    if result.problems:
        return ExitCode.INVALID
    sys.stdout.buffer.write(result.after)
    return ExitCode.DONE


def _act(root: Path, result: Formatted, *, check: bool, diff: bool) -> None:
    if diff:
        before, after = (
            text.decode(errors="replace").splitlines(keepends=True) for text in (result.before, result.after)
        )
        name = result.path
        for line in unified_diff(before, after, fromfile=f"a/{name}", tofile=f"b/{name}"):
            click.echo(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n", nl=False)
    elif check:
        click.echo(result.path)
    else:
        replace_file(root / result.path, result.after)
        tell(f"formatted {result.path}")


def _summary(
    results: Sequence[Formatted], changed: Sequence[Formatted], problems: Sequence[Problem], *, is_dry: bool
) -> str:
    refused = len({problem.path for problem in problems})
    words = f"{plural(len(results), 'file')}: {len(changed):,} {'to format' if is_dry else 'formatted'}"
    return f"{words}, {refused:,} not readable." if refused else f"{words}."


def replace_file(path: Path, data: bytes) -> None:
    """Put ``data`` in the place of a file, whole or not at all; its permissions stay. Raises CouldNot."""
    try:
        mode = path.stat().st_mode
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            Path(name).chmod(mode & 0o7777)
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise CouldNot(f"cannot write {path}: {error.strerror}", hint="Check the permissions of its folder.") from None
