"""What ends a command early: told on standard error with the way out, and turned into an exit code."""

import os
import sys
import traceback
from pathlib import PurePath

import click

from reconciler.cli.exits import ExitCode, code_of_error
from reconciler.model.errors import DefinitionsInvalid, ReconcilerError
from reconciler.model.text import escape_text


def tell_failure(error: BaseException) -> int:
    """Say what happened and return the exit code; a bug of ours is told as one, without its traceback."""
    match error:
        case click.UsageError():
            return _tell_usage(error)
        case click.Abort() | KeyboardInterrupt():
            click.echo("interrupted", err=True)
            return ExitCode.INTERRUPTED
        case ReconcilerError():
            _tell_error(error)
            return code_of_error(error)
        case BrokenPipeError():
            # Whoever read our output went away (`| head`): that is not our failure, and nobody is left to tell.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return ExitCode.DONE
        case _:
            _tell_bug(error)
            return ExitCode.BUG


def _tell_usage(error: click.UsageError) -> int:
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        click.echo(error.ctx.get_help() if error.ctx else error.format_message(), err=True)
        return ExitCode.USAGE
    click.echo(f"reconciler: {escape_text(error.format_message(), keep_lines=True)}", err=True)
    if error.ctx is not None:
        click.echo(f"  Try: {error.ctx.command_path} --help", err=True)
    return ExitCode.USAGE


def _tell_error(error: ReconcilerError) -> None:
    if isinstance(error, DefinitionsInvalid) and error.problems:
        from reconciler.cli.problems import echo_problems

        echo_problems(error.problems)
    click.echo(f"reconciler: {escape_text(str(error), keep_lines=True)}", err=True)
    for line in error.hint.splitlines():
        click.echo(f"  {escape_text(line)}", err=True)


def _tell_bug(error: BaseException) -> None:
    frame = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{PurePath(frame.filename).name}:{frame.lineno} in {frame.name}"
    click.echo(f"reconciler: this is a bug of ours: {type(error).__name__} at {where}", err=True)
    if os.environ.get("RECONCILER_DEBUG"):
        click.echo("".join(traceback.format_exception(error)), err=True)
    else:
        click.echo("  Please report it, with the command; RECONCILER_DEBUG=1 shows where it came from.", err=True)
