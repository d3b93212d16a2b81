"""`reconciler init`: the first files of a repository."""

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import click

from reconciler.cli.options import verb
from reconciler.cli.output import json_text, tell
from reconciler.definitions.schemas import schema_of
from reconciler.definitions.settings import SETTINGS_PATH, read_settings
from reconciler.git.repository import Repository
from reconciler.model.errors import CouldNot, DefinitionsInvalid, UsageError
from reconciler.model.forms import FILE_KINDS

SCHEMAS = ".reconciler"

SETTINGS = """\
# Settings of this repository: all of them are optional.
definitions = "{folder}"
defaultTargets = ["local"]

[reports]
output = "tail"                    # none, tail or full: how much output goes into published reports
push = ""                          # a remote that reports are sent to, such as "origin"
"""

JOB = """\
# yaml-language-server: $schema={schema}
# A job is a file; its name is the id. `reconciler explain` and `reconciler schema job` tell more.
id: hello
name: Hello
description: Says who runs it and how full the disk is; a job to begin with.
schedule:
  cronExpression: "0 6 * * 1-5"
  timezone: UTC
parameters:
  - name: greeting
    default: Hello
    description: The first word of what it says
tasks:
  - id: say
    scriptType: bash
    script: |
      set -eu
      echo "$greeting from $(id -un), on $(uname -s)"
      df -P /
timeoutSeconds: 60
"""

RUN = """\
# yaml-language-server: $schema={schema}
# A run asked for once: it starts at the next `reconciler reconcile` after it is committed, once, ever.
id: first-hello
job: hello
variables:
  greeting: Good morning
reason: See one run and its report.
"""


@verb(
    "init",
    examples="""
    reconciler init              # in the repository of the current folder
    reconciler init ops          # definitions in ops/definitions
    """,
)
@click.argument("folder", required=False, type=click.Path(), metavar="[DIR]")
def command(*, directory: str | None, folder: str | None) -> int:
    """Write the first definitions into a Git repository: a job, a one-off run of it, settings, schemas for editors.

    Files that are there already are never changed, and nothing is committed.
    """
    here = Path(directory or ".") / (folder or "")
    if not here.is_dir():
        raise UsageError(f"there is no folder {here}", hint=f"Make it first: mkdir -p {here}")
    with Repository.open(here) as repository:
        if repository.is_bare:
            raise UsageError(f"{repository.root} has no work tree", hint="Run it in a clone.")
        root = repository.root
    definitions = _definitions_folder(root, here)
    if any((root / definitions).glob("*/*")):
        raise UsageError(f"{definitions}/ has files already; nothing was written", hint="Next: reconciler validate")
    _write_all(root, dict(_files(definitions)))
    tell(f"Next:\n  git add {SETTINGS_PATH} {SCHEMAS} {definitions} && git commit -m 'Begin'")
    tell(
        "  reconciler plan          # what it would change\n  reconciler reconcile     # apply it, and run the one-off"
    )
    return 0


def _definitions_folder(root: Path, here: Path) -> str:
    """Return the folder that the settings name, or `definitions` below ``here``."""
    path = root / SETTINGS_PATH
    if path.is_file():
        settings, problems = read_settings(path.read_bytes())
        if problems:
            raise DefinitionsInvalid(f"{SETTINGS_PATH} is invalid", problems=problems)
        return settings.definitions
    return (PurePosixPath(here.resolve().relative_to(root).as_posix()) / "definitions").as_posix()


def _files(definitions: str) -> Iterator[tuple[str, str]]:
    up = "../" * (len(PurePosixPath(definitions).parts) + 1)
    yield SETTINGS_PATH, SETTINGS.replace("{folder}", definitions)
    yield f"{definitions}/jobs/hello.yaml", JOB.replace("{schema}", f"{up}{SCHEMAS}/job.schema.json")
    yield f"{definitions}/runs/first-hello.yaml", RUN.replace("{schema}", f"{up}{SCHEMAS}/run.schema.json")
    for kind in FILE_KINDS:
        yield f"{SCHEMAS}/{kind.value}.schema.json", json_text(schema_of(kind.value))


def _write_all(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = root / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("x", encoding="utf-8", newline="\n") as file:
                file.write(text)
        except FileExistsError:
            tell(f"kept     {name}")
        except OSError as error:
            raise CouldNot(f"cannot write {path}: {error.strerror}", hint="Check the permissions.") from None
        else:
            tell(f"written  {name}")
