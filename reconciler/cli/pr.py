"""`reconciler pr`: pull and merge requests; its verbs are in files of their own."""

import click

from reconciler.cli.pr_check import check_command
from reconciler.cli.pr_comment import comment_command


@click.group("pr", context_settings={"help_option_names": ["-h", "--help"]})
def command() -> None:
    """Show in a pull request what merging it would change.

    \b
    Examples:
      reconciler pr check --base origin/main --number 12
      reconciler pr comment --run 1234567890
      reconciler pr comment --review review.json
    """


for _verb in (check_command, comment_command):
    command.add_command(_verb)
