"""What completes the words of a command in a shell: ids of definitions, uids of runs, codes.

Nothing is said and nothing fails: where there is no repository, or no state yet, there is nothing to complete.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import click

from reconciler.model.errors import ReconcilerError

_ENDINGS = (".yaml", ".yml", ".json")
_MOST_RUNS = 50

Complete = Callable[[click.Context, click.Parameter, str], list[str]]


def _quietly(find: Callable[[click.Context], Iterator[str]]) -> Complete:
    def complete(context: click.Context, _: click.Parameter, incomplete: str) -> list[str]:
        try:
            words = sorted(set(find(context)))
        except (OSError, ReconcilerError):
            return []
        return [word for word in words if word.casefold().startswith(incomplete.casefold())]

    return complete


def _find_ids(context: click.Context, kind: str) -> Iterator[str]:
    """Yield ids by the files of the work tree; what they hold is not read."""
    from reconciler.definitions.settings import SETTINGS_PATH, read_settings
    from reconciler.git.discovery import find_repository

    place = find_repository(_folder(context))
    path = place.root / SETTINGS_PATH
    settings, _ = read_settings(path.read_bytes() if path.is_file() else None)
    for _, _, names in os.walk(place.root / settings.definitions / kind):
        yield from (name.rpartition(".")[0] for name in names if name.lower().endswith(_ENDINGS))


def _find_targets(context: click.Context) -> Iterator[str]:
    yield "local"
    yield from _find_ids(context, "targets")


def _find_runs(context: click.Context) -> Iterator[str]:
    """Yield the newest runs; a state is not made for it."""
    from reconciler.cli.session import open_session
    from reconciler.store.records import RunFilter

    with open_session(directory=str(_folder(context)), state=context.params.get("state")) as session:
        if session.state_path.is_file():
            yield from (run.uid for run in session.store.runs(RunFilter(), limit=_MOST_RUNS))


def _find_codes(_: click.Context) -> Iterator[str]:
    from reconciler.definitions.codes import all_codes

    yield from all_codes()


def _folder(context: click.Context) -> Path:
    given = context.params.get("directory") or context.find_root().params.get("directory")
    return Path(given or ".")


complete_job = _quietly(lambda context: _find_ids(context, "jobs"))
complete_component = _quietly(lambda context: _find_ids(context, "components"))
complete_target = _quietly(_find_targets)
complete_run = _quietly(_find_runs)
complete_code = _quietly(_find_codes)
