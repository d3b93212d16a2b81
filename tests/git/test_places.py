"""Where a repository can be, and in what state: it is read, or one clear message says what to do."""

import os
import subprocess

import pytest
from support.repo import make_repo

from reconciler.git import command
from reconciler.git.repository import Repository
from reconciler.model.errors import CouldNot


def first_file(repository):
    tree = repository.read_tree(repository.resolve("HEAD").sha, root="definitions")
    return tree.read(list(tree.files[:1]))


def test_a_folder_inside_the_work_tree_finds_the_root(repo):
    with Repository.open(repo.path / "definitions" / "jobs") as repository:
        assert (repository.root, repository.common_dir) == (repo.path, repo.path / ".git")
        assert first_file(repository) == [b"name: Clean\n"]


def test_from_inside_the_git_folder_the_root_is_the_work_tree(repo):
    with Repository.open(repo.path / ".git" / "objects") as repository:
        assert (repository.root, repository.is_bare) == (repo.path, False)
        assert repository.changed_files("definitions") == 0


def test_a_bare_repository_is_read(repo, tmp_path):
    bare = repo.clone(tmp_path / "bare.git", "--bare")
    with Repository.open(bare.path) as repository:
        assert (repository.root, repository.common_dir, repository.is_bare) == (bare.path, bare.path, True)
        assert first_file(repository) == [b"name: Clean\n"]
        assert repository.changed_files("definitions") == 0


def test_a_linked_work_tree_shares_the_common_folder(repo, tmp_path):
    repo.git("worktree", "add", "-q", "-b", "side", str(tmp_path / "side"))
    (tmp_path / "side/definitions/new.yaml").write_text("x")
    with Repository.open(tmp_path / "side") as repository:
        assert (repository.root, repository.common_dir) == (tmp_path / "side", repo.path / ".git")
        assert repository.git_dir == repo.path / ".git/worktrees/side"
        assert repository.changed_files("definitions") == 1
        assert first_file(repository) == [b"name: Clean\n"]
        assert repository.name == "side"


def test_a_submodule_is_a_repository_of_its_own(repo, tmp_path):
    outer = make_repo(tmp_path / "outer")
    outer.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(repo.path), "jobs")
    with Repository.open(outer.path / "jobs") as repository:
        assert repository.root == outer.path / "jobs"
        assert first_file(repository) == [b"name: Clean\n"]


def test_a_path_through_a_link_is_the_real_one(repo, tmp_path):
    (tmp_path / "link").symlink_to(repo.path)
    with Repository.open(tmp_path / "link") as repository:
        assert repository.root == repo.path


def test_a_repository_with_sha256_is_read(tmp_path):
    repo = make_repo(tmp_path / "repo", object_format="sha256")
    repo.write("definitions/a.yaml", "x")
    repo.write("reconciler.toml", "")
    sha = repo.commit()
    with Repository.open(repo.path) as repository:
        assert len(sha) == 64
        assert first_file(repository) == [b"x"]
        assert repository.last_changed(sha, ["definitions/a.yaml"]) == {"definitions/a.yaml": sha}


def test_no_repository(tmp_path):
    with pytest.raises(CouldNot, match="is not in a Git repository") as caught:
        Repository.open(tmp_path)
    assert "git init" in caught.value.hint


def test_no_folder(tmp_path):
    with pytest.raises(CouldNot, match="no-such: folder does not exist"):
        Repository.open(tmp_path / "no-such")


def test_no_git(repo, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(CouldNot, match="git is not installed") as caught:
        Repository.open(repo.path)
    assert "Install Git" in caught.value.hint


def test_a_repository_without_a_commit(tmp_path):
    repo = make_repo(tmp_path / "empty")
    with Repository.open(repo.path) as repository:
        with pytest.raises(CouldNot, match="has no commit yet") as caught:
            repository.resolve("HEAD")
        assert caught.value.hint.startswith("Commit first")
        repo.write("definitions/a.yaml", "x")
        assert repository.changed_files("definitions") == 1


def test_a_repository_of_another_user(repo, monkeypatch):
    """Git has a switch for its own tests that makes every folder look so."""
    monkeypatch.setitem(command._FIXED, "GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    with pytest.raises(CouldNot, match="belongs to another user") as caught:
        Repository.open(repo.path)
    assert f"safe.directory {repo.path}" in caught.value.hint


def test_a_repository_of_another_user_that_this_one_trusts(repo, monkeypatch, tmp_path):
    monkeypatch.setitem(command._FIXED, "GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    (tmp_path / "gitconfig").write_text(f"[safe]\n\tdirectory = {repo.path}\n[core]\n\tfsmonitor = evil\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "gitconfig"))
    with Repository.open(repo.path) as repository:
        assert first_file(repository) == [b"name: Clean\n"]


def test_a_shallow_clone_is_read_and_says_what_it_cannot_know(repo, tmp_path):
    repo.write("definitions/jobs/new.yaml", "x")
    old = repo.git("rev-parse", "HEAD")
    repo.commit()
    new = repo.commit("Nothing in definitions")
    shallow = make_repo(tmp_path / "shallow", bare=True)
    shallow.git("fetch", "-q", "--depth=1", f"file://{repo.path}", "main:main")
    with Repository.open(shallow.path) as repository:
        assert len(repository.read_tree(new, root="definitions").files) == 2
        assert repository.diff_trees(old, new, root="definitions") is None
        assert repository.last_changed(new, ["definitions/jobs/new.yaml"]) == {}
        assert repository.first_added(new, ["definitions/jobs/new.yaml"]) == {}


def test_what_a_partial_clone_lacks_is_not_fetched(repo, tmp_path):
    old = repo.git("rev-parse", "HEAD")
    repo.write("definitions/jobs/clean.yaml", "name: Other\n")
    repo.commit()
    repo.git("config", "uploadpack.allowFilter", "true")
    partial = make_repo(tmp_path / "outer")
    partial.git("clone", "-q", "--filter=blob:none", f"file://{repo.path}", str(tmp_path / "partial"))
    with Repository.open(tmp_path / "partial") as repository:
        assert first_file(repository) == [b"name: Other\n"]
        with pytest.raises(CouldNot) as caught:
            repository.read_tree(old, root="definitions")
        assert "git fetch --refetch" in caught.value.hint
        with pytest.raises(CouldNot) as caught:
            repository.read_file(old, "definitions/jobs/clean.yaml")
        assert "git fetch --refetch" in caught.value.hint


@pytest.mark.parametrize("damage", [b"", b"garbage", None], ids=["empty", "garbage", "missing"])
def test_a_damaged_object_is_named(repo, damage):
    oid = repo.git("rev-parse", "HEAD:definitions/jobs/clean.yaml")
    sha = repo.git("rev-parse", "HEAD")
    file = repo.path / ".git/objects" / oid[:2] / oid[2:]
    file.chmod(0o644)
    file.unlink() if damage is None else file.write_bytes(damage)
    with Repository.open(repo.path) as repository:
        for read in (
            lambda: repository.read_tree(sha, root="definitions"),
            lambda: repository.read_file(sha, "definitions/jobs/clean.yaml"),
        ):
            with pytest.raises(CouldNot) as caught:
                read()
            assert caught.value.hint
        assert repository.read_file(sha, "reconciler.toml") is not None


def test_a_damaged_commit_is_not_an_unknown_one(repo):
    sha = repo.git("rev-parse", "HEAD")
    file = repo.path / ".git/objects" / sha[:2] / sha[2:]
    file.chmod(0o644)
    file.write_bytes(b"garbage")
    with Repository.open(repo.path) as repository, pytest.raises(CouldNot) as caught:
        repository.resolve("main")
    assert "fsck" in caught.value.hint


def test_the_caller_may_be_a_hook_of_another_repository(repo, monkeypatch, tmp_path):
    other = make_repo(tmp_path / "other")
    monkeypatch.setenv("GIT_DIR", str(other.path / ".git"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(other.path / "index"))
    monkeypatch.setenv("GIT_WORK_TREE", str(other.path))
    monkeypatch.setenv("GIT_CONFIG_PARAMETERS", "'core.bare'='true'")
    with Repository.open(repo.path) as repository:
        assert repository.root == repo.path
        assert first_file(repository) == [b"name: Clean\n"]
        assert repository.changed_files("definitions") == 0
        assert repository.name == "repo"


def test_a_hook_that_judges_a_push_sees_what_was_pushed(repo, tmp_path):
    """In `pre-receive` the new objects lie in a quarantine that only the environment names."""
    bare = repo.clone(tmp_path / "bare.git", "--bare")
    hook = bare.path / "hooks/pre-receive"
    script = (
        "import pathlib,sys;from reconciler.git.repository import Repository as R;r=R.open(pathlib.Path('.'));"
        "s=sys.stdin.read().split()[1];t=r.read_tree(s,root='definitions');print(len(t.files));r.close()"
    )
    hook.write_text(f'#!/bin/sh\nexec "{os.sys.executable}" -c "{script}"\n')
    hook.chmod(0o755)
    repo.write("definitions/jobs/pushed.yaml", "x")
    repo.commit()
    done = subprocess.run(
        ["git", "push", str(bare.path), "main"],
        cwd=repo.path,
        env=repo.environment | {"PYTHONPATH": os.pathsep.join(os.sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "remote: 2" in done.stderr


def test_git_processes_end_with_the_repository(repo):
    with Repository.open(repo.path) as repository:
        repository.resolve("HEAD")
        processes = [pipe.process for pipe in repository.objects._pipes.values()]
        assert [process.poll() for process in processes] == [None]
    assert [process.poll() is not None for process in processes] == [True]


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://user:s3cret@example.com/acme/jobs.git?token=s3cret#x", "https://example.com/acme/jobs.git"),
        ("https://s3cret@example.com/acme/jobs.git", "https://example.com/acme/jobs.git"),
        ("ssh://git@example.com:22/acme/jobs.git", "ssh://example.com:22/acme/jobs.git"),
        ("git@example.com:acme/jobs.git", "example.com:acme/jobs.git"),
        ("/srv/git/jobs.git", "/srv/git/jobs.git"),
    ],
)
def test_the_name_of_a_repository_is_its_origin_without_secrets(repo, opened, url, name):
    repo.git("remote", "add", "origin", url)
    assert opened.name == name
