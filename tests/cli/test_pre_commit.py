"""Our hooks under the real pre-commit, in a repository that uses them.

pre-commit would install the program anew; here it is told that it is there (`language: system`), and everything
else is as the hooks say.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.definitions import JOB
from support.repo import make_repo

ROOT = Path(__file__).parents[2]
CONFIG = """
repos:
  - repo: {hooks}
    rev: v1
    hooks:
      - {{id: reconciler-validate, language: system}}
      - {{id: reconciler-fmt, language: system}}
"""


@pytest.fixture
def repo(tmp_path):
    hooks = make_repo(tmp_path / "hooks")
    hooks.write(".pre-commit-hooks.yaml", (ROOT / ".pre-commit-hooks.yaml").read_text())
    hooks.commit("Hooks")
    hooks.git("tag", "v1")
    made = make_repo(tmp_path / "repo")
    made.write(".pre-commit-config.yaml", CONFIG.format(hooks=hooks.path))
    made.write("README.md", "[unclosed\n")
    return made


def run(repo, *arguments):
    repo.git("add", "--all")
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = repo.environment | {"PATH": path, "PRE_COMMIT_HOME": str(repo.path.parent / "cache"), "NO_COLOR": "1"}
    program = [sys.executable, "-m", "pre_commit", "run", "--color", "never", *arguments]
    done = subprocess.run(program, cwd=repo.path, env=environment, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def test_good_files_pass(repo):
    repo.write("definitions/jobs/a.yaml", "id: a\nschedule: {intervalMinutes: 30}\ntasks:\n  - id: t\n    command: x\n")
    repo.write("definitions/scripts/x.sh", "echo\n")
    code, said = run(repo)
    assert (code, said.count("Passed")) == (0, 2), said


def test_a_bad_file_holds_the_commit_back(repo):
    repo.write("definitions/jobs/a.yaml", JOB.replace("command", "comand"))
    code, said = run(repo, "reconciler-validate")
    assert code == 1
    assert "definitions/jobs/a.yaml:5:5: KEY003" in said


def test_a_file_that_is_not_in_canonical_form_is_mended_and_holds_the_commit_back(repo):
    path = repo.write("definitions/jobs/a.yaml", "name: 'x'\n" + JOB)
    code, said = run(repo)
    assert code == 1
    assert "files were modified by this hook" in said
    assert path.read_text().startswith("id: a\nname: x\n")
    assert run(repo)[0] == 0


def test_problems_of_files_that_are_not_in_the_commit_do_not_hold_it_back(repo):
    repo.write("definitions/jobs/old.yaml", "id: old\n")
    repo.commit("Old")
    repo.write("definitions/jobs/a.yaml", JOB)
    assert run(repo, "reconciler-validate")[0] == 0
    assert run(repo, "reconciler-validate", "--all-files")[0] == 1
