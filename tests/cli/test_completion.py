"""Completion, asked of the shells themselves."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from reconciler.cli.completion import SHELLS
from reconciler.cli.main import VERBS

ASK = """
source <(reconciler completion bash)
COMP_WORDS=(%s)
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
compopt() { :; }
_reconciler_completion reconciler
printf '%%s\\n' "${COMPREPLY[@]}"
"""


def environment():
    return {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}


def complete(words):
    done = subprocess.run(
        ["bash", "--norc", "-c", ASK % words], capture_output=True, text=True, check=True, env=environment()
    )
    assert done.stderr == ""
    return done.stdout.split()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("reconciler va", ["validate"]),
        ("reconciler ''", list(VERBS)),
        ("reconciler validate --fail", ["--fail-level"]),
        ("reconciler validate --format s", ["sarif"]),
        ("reconciler schema t", ["target"]),
        ("reconciler completion po", ["powershell"]),
    ],
)
def test_bash_completes(words, expected):
    assert complete(words) == expected


@pytest.mark.parametrize("shell", SHELLS)
def test_each_shell_has_a_script(shell, capsys):
    from reconciler.cli.main import run_cli

    assert run_cli(["completion", shell]) == 0
    script = capsys.readouterr().out
    assert "_RECONCILER_COMPLETE" in script
    if shutil.which(shell):
        subprocess.run([shell, "-n"], input=script, text=True, check=True)


@pytest.mark.pwsh
def test_powershell_completes():
    ask = (
        "reconciler completion powershell | Out-String | Invoke-Expression;"
        "(TabExpansion2 'reconciler va' 13).CompletionMatches.CompletionText"
    )
    done = subprocess.run(
        ["pwsh", "-NoProfile", "-Command", ask], capture_output=True, text=True, check=True, env=environment()
    )
    assert done.stdout.split() == ["validate"]
