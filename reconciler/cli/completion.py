"""`reconciler completion`: completion for shells."""

import click
from click.shell_completion import get_completion_class

from reconciler.cli.options import verb

SHELLS = ("bash", "zsh", "fish", "powershell")
VARIABLE = "_RECONCILER_COMPLETE"

# click has no PowerShell; its words for bash are easily read there too.
POWERSHELL = """\
Register-ArgumentCompleter -Native -CommandName reconciler -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)
    $words = @($commandAst.CommandElements | ForEach-Object { "'" + ($_.ToString() -replace "'", '') + "'" })
    $index = $words.Count
    if ($wordToComplete) { $index = $words.Count - 1 }
    $env:COMP_WORDS = $words -join ' '
    $env:COMP_CWORD = "$index"
    $env:_RECONCILER_COMPLETE = 'bash_complete'
    try {
        reconciler | ForEach-Object {
            $kind, $value = $_ -split ',', 2
            if ($kind -eq 'plain') {
                [System.Management.Automation.CompletionResult]::new($value, $value, 'ParameterValue', $value)
            }
        }
    } finally {
        Remove-Item Env:COMP_WORDS, Env:COMP_CWORD, Env:_RECONCILER_COMPLETE
    }
}
"""


@verb(
    "completion",
    examples="""
    reconciler completion bash >> ~/.bashrc
    reconciler completion zsh > ~/.zfunc/_reconciler
    reconciler completion fish > ~/.config/fish/completions/reconciler.fish
    reconciler completion powershell >> $PROFILE
    """,
)
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def command(context: click.Context, *, directory: str | None, shell: str) -> int:  # noqa: ARG001 - needs no repository
    """Print the script that completes commands, options and their words in a shell."""
    click.echo(POWERSHELL if shell == "powershell" else _script(context, shell), nl=False)
    return 0


def _script(context: click.Context, shell: str) -> str:
    """Return click's script, without starting the shell to ask for its version."""
    class_ = get_completion_class(shell)
    assert class_ is not None
    completion = class_(context.find_root().command, {}, "reconciler", VARIABLE)
    return completion.source_template % completion.source_vars()
