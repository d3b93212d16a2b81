"""Completion, asked of the shells themselves."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support.repo import make_repo
from support.terminal import Terminal

from reconciler.cli.completion import SHELLS
from reconciler.cli.main import VERBS, run_cli

BASH_COMPLETION = "/usr/share/bash-completion/bash_completion"
ASK = """
source <(reconciler completion bash)
COMP_WORDS=(%s)
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
compopt() { :; }
_reconciler_completion reconciler
printf '%%s\\n' "${COMPREPLY[@]}"
"""


@pytest.fixture
def folder(tmp_path):
    repo = make_repo(tmp_path / "repo")
    repo.write("definitions/jobs/night/backup-orders.yaml", "id: backup-orders\n")
    repo.write("definitions/targets/acme.yaml", "id: acme\n")
    repo.write("definitions/components/clean.json", "{}")
    return repo.path


def environment(**more):
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("RECONCILER_", "COMP_"))}
    return {**kept, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "TERM": "xterm", **more}


def complete(words, folder):
    done = subprocess.run(
        ["bash", "--norc", "-c", ASK % words], capture_output=True, text=True, check=True, env=environment(), cwd=folder
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
        ("reconciler run BACK", ["backup-orders"]),
        ("reconciler devices --target ''", ["acme", "local"]),
        ("reconciler run --component c", ["clean"]),
        ("reconciler explain cron00", [f"CRON00{number}" for number in range(1, 10)]),
        ("reconciler runs show ''", []),
        ("reconciler -C /nowhere run ''", []),
    ],
)
def test_bash_completes(words, expected, folder):
    assert complete(words, folder) == expected
    assert not (folder / ".git" / "reconciler").exists()


def test_the_newest_runs_are_completed(project, monkeypatch):
    project.commit_job()
    project.call("apply")
    (uid,) = (run["uid"] for run in project.call("run", "hello", "--wait", "--format", "json").json)
    monkeypatch.setenv("_RECONCILER_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", f"reconciler -C {project.repo.path} wait {uid[:8]}")
    monkeypatch.setenv("COMP_CWORD", "4")
    done = subprocess.run([sys.executable, "-m", "reconciler"], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [f"plain,{uid}"]


@pytest.mark.parametrize("shell", SHELLS)
def test_each_shell_has_a_script(shell, capsys):
    assert run_cli(["completion", shell]) == 0
    script = capsys.readouterr().out
    assert "_RECONCILER_COMPLETE" in script
    if shutil.which(shell):
        subprocess.run([shell, "-n"], input=script, text=True, check=True)


def start_bash(home):
    terminal = Terminal(["bash", "--norc", "--noprofile", "-i"], folder=home, environment=environment(PS1="ready>"))
    terminal.type("bind 'set bell-style none'; source <(reconciler completion bash)\n")
    return terminal


def start_bash_with_package(home):
    scripts = home / "share" / "bash-completion" / "completions"
    scripts.mkdir(parents=True)
    done = subprocess.run(["reconciler", "completion", "bash"], capture_output=True, check=True, env=environment())
    (scripts / "reconciler").write_bytes(done.stdout)
    more = {"XDG_DATA_HOME": str(home / "share"), "PS1": "ready>"}
    terminal = Terminal(["bash", "--norc", "--noprofile", "-i"], folder=home, environment=environment(**more))
    terminal.type(f"bind 'set bell-style none'; source {BASH_COMPLETION}\n")
    return terminal


def start_zsh(home):
    (home / ".zshrc").write_text(
        "PS1='ready>'\nunsetopt BEEP PROMPT_SP\nautoload -Uz compinit; compinit -D -u\n"
        "source <(reconciler completion zsh)\n"
    )
    return Terminal(["zsh", "-i"], folder=home, environment=environment(ZDOTDIR=str(home)))


def start_zsh_with_file(home):
    """As `completion --help` says: the script as a file that zsh loads when it is first needed."""
    functions = home / "functions"
    functions.mkdir()
    done = subprocess.run(["reconciler", "completion", "zsh"], capture_output=True, check=True, env=environment())
    (functions / "_reconciler").write_bytes(done.stdout)
    (home / ".zshrc").write_text(
        f"PS1='ready>'\nunsetopt BEEP PROMPT_SP\nfpath=({functions} $fpath)\nautoload -Uz compinit; compinit -D -u\n"
    )
    return Terminal(["zsh", "-i"], folder=home, environment=environment(ZDOTDIR=str(home)))


@pytest.mark.parametrize(
    "start",
    [
        start_bash,
        pytest.param(start_bash_with_package, marks=pytest.mark.shells),
        pytest.param(start_zsh, marks=pytest.mark.shells),
        pytest.param(start_zsh_with_file, marks=pytest.mark.shells),
    ],
)
def test_tab_completes_at_a_terminal(start, folder, tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    terminal = start(home)
    terminal.type(f"cd {folder}; echo be''gin\n")
    terminal.wait_for("begin\n")
    for typed, shown in (
        ("reconciler vali\t", "reconciler validate "),
        ("--fail\t", "--fail-level "),
        ("war\t", "warning "),
    ):
        terminal.type(typed)
        terminal.wait_for(shown)
    terminal.type("\x15")
    terminal.type("reconciler run back\t")
    terminal.wait_for("backup-orders ")
    terminal.type("\x15exit\n")
    terminal.close()


@pytest.mark.shells
@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("reconciler vali", ["validate"]),
        ("reconciler validate --fail", ["--fail-level"]),
        ("reconciler validate --fail-level w", ["warning"]),
        ("reconciler run back", ["backup-orders"]),
        ("reconciler devices --target ", ["acme", "local"]),
        ("reconciler validate definitions/ta", ["definitions/targets/"]),
    ],
)
def test_fish_completes(line, expected, folder, tmp_path):
    ask = f"reconciler completion fish | source; complete -C '{line}'"
    done = subprocess.run(
        ["fish", "--no-config", "-c", ask],
        capture_output=True,
        text=True,
        check=True,
        cwd=folder,
        env=environment(HOME=str(tmp_path)),
    )
    assert [row.split("\t")[0] for row in done.stdout.splitlines()] == expected


@pytest.mark.pwsh
@pytest.mark.parametrize(
    ("line", "expected"), [("reconciler vali", ["validate"]), ("reconciler run back", ["backup-orders"])]
)
def test_powershell_completes(line, expected, folder):
    ask = (
        "reconciler completion powershell | Out-String | Invoke-Expression;"
        f"(TabExpansion2 '{line}' {len(line)}).CompletionMatches.CompletionText"
    )
    done = subprocess.run(
        ["pwsh", "-NoProfile", "-Command", ask],
        capture_output=True,
        text=True,
        check=True,
        cwd=folder,
        env=environment(),
    )
    assert done.stdout.split() == expected
