"""Where two branches part."""

from support.repo import make_repo

from reconciler.git.ancestry import merge_base
from reconciler.git.repository import Repository


def test_the_commit_from_which_two_branches_came(tmp_path):
    repo = make_repo(tmp_path / "repo")
    base = repo.commit("Begin")
    repo.git("switch", "--quiet", "--create", "topic")
    topic = repo.commit("Topic")
    repo.git("switch", "--quiet", "main")
    main = repo.commit("Main")
    with Repository.open(repo.path) as repository:
        assert merge_base(repository, topic, main) == base


def test_branches_that_share_nothing(tmp_path):
    repo = make_repo(tmp_path / "repo")
    main = repo.commit("Begin")
    repo.git("switch", "--quiet", "--orphan", "other")
    other = repo.commit("Other")
    with Repository.open(repo.path) as repository:
        assert merge_base(repository, main, other) is None
