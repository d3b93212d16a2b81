"""How git is started: what every child gets, and what it can neither see nor do."""

import json
import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from reconciler.git.command import TookTooLong, local_environment, run_git
from reconciler.git.push import push
from reconciler.git.report_branch import publish
from reconciler.git.repository import Repository
from reconciler.model.errors import CouldNot

NOW = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def children(tmp_path, monkeypatch):
    """Every git that we start from now on, as (arguments, environment)."""
    log = tmp_path / "children"
    shim = tmp_path / "bin/git"
    shim.parent.mkdir()
    shim.write_text(
        f"#!{sys.executable} -I\nimport json,os,sys\n"
        f"open({str(log)!r},'a').write(json.dumps([sys.argv[1:],dict(os.environ)])+'\\n')\n"
        f"os.execv({shutil.which('git')!r}, ['git', *sys.argv[1:]])\n"
    )
    shim.chmod(0o755)
    monkeypatch.setenv("PATH", f"{shim.parent}{os.pathsep}{os.environ['PATH']}")
    return lambda: [json.loads(line) for line in log.read_text().splitlines()]


def do_everything(repo, tmp_path):
    origin = repo.clone(tmp_path / "origin.git", "--bare")
    repo.git("remote", "add", "origin", str(origin.path))
    with Repository.open(repo.path) as repository:
        sha = repository.resolve("HEAD").sha
        tree = repository.read_tree(sha, root="definitions")
        tree.read(list(tree.files))
        repository.diff_trees(sha, sha, root="definitions")
        repository.changed_files("definitions")
        repository.last_changed(sha, ["definitions/jobs/clean.yaml"])
        repository.first_added(sha, ["definitions/jobs/clean.yaml"])
        publish(repository, [("runs/a.json", b"{}")], branch="rr", message="m", notes={sha: "x"}, now=NOW)
        push(repository, "origin", branch="rr")


def test_every_child_has_the_fixed_environment(repo, tmp_path, children, monkeypatch):
    monkeypatch.setenv("GIT_DIR", "/elsewhere")
    monkeypatch.setenv("GIT_TRACE", "1")
    do_everything(repo, tmp_path)
    ours = [child for child in children() if child[1].get("GIT_AUTHOR_NAME") == "reconciler"]
    assert len(ours) >= 10
    for arguments, environment in ours:
        settings = {
            environment[f"GIT_CONFIG_KEY_{n}"]: environment[f"GIT_CONFIG_VALUE_{n}"]
            for n in range(int(environment["GIT_CONFIG_COUNT"]))
        }
        assert settings["core.hooksPath"] == os.devnull
        assert settings["core.fsmonitor"] == "false"
        assert settings["fetch.fsckObjects"] == "true"
        assert environment["GIT_TERMINAL_PROMPT"] == "0"
        assert environment.get("GIT_DIR") in {None, str(repo.path / ".git")}
        assert "GIT_TRACE" not in environment
        reads_user_settings = arguments[0] == "config" and arguments[1] in {"--global", "--system"}
        if not reads_user_settings:
            assert environment["GIT_CONFIG_NOSYSTEM"] == "1"
            # A push has a file of ours there: the login that the user configured, and nothing else of theirs.
            assert environment["GIT_CONFIG_GLOBAL"] == os.devnull or arguments[0] == "push"


def test_only_a_push_may_use_a_protocol(repo, tmp_path, children):
    do_everything(repo, tmp_path)
    allowed = {
        (arguments[0], environment["GIT_ALLOW_PROTOCOL"])
        for arguments, environment in children()
        if "GIT_ALLOW_PROTOCOL" in environment
    }
    assert {command for command, protocols in allowed if protocols != "none"} == {"push"}
    assert ("push", "file") in allowed


def test_secrets_of_ours_are_not_in_the_environment_of_a_git_that_reads(repo, tmp_path, children, monkeypatch):
    monkeypatch.setenv("DATTO_API_SECRET", "s3cret")
    do_everything(repo, tmp_path)
    with_secret = {arguments[0] for arguments, environment in children() if "DATTO_API_SECRET" in environment}
    assert with_secret <= {"push"}


def test_arguments_are_ids_and_fixed_words_alone(repo, tmp_path, children):
    """No branch, tag or message reaches a command line: names are asked over a pipe, after they were checked."""
    repo.git("branch", "--", "odd-name")
    with Repository.open(repo.path) as repository:
        repository.resolve("odd-name")
        with pytest.raises(CouldNot):
            repository.resolve("no-such-name")
    assert not any("-name" in word for arguments, _ in children() for word in arguments if "branch" not in arguments)


def test_reading_opens_no_connection_and_starts_nothing_but_git(repo):
    script = Path(__file__).with_name("audited_reading.py")
    done = subprocess.run([sys.executable, script, repo.path], capture_output=True, text=True, check=False)
    assert done.stderr == ""
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert {event[1] for event in events if event[0] == "start"} == {"git"}
    assert [event for event in events if event[0] == "connect"] == []
    outside = [path for kind, path in events if kind == "open" and not path.startswith((str(repo.path), "/dev/null"))]
    assert outside == []


def test_a_git_that_hangs_is_ended(tmp_path, monkeypatch):
    shim = tmp_path / "git"
    shim.write_text("#!/bin/sh\nexec sleep 100\n")
    shim.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    with pytest.raises(TookTooLong, match=r"git status gave no answer within 0\.1 s"):
        run_git(["status"], folder=tmp_path, environment=local_environment(), seconds=0.1)


def test_a_git_that_is_too_old_is_refused(repo, tmp_path, monkeypatch):
    shim = tmp_path / "bin/git"
    shim.parent.mkdir()
    shim.write_text("#!/bin/sh\nshift\nfor word; do echo $word; done\n")
    shim.chmod(0o755)
    monkeypatch.setenv("PATH", f"{shim.parent}{os.pathsep}{os.environ['PATH']}")
    with pytest.raises(CouldNot, match="git is too old") as caught:
        Repository.open(repo.path)
    assert caught.value.hint == "Install Git 2.31 or newer."


def test_a_git_that_cannot_be_started_is_named(repo, tmp_path, monkeypatch):
    (tmp_path / "git").write_text("")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CouldNot, match=r"git cannot be started in .*: Permission denied"):
        Repository.open(repo.path)
