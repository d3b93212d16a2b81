"""The entry point: finds the verb, and turns every way out into an exit code; help loads next to nothing."""

import importlib
import sys
from typing import Any

import click

from reconciler import __version__
from reconciler.cli.volume import note, reset_volume, volume_options

VERBS = {
    "init": "Write the first definitions into a Git repository.",
    "validate": "Check definitions and say what is wrong, where, and the way out.",
    "fmt": "Write definitions in canonical form; their meaning stays.",
    "plan": "Show what applying a commit would change.",
    "apply": "Apply a commit to the targets, without running anything.",
    "reconcile": "Apply a commit, run what is due, and report: one pass.",
    "run": "Run an applied job now.",
    "ask": "Ask a person from within a job, and wait for the answer.",
    "progress": "Say from within a job how far it is.",
    "event": "Tell that something happened: start the jobs that wait for it.",
    "events": "List the events that came, and what each started.",
    "forecast": "Show when jobs will start: fire times, starts per hour, collisions.",
    "pause": "Let nothing start a job, until it is resumed.",
    "resume": "End the pause of a job.",
    "backfill": "Start the instants of a past span by hand, each once.",
    "wait": "Wait for runs to end.",
    "runs": "List runs, show one, read its output, answer it, cancel it, run it again.",
    "blame": "Show which commits changed a job, and how its runs went since each.",
    "report": "Show the reports of runs, by commit or by run.",
    "devices": "List the devices that a target has, or on which a job would run.",
    "targets": "List targets, check that they can be talked to, pack components.",
    "drift": "Compare what targets hold with what was last applied there.",
    "import": "Write definitions for the jobs that a target holds, and take them over.",
    "status": "Show what is applied, what ran, and what runs next.",
    "pr": "Show in a pull request what merging it would change.",
    "serve": "Follow a branch: apply each commit, run what falls due, all day.",
    "simulate": "Show which instants of a span would run, and which not and why.",
    "backup": "Copy the state to a file, while it is in use.",
    "restore": "Put a backup in the place of the state.",
    "repair": "Go on from a state that is damaged, missing, or older than it was.",
    "explain": "Explain the code of a problem, with a bad and a good example.",
    "schema": "Print the JSON Schema of a kind of definition.",
    "completion": "Print the script that completes commands in a shell.",
}


_MODULES = {"import": "import_jobs"}
"""Of verbs that cannot be the name of a module."""


class Verbs(click.Group):
    """Loads a verb's module only when it is used, so that `--help` costs next to nothing."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in VERBS:
            return None
        module = f"reconciler.cli.{_MODULES.get(cmd_name, cmd_name)}"
        command: click.Command = importlib.import_module(module).command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(VERBS.items()))

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            from difflib import get_close_matches

            if close := get_close_matches(args[0], VERBS, n=1):
                raise click.UsageError(f"{error.message} Did you mean `{close[0]}`?", error.ctx) from None
            raise


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="reconciler", message="%(prog)s %(version)s")
@click.option("-C", "directory", type=click.Path(), metavar="DIR", help="Work as if started in DIR.")
@volume_options
@click.pass_context
def cli(ctx: click.Context, directory: str | None) -> None:
    """Jobs as code: job definitions in Git, validated, planned, applied, run, and reported with their commit.

    \b
    Examples:
      reconciler validate            check the definitions in the work tree
      reconciler plan                what would HEAD change here?
      reconciler reconcile           apply HEAD, run what is due, report
    """
    ctx.obj = directory


def main() -> None:
    """Run the command line; every way out is an exit code of DESIGN section 8."""
    sys.exit(run_cli(sys.argv[1:]))


def run_cli(arguments: list[str]) -> int:
    reset_volume()
    try:
        code = _run(arguments)
        note(f"exit {int(code)}")
    finally:
        reset_volume()
    return code


def _run(arguments: list[str]) -> int:
    try:
        code = cli.main(args=arguments, prog_name="reconciler", standalone_mode=False)
        sys.stdout.flush()
    except click.exceptions.Exit as way_out:
        return way_out.exit_code
    except (Exception, KeyboardInterrupt) as error:  # the process boundary: every way out is told in one place
        from reconciler.cli.failures import tell_failure

        return tell_failure(error)
    return code if isinstance(code, int) else 0
