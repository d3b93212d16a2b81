"""What `reconciler validate` does: judge, choose what is told, and tell it."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct

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
from reconciler.cli.output import tell, wants_color, write_result
from reconciler.cli.problems import count_words, plural
from reconciler.cli.volume import step
from reconciler.git.glance import Glance
from reconciler.git.repository import Repository
from reconciler.model.instant import utc_now
from reconciler.model.problem import Problem, Severity

_MOST_READ = 16 * 1024 * 1024
_LEVELS = (Severity.ERROR, Severity.WARNING, Severity.INFORMATION)


class Wanted(Struct, frozen=True, kw_only=True):
    """The options of the command, by their names; ``folder`` is where FILEs are from."""

    folder: Path
    files: tuple[str, ...]
    path: str | None
    ref: str | None
    since: str | None
    with_host: bool
    fail_level: Severity
    format: str | None
    cache: bool
    out: str | None
    color: str


def validate(repository: Repository, wanted: Wanted, glance: Glance) -> ExitCode:
    format_ = wanted.format or ("github" if os.environ.get("GITHUB_ACTIONS") == "true" else "text")
    now = utc_now()
    source = read_source(repository, ref=wanted.ref, glance=glance)
    names = [wanted.path] if wanted.path else wanted.files
    paths = [resolve_path(repository, wanted.folder, name) for name in names]
    if wanted.path:
        source = with_unsaved(source, paths[0], sys.stdin.buffer.read(_MOST_READ))
    kept = Cache(repository.common_dir / "reconciler", now=now) if wanted.cache else None
    with step(f"checked the definitions {f'at {wanted.ref}' if wanted.ref else f'in {repository.root}'}"):
        loaded = load_source(source, now=now, cache=kept, declare=wanted.with_host)
    problems = list(loaded.problems)
    count = loaded.files
    if wanted.with_host:
        problems = sorted([*problems, *check_host(source, loaded)], key=lambda problem: problem.sort_key)
    if paths:
        selected = select_paths(source, paths)
        problems, count = of_files(problems, selected, source), len(selected)
    change = None
    if wanted.since is not None:
        change = Change(source, read_base(repository, wanted.since, head=wanted.ref), now=now, cache=kept)
        problems = change.caused(problems)
    if kept is not None:
        kept.save()
    colored = wants_color(wanted.color) if wanted.out is None else wanted.color == "always"
    write_result(_render(format_, problems, source, change, color=colored), wanted.out)
    if format_ in {"text", "github"} or wanted.out is not None:
        tell(f"{plural(count, 'file')}: {count_words(problems)}.")
    return ExitCode.INVALID if _fails(problems, wanted.fail_level) else ExitCode.DONE


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
