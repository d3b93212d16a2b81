"""Writing results: data to standard output, talk to standard error, tables that hold on any terminal."""

import os
import sys
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import click
import msgspec

from reconciler.cli.volume import is_quiet
from reconciler.model.errors import CouldNot
from reconciler.model.instant import format_instant
from reconciler.model.text import escape_text


def echo_json(value: Any) -> None:
    """Write ``value`` as indented JSON."""
    click.echo(json_text(value), nl=False)


def json_text(value: Any) -> str:
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode() + "\n"


def write_result(text: str, path: str | None) -> None:
    """Write the data of a verb to standard output, or whole to the file that `--out` names. Raises CouldNot."""
    if path is None:
        # Whether there is colour in it was decided before; click would take it out on a pipe.
        click.echo(text, nl=False, color=True)
        return
    try:
        Path(path).write_text(text, encoding="utf-8")
    except OSError as error:
        raise CouldNot(f"cannot write {path}: {error.strerror}", hint="Check --out.") from None


def instant_text(at: datetime | None) -> str | None:
    return format_instant(at) if at is not None else None


def wants_color(choice: str) -> bool:
    if choice == "auto":
        return sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    return choice == "always"


def table_text(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return rows under their columns, two spaces between; every cell is escaped, so no cell can forge a line."""
    cells = [list(columns), *([escape_text(cell) for cell in row] for row in rows)]
    widths = [max(len(row[index]) for row in cells) for index in range(len(columns))]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in cells)
    return "".join(f"  {line.rstrip()}\n" for line in lines)


def echo_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Write a table as ``table_text`` returns it."""
    click.echo(table_text(columns, rows), nl=False)


def tell(message: str) -> None:
    """Say something to the person, beside the data; not where `--quiet` is asked for."""
    if not is_quiet():
        click.echo(message, err=True)


def warn(message: str) -> None:
    """Say what is wrong, beside the data."""
    click.echo(message, err=True)
