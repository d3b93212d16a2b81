import os

import pytest

from reconciler.git.repository import Repository
from reconciler.model.errors import CouldNot, UsageError


@pytest.fixture
def clone(repo, tmp_path):
    clone = repo.clone(tmp_path / "clone")
    with Repository.open(clone.path) as repository:
        yield repository


def refs_of(repository):
    return repository.git("for-each-ref", "refs/heads", "refs/remotes", "refs/tags")


def test_a_new_commit_of_the_remote_is_fetched_and_nothing_of_the_user_moves(repo, clone):
    before = refs_of(clone)
    repo.git("tag", "v1")
    sha = repo.commit("New")
    assert clone.fetch("origin", "main") == sha
    assert clone.resolve(sha).subject == "New"
    assert refs_of(clone) == before
    assert not (clone.git_dir / "FETCH_HEAD").exists()
    assert clone.fetch("origin", "main") == sha


def test_a_rewritten_branch_is_followed(repo, clone):
    repo.commit("Will go")
    clone.fetch("origin", "main")
    repo.git("reset", "-q", "--hard", "HEAD~1")
    assert clone.fetch("origin", "main") == repo.git("rev-parse", "HEAD")


def test_a_branch_that_is_gone_is_told(clone):
    with pytest.raises(
        CouldNot, match=r"git fetch origin .* failed: couldn't find remote ref refs/heads/gone"
    ) as caught:
        clone.fetch("origin", "gone")
    assert "git ls-remote --heads" in caught.value.hint


@pytest.mark.parametrize(
    ("remote", "branch"), [("--exec=x", "main"), ("origin", "--upload-pack=x"), ("origin", "a..b")]
)
def test_names_are_checked_before_git_is_called(clone, remote, branch):
    with pytest.raises(UsageError):
        clone.fetch(remote, branch)


def test_the_url_for_pushing_is_not_fetched_from(repo, clone):
    clone.git("config", "remote.origin.pushurl", "/nowhere")
    assert clone.fetch("origin", "main") == repo.git("rev-parse", "HEAD")


def test_a_program_that_the_clone_names_for_the_other_side_is_not_started(repo, clone, tmp_path):
    clone.git("config", "remote.origin.uploadpack", f"touch {tmp_path}/ran; git-upload-pack")
    assert clone.fetch("origin", "main") == repo.git("rev-parse", "HEAD")
    assert not (tmp_path / "ran").exists()


def test_a_crafted_object_is_not_taken_in(repo, clone):
    """The tree has an entry `.git`: what is fetched is checked, and such a commit refused."""
    blob = repo.git("hash-object", "-w", "--stdin", data=b"x")
    tree = repo.git(
        "hash-object", "-t", "tree", "--literally", "-w", "--stdin", data=b"100644 .git\0" + bytes.fromhex(blob)
    )
    repo.git("update-ref", "refs/heads/crafted", repo.git("commit-tree", "-m", "crafted", tree))
    with pytest.raises(CouldNot, match=r"git fetch origin .* failed: "):
        clone.fetch("origin", "crafted")


def seen_lock(clone):
    return clone.common_dir / "refs/reconciler/remotes/origin/heads/main.lock"


def test_p9_a_fetch_that_was_killed_is_healed_by_the_next(repo, clone):
    clone.fetch("origin", "main")
    sha = repo.commit("New")
    seen_lock(clone).touch()
    os.utime(seen_lock(clone), (0, 0))
    assert clone.fetch("origin", "main") == sha
    assert not seen_lock(clone).exists()


def test_p9_a_lock_whose_owner_may_live_is_left_alone(repo, clone):
    clone.fetch("origin", "main")
    repo.commit("New")
    seen_lock(clone).touch()
    with pytest.raises(CouldNot, match="File exists"):
        clone.fetch("origin", "main")
    assert seen_lock(clone).exists()
