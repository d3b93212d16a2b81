"""`reconciler completion`: completion for shells."""

import click
from click.shell_completion import get_completion_class

from reconciler.cli.options import verb

SHELLS = ("bash", "zsh", "fish", "powershell")
VARIABLE = "_RECONCILER_COMPLETE"
_LOADING = "$zsh_eval_context[-1] == loadautofunc"


@verb(
    "completion",
    examples="""
    reconciler completion bash >> ~/.bashrc      # or, with the package bash-completion:
    reconciler completion bash > ~/.local/share/bash-completion/completions/reconciler
    reconciler completion zsh > ~/.zfunc/_reconciler
    reconciler completion fish > ~/.config/fish/completions/reconciler.fish
    reconciler completion powershell >> $PROFILE
    """,
)
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def command(context: click.Context, *, directory: str | None, shell: str) -> int:  # noqa: ARG001 - needs no repository
    """Print the script that completes commands, options, ids of jobs and targets, and uids of runs in a shell."""
    click.echo(_script(context, shell), nl=False)
    return 0


def _script(context: click.Context, shell: str) -> str:
    """Return click's script, without starting the shell to ask for its version."""
    class_ = get_completion_class(shell)
    assert class_ is not None
    completion = class_(context.find_root().command, {}, "reconciler", VARIABLE)
    script = completion.source_template % completion.source_vars()
    # Loaded from a file of zsh's fpath, the script is a function's body: after the first time no longer being loaded.
    return script.replace(_LOADING, f"{_LOADING} || $funcstack[1] == _reconciler")
