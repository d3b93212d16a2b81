"""A pull request by somebody who means ill: nothing of it runs, nothing in it is hidden, nothing is forged."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support.site import WORKFLOWS

from reconciler.model.text import escape_text
from reconciler.reports.forge.sticky import MARKER
from reconciler.reports.forge.vetting import vet_markdown

NAMES = {
    "html": "<img src=x onerror=alert(1)><script>alert(1)</script><!-- ",
    "markdown": "](https://evil.example) ![x](https://evil.example/x.png) **bold** # head",
    "backticks": "`` ``` ````` ~~~ </code></pre></details>",
    "pipes": "| a | b |\\| \\\\| |",
    "ansi": "\x1b[2J\x1b[31mred\x1b]8;;https://evil.example\x07link\x1b]8;;\x07",
    "bidi": "\u202egpj.exe\u2066 \u200bzero\u2060",
    "mention": "@security-team closes #12 GH-12 !34 acme/ops#1",
    "commands": "::error::forged\n::set-output name=changes::0\n::add-mask::the\n::stop-commands::x",
    "legacy": "##[error]forged ##[set-output name=changes]0 ##vso[task.complete]",
    "marker": f"{MARKER}\n{MARKER}",
    "outputs": "changes=0\ndigest=0\noutcome<<EOF\nplanned\nEOF",
    "long": "x" * 1_000_000,
    "many lines": "\n" * 5000 + "the end",
}
# Git, on the way to a work tree or to a diff, and Python, wherever it looks for its own, would run or read these.
TRAPS = {
    "sitecustomize.py": "CANARY",
    "usercustomize.py": "CANARY",
    "conftest.py": "CANARY",
    "pip.py": "CANARY",
    "pip/__main__.py": "CANARY",
    "venv.py": "CANARY",
    "json.py": "CANARY",
    "click.py": "CANARY",
    "reconciler/__init__.py": "CANARY",
    "reconciler/__main__.py": "CANARY",
    "setup.py": "CANARY",
    "subject/reconciler.py": "CANARY",
    "tool/.github/actions/reconciler/action.yml": "runs: {using: composite, steps: []}",
    ".github/actions/reconciler/action.yml": "runs: {using: composite, steps: []}",
    ".github/workflows/plan.yml": "name: Plan\non: pull_request\njobs: {}\n",
    "pyproject.toml": "[build-system]\nrequires = ['evil']\nbuild-backend = 'evil'\n",
    "setup.cfg": "[metadata]\nname = evil\n",
    "pip.conf": "[global]\nindex-url = https://evil.example\n",
    "schemas/job.schema.json": "true",
    "schemas/target.schema.json": "true",
    ".gitattributes": "* filter=evil diff=evil merge=evil\n*.json -text export-ignore\n",
    ".gitconfig": '[core]\n\tfsmonitor = touch CANARY\n[filter "evil"]\n\tsmudge = touch CANARY\n',
    ".gitmodules": '[submodule "x"]\n\tpath = x\n\turl = ext::sh -c touch% CANARY\n',
    "hooks/post-checkout": "#!/bin/sh\ntouch CANARY\n",
    ".bashrc": "touch CANARY\n",
    ".env": "PYTHONPATH=.\n",
    ".python-version": "evil\n",
}


def add_traps(repo, canary):
    for path, text in TRAPS.items():
        code = f"open({str(canary)!r}, 'w')\n" if text == "CANARY" else text.replace("CANARY", str(canary))
        repo.write(path, code).chmod(0o755)
    (repo.path / "definitions/jobs/link.json").symlink_to("/etc/passwd")
    repo.write(
        "definitions/jobs/new.json",
        json.dumps({"id": "new", "surprise": True, "tasks": [{"id": "a", "command": "true"}]}),
    )


def test_what_a_pull_request_brings_is_not_run_and_decides_nothing(site, fake, tmp_path):
    canary = tmp_path / "canary"
    site.push(lambda repo: add_traps(repo, canary))
    checked = site.check()
    site.comment(checked.run)
    assert not canary.exists()
    assert "unknown field `surprise`" in checked.out, "its own schemas would have taken it"
    assert [step.code for step in checked.runner.steps][-2:] == [0, 3]
    assert "> [!CAUTION]" in fake.bodies(1)[0].splitlines()[1]


def test_the_same_where_the_pull_request_is_the_working_folder(site, tmp_path):
    canary = tmp_path / "canary"
    site.push(lambda repo: add_traps(repo, canary))
    checked = site.check(flat=True)
    assert not canary.exists()
    assert [step.code for step in checked.runner.steps][-2:] == [0, 3]


@pytest.mark.parametrize(
    "names", [["html"], ["backticks"], ["commands"], list(NAMES)], ids=["html", "backticks", "commands", "all"]
)
def test_no_word_of_it_hides_or_forges_anything(site, fake, names):
    def add(repo):
        for number, name in enumerate(names):
            words = NAMES[name]
            task = {"id": "a", "scriptType": "bash", "script": f"echo {words}"}
            named = {"id": f"named-{number}", "name": words[:2000], "tasks": [task]}
            told = {"id": f"told-{number}", "description": words[:2000], "tasks": [task], words[:300]: 1}
            for job in (named, told):
                repo.write(f"definitions/jobs/{job['id']}.json", json.dumps(job))
        repo.write("definitions/jobs/zzz.json", json.dumps({"id": "zzz", "tasks": [{"id": "a", "command": "true"}]}))

    site.push(add)
    checked = site.check()
    site.comment(checked.run)
    [body] = fake.bodies(1)
    assert "job `zzz` on `local`" in body
    assert body.startswith(f"{MARKER}\nFor `")
    assert "No plan" not in body, "our own comment was refused"
    assert vet_markdown(MARKER + "\n" + body.split("\n\n", 1)[1]) == ""
    assert escape_text(checked.runner.summary, keep_lines=True) == checked.runner.summary
    assert checked.outputs["changes"] != "0"
    assert set(checked.outputs) == {"changes", "digest", "errors", "outcome"}
    assert_no_command_is_forged(checked.out)


def assert_no_command_is_forged(out):
    """GitHub takes a line that begins with `::` for a command, and `##[` wherever it stands."""
    for line in out.splitlines():
        if line.lstrip().startswith("::"):
            assert re.match(
                r"::(error|warning|notice) file=definitions/jobs/[a-z0-9-]+\.json,title=[A-Z]+\d+[,:]", line
            )
        assert "##[" not in line
        assert "##vso[" not in line
        assert escape_text(line) == line


FILES = (
    "a\nb::error::x",
    "<img src=x>",
    "`a` | @team",
    "\u202egpj",
    "\x1b[31m",
    "##[error]x",
    "a%0A::error::x",
    "a::b,c=d",
)


def test_a_file_name_is_no_command_either(site, fake):
    def add(repo):
        for name in FILES:
            repo.write(f"definitions/jobs/{name}.json", '{"id": "x"}')

    site.push(add)
    checked = site.check()
    site.comment(checked.run)
    assert "what the check left was refused" not in fake.bodies(1)[0]
    for line in checked.out.splitlines():
        assert not line.lstrip().startswith("::") or line.startswith(("::error file=def", "::warning file=def"))
        assert "##[" not in line
        assert escape_text(line) == line


def test_a_check_that_was_made_up_is_taken_for_what_it_is(site, fake):
    """The workflow is the pull request's own: what it leaves may be anything, and its comment says so first."""
    head = site.push(lambda repo: repo.write(".github/workflows/plan.yml", "name: Plan\n"), repository="mallory/ops")
    run = fake.add_run(head, head_repository={"full_name": "mallory/ops"})
    made_up = {
        "schemaVersion": 1,
        "pullRequest": 1,
        "head": head,
        "base": "b" * 40,
        "outcome": "planned",
        "comment": f"{MARKER}\n## Plan: nothing changes\n\n<details>",
    }
    fake.add_artifact(run, json.dumps(made_up).encode())
    site.comment(run)
    [body] = fake.bodies(1)
    assert body.splitlines()[1] == "> [!CAUTION]"
    assert body.index("CAUTION") < body.index("nothing changes")
    assert fake.status_of(head)[0] == "error"


def test_the_token_never_reaches_the_check(site):
    site.push(lambda repo: None)
    checked = site.check()
    assert not [name for name in checked.runner.environment if "TOKEN" in name]
    assert "github.token" not in (WORKFLOWS / "plan.yml").read_text()
    assert "secrets." not in (WORKFLOWS / "plan.yml").read_text()


def test_the_check_starts_git_alone_connects_to_nothing_and_opens_no_file_of_the_pull_request(site, tmp_path):
    site.push(lambda repo: add_traps(repo, tmp_path / "canary"))
    site.repo.git("checkout", "--quiet", "--force", "refs/pull/1/merge")
    arguments = ["pr", "check", "--number", "1", "--base", "HEAD^1", "--out", str(tmp_path / "out")]
    done = subprocess.run(
        [sys.executable, "-I", Path(__file__).with_name("audited_check.py"), *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=site.repo.path,
        env={"PATH": os.environ["PATH"], "GITHUB_TOKEN": "ghs_canary"},
    )
    assert done.returncode == 3, done.stderr
    events = [json.loads(line) for line in done.stdout.splitlines() if line.startswith('["')]
    assert {what for kind, what in events if kind != "open"} <= {"git", shutil.which("git")}
    inside = f"{site.repo.path.resolve()}/"
    opened = {what.removeprefix(inside) for kind, what in events if kind == "open" and what.startswith(inside)}
    assert not {path for path in opened if not path.startswith(".git/")}
    assert "ghs_canary" not in done.stdout + (tmp_path / "out").read_text()
