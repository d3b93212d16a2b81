"""Every verb explains itself, and help costs little."""

import subprocess
import sys

import pytest

from reconciler import __version__
from reconciler.cli.main import VERBS, run_cli

HEAVY = {"sqlalchemy", "git", "httpx", "jsonschema", "yaml", "alembic", "croniter"}


TARGETS_VERBS = [f"targets {name}" for name in ("list", "check", "bundle")]
RUNS_VERBS = [f"runs {name}" for name in ("list", "show", "logs", "output", "answer", "cancel", "retry")]


@pytest.mark.parametrize("verb", [*VERBS, *RUNS_VERBS, *TARGETS_VERBS])
def test_each_verb_has_help_with_an_example(verb, capsys):
    assert run_cli([*verb.split(), "--help"]) == 0
    text = capsys.readouterr().out
    assert "Examples:" in text
    assert f"reconciler {verb.split()[0]}" in text


@pytest.mark.parametrize("verb", ["validate", "plan", "apply", "reconcile", "run", "report", "status", "schema"])
def test_each_verb_writes_text_or_json(verb, capsys):
    assert run_cli([verb, "--help"]) == 0
    assert "--format [text|json" in capsys.readouterr().out


def test_the_version_is_told(capsys):
    assert run_cli(["--version"]) == 0
    assert capsys.readouterr().out == f"reconciler {__version__}\n"


@pytest.mark.parametrize("argument", ["--help", "--version"])
def test_help_and_version_import_nothing_heavy(argument):
    program = (
        "import sys\nfrom reconciler.cli.main import run_cli\n"
        f"assert run_cli([{argument!r}]) == 0\nprint(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert not HEAVY & set(done.stderr.split())


@pytest.mark.parametrize("module", ["ask", "run", "wait"])
def test_what_scripts_call_loads_no_more_than_it_needs_within_a_run(module):
    program = f"import sys, reconciler.cli.{module}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert not HEAVY & set(done.stdout.split())


def test_validate_begins_to_look_at_files_before_it_imports_what_judges_them():
    program = "import sys, reconciler.cli.validate; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    late = {"yaml", "hashlib", "reconciler.definitions.checks", "reconciler.targets.registry", "reconciler.model.forms"}
    assert not late & set(done.stdout.split())


def test_no_arguments_at_all_show_the_help_and_exit_as_wrong_usage(capsys):
    assert run_cli([]) == 64
    assert "Commands:" in capsys.readouterr().err


def test_a_misspelt_verb_is_met_with_the_right_one(capsys):
    assert run_cli(["vaildate"]) == 64
    assert "Did you mean `validate`?" in capsys.readouterr().err
