"""What we do in the user's clone leaves no trace in work tree, index and HEAD, in the middle of whatever they do."""

import hashlib
from datetime import UTC, datetime

import pytest

from reconciler.git.push import push
from reconciler.git.report_branch import publish
from reconciler.git.repository import Repository
from reconciler.model.errors import CouldNot

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
BRANCH = "reconciler-reports"


def state_of(repo):
    """Every byte of the work tree and of what Git keeps about it."""
    git_files = [
        "index",
        "HEAD",
        "MERGE_HEAD",
        "MERGE_MSG",
        "ORIG_HEAD",
        "FETCH_HEAD",
        "config",
        "logs/HEAD",
        "shallow",
    ]
    files = [repo.path / ".git" / name for name in git_files]
    files += [path for path in repo.path.rglob("*") if ".git" not in path.relative_to(repo.path).parts]
    return {
        str(path): (hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_mtime_ns)
        for path in files
        if path.is_file() and not path.is_symlink()
    }


@pytest.fixture
def busy(repo):
    """A clone in the middle of a conflicting merge, with staged, unstaged and untracked changes."""
    repo.write("definitions/a.yaml", "1\n")
    repo.commit()
    repo.git("checkout", "-q", "-b", "side")
    repo.write("definitions/a.yaml", "2\n")
    repo.commit()
    repo.git("checkout", "-q", "main")
    repo.write("definitions/a.yaml", "3\n")
    repo.commit()
    repo.git("merge", "-q", "side", check=False)
    repo.write("staged.txt", "staged")
    repo.git("add", "staged.txt")
    repo.write("definitions/jobs/clean.yaml", "edited\n")
    repo.write("definitions/untracked.yaml", "x")
    assert "UU definitions/a.yaml" in repo.git("status", "--porcelain")
    return repo


def test_reading_publishing_and_pushing_touch_nothing(busy, tmp_path):
    origin = busy.clone(tmp_path / "origin.git", "--bare")
    busy.git("remote", "add", "origin", str(origin.path))
    # So that the index looks stale: git status would like to refresh it.
    (busy.path / "reconciler.toml").touch()
    before, status = state_of(busy), busy.git("--no-optional-locks", "status", "--porcelain=v2", "--branch")
    with Repository.open(busy.path) as repository:
        sha = repository.resolve("HEAD").sha
        tree = repository.read_tree(sha, root="definitions")
        tree.read(list(tree.files))
        assert repository.changed_files("definitions") == 3
        repository.last_changed(sha, ["definitions/a.yaml"])
        publish(repository, [("runs/a.json", b"{}")], branch=BRANCH, message="m", notes={sha: "line"}, now=NOW)
        push(repository, "origin", branch=BRANCH)
    assert state_of(busy) == before
    assert busy.git("--no-optional-locks", "status", "--porcelain=v2", "--branch") == status


def test_a_branch_that_is_checked_out_is_left_alone(repo, opened):
    tip = publish(opened, [("runs/a.json", b"{}")], branch=BRANCH, message="m", notes={}, now=NOW)
    repo.git("checkout", "-q", BRANCH)
    with pytest.raises(CouldNot, match=f"branch {BRANCH} is checked out in {repo.path}") as caught:
        publish(opened, [("runs/b.json", b"{}")], branch=BRANCH, message="m", notes={}, now=NOW)
    assert "Switch to another branch" in caught.value.hint
    assert repo.git("rev-parse", BRANCH) == tip


def test_a_branch_checked_out_in_another_work_tree_is_left_alone(repo, opened, tmp_path):
    publish(opened, [("runs/a.json", b"{}")], branch=BRANCH, message="m", notes={}, now=NOW)
    repo.git("worktree", "add", "-q", str(tmp_path / "side"), BRANCH)
    with pytest.raises(CouldNot, match=f"is checked out in {tmp_path / 'side'}"):
        publish(opened, [("runs/b.json", b"{}")], branch=BRANCH, message="m", notes={}, now=NOW)


def test_a_branch_without_a_commit_that_one_stands_on_is_left_alone(repo, opened):
    repo.git("checkout", "-q", "--orphan", BRANCH)
    with pytest.raises(CouldNot, match="is checked out"):
        publish(opened, [("runs/a.json", b"{}")], branch=BRANCH, message="m", notes={}, now=NOW)


def test_a_branch_of_other_things_is_not_written_to(repo, opened):
    """A pull request cannot turn [reports] branch against another branch."""
    repo.git("branch", "develop")
    with pytest.raises(CouldNot, match="exists and is not a branch of reports"):
        publish(opened, [("runs/a.json", b"{}")], branch="develop", message="m", notes={}, now=NOW)
    assert repo.git("rev-parse", "develop") == repo.git("rev-parse", "main")


def test_a_branch_of_reports_that_someone_tidied_is_one(repo, opened):
    tip = publish(opened, [("runs/a.json", b"{}")], branch=BRANCH, message="m", notes={}, now=NOW)
    repo.git("update-ref", f"refs/heads/{BRANCH}", repo.git("commit-tree", "-m", "Tidied", f"{tip}^{{tree}}"))
    publish(opened, [("runs/b.json", b"{}")], branch=BRANCH, message="m", notes={}, now=NOW)
    assert repo.git("ls-tree", "-r", "--name-only", BRANCH).split() == ["runs/a.json", "runs/b.json"]


def test_hooks_of_the_clone_are_not_started(repo, opened, tmp_path):
    origin = repo.clone(tmp_path / "origin.git", "--bare")
    repo.git("remote", "add", "origin", str(origin.path))
    for name in ("reference-transaction", "pre-push", "post-commit", "pre-auto-gc"):
        hook = repo.path / ".git/hooks" / name
        hook.parent.mkdir(exist_ok=True)
        hook.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\nexit 1\n")
        hook.chmod(0o755)
    publish(opened, [("runs/a.json", b"{}")], branch=BRANCH, message="m", notes={}, now=NOW)
    push(opened, "origin", branch=BRANCH)
    assert not (tmp_path / "ran").exists()


def test_a_fresh_machine_without_a_name_publishes(repo, opened, monkeypatch):
    for name in ("HOME", "USER", "LOGNAME", "EMAIL"):
        monkeypatch.delenv(name, raising=False)
    publish(opened, [("runs/a.json", b"{}")], branch=BRANCH, message="m", notes={}, now=NOW)
    assert repo.git("log", "-1", "--format=%cn <%ce>", BRANCH) == "reconciler <reconciler@localhost>"
