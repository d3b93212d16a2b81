"""Options that several verbs share, each spelled once."""

import math
from collections.abc import Callable
from typing import Any, TypeVar

import click

from reconciler.cli.completing import complete_job
from reconciler.cli.volume import volume_options

F = TypeVar("F", bound=Callable[..., Any])


class VerbCommand(click.Command):
    """A verb: its help ends with examples, printed as they are."""

    def __init__(self, *args: Any, examples: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.examples = examples

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        # Left to click, an option whose value may be left out would take the argument after it for its value.
        end = args.index("--") if "--" in args else len(args)
        return super().parse_args(ctx, [_BARE.get(arg, arg) for arg in args[:end]] + args[end:])

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        if self.examples:
            with formatter.section("Examples"):
                for line in self.examples.strip().splitlines():
                    formatter.write(f"  {line.strip()}\n")


_FOREVER = "forever"
_BARE = {"--wait": f"--wait={_FOREVER}"}


class _Seconds(click.ParamType[float]):
    name = "seconds"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        if value == _FOREVER:
            return math.inf
        if not (isinstance(value, str) and value.isascii() and value.isdigit()):
            self.fail(f"{value!r} is not a whole number of seconds", param, ctx)
        return float(value)


def verb(name: str, *, examples: str) -> Callable[[Callable[..., Any]], click.Command]:
    """Make a command of a function, with ``-C`` and ``--help``; its docstring is the help."""

    def decorate(function: Callable[..., Any]) -> click.Command:
        directory = click.option(
            "-C", "directory", metavar="DIR", default=None, callback=_directory, help="Work as if started in DIR."
        )
        made: click.Command = click.command(name, cls=VerbCommand, examples=examples)(
            directory(volume_options(function))
        )
        made.context_settings = {"help_option_names": ["-h", "--help"]}
        return made

    return decorate


def _directory(ctx: click.Context, _: click.Parameter, value: str | None) -> str | None:
    return value or (ctx.find_root().obj if isinstance(ctx.find_root().obj, str) else None)


def format_option(*formats: str) -> Callable[[F], F]:
    return click.option(
        "--format",
        "format_",
        type=click.Choice(formats, case_sensitive=False),
        default=formats[0],
        envvar="RECONCILER_FORMAT",
        show_default=True,
        help="How the result is written to standard output.",
    )


state_option = click.option(
    "--state",
    metavar="FILE",
    envvar="RECONCILER_STATE",
    help="The state database.  [default: reconciler/state.db in the Git folder]",
)

secrets_option = click.option(
    "--secrets",
    metavar="FILE",
    envvar="RECONCILER_SECRETS",
    help="The operator's secrets.toml, outside Git.",
)

wait_option = click.option(
    "--wait",
    type=_Seconds(),
    metavar="[=SECONDS]",
    help="Wait for the end, at most so long; the exit code tells how it went.",
)

job_option = click.option(
    "--job", metavar="ID", shell_complete=complete_job, help="The last run of this job, instead of a uid."
)
last_option = click.option("--last", is_flag=True, help="The last run, of all or of --job.")

ref_option = click.option(
    "--ref", metavar="REF", default="HEAD", show_default=True, help="The commit, branch or tag to read."
)

out_option = click.option("--out", metavar="FILE", help="Write the result to FILE instead of standard output.")

color_option = click.option(
    "--color",
    type=click.Choice(["auto", "always", "never"]),
    default="auto",
    envvar="RECONCILER_COLOR",
    show_default=True,
    help="Colour on standard output; NO_COLOR turns `auto` off.",
)
