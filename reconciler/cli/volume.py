"""How much a command says beside its result: `--quiet` only what is wrong, `--verbose` also what it does, and when.

What it does is told with the seconds since it began: its steps, the programs it starts and the addresses it connects
to. Arguments of programs, addresses of requests and what they hold are not told: they may be secrets.
"""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from reconciler.model.text import escape_text


class _Volume:
    def __init__(self) -> None:
        self.is_quiet = False
        self.is_verbose = False
        self.began = 0.0
        self.listens = False


_volume = _Volume()


def reset_volume() -> None:
    """Begin a command, which says what it usually says."""
    _volume.is_quiet = _volume.is_verbose = False
    _volume.began = time.monotonic()


def set_quiet(context: click.Context, _: click.Parameter, value: bool) -> None:
    if value and not context.resilient_parsing:
        _refuse_both(_volume.is_verbose, context)
        _volume.is_quiet = True


def set_verbose(context: click.Context, _: click.Parameter, value: bool) -> None:
    if value and not context.resilient_parsing:
        _refuse_both(_volume.is_quiet, context)
        _volume.is_verbose = True
        if not _volume.listens:
            _volume.listens = True
            sys.addaudithook(_listen)  # there is no way to take it away; without --verbose it says nothing


def _refuse_both(other: bool, context: click.Context) -> None:
    if other:
        raise click.UsageError("--quiet and --verbose exclude each other", context)


def is_quiet() -> bool:
    return _volume.is_quiet


def note(words: str) -> None:
    """Say what is done, where that was asked for."""
    if _volume.is_verbose:
        seconds = time.monotonic() - _volume.began
        click.echo(f"{seconds:8.3f} s  {escape_text(words)}", err=True)


@contextmanager
def step(words: str) -> Iterator[None]:
    """Say what was done and how long it took, also where it failed."""
    began = time.monotonic()
    try:
        yield
    finally:
        note(f"{words}: {(time.monotonic() - began) * 1000:.0f} ms")


def _listen(event: str, about: tuple[Any, ...]) -> None:
    if not _volume.is_verbose:
        return
    if event in {"subprocess.Popen", "os.posix_spawn"}:
        note(f"starts {_program(about[0], about[1])}")
    elif event == "socket.connect":
        note(f"connects to {_address(about[1])}")


def _program(path: Any, arguments: Any) -> str:
    """Return the name of a program, of Git with its command."""
    words = [os.fsdecode(word) for word in arguments] if isinstance(arguments, list | tuple) else []
    name = os.fsdecode(path or (words[0] if words else "?")).rpartition("/")[2]
    if name != "git":
        return name
    rest = iter(words[1:])
    for word in rest:
        if word in {"-c", "-C", "--git-dir", "--work-tree"}:
            next(rest, None)
        elif not word.startswith("-"):
            return f"git {word}"
    return name


def _address(address: Any) -> str:
    if isinstance(address, tuple) and len(address) >= 2:
        return f"{address[0]} port {address[1]}"
    return os.fsdecode(address) if isinstance(address, str | bytes) else "a socket"


def volume_options(function: Any) -> Any:
    """Give a command `--quiet` and `--verbose`."""
    quiet = click.option(
        "--quiet", "-q", is_flag=True, expose_value=False, callback=set_quiet, help="Say only what is wrong."
    )
    verbose = click.option(
        *("--verbose", "-v"),
        is_flag=True,
        expose_value=False,
        callback=set_verbose,
        help="Say what is done, and when, on standard error.",
    )
    return quiet(verbose(function))
