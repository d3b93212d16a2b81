import pytest
from support.repo import make_repo

from reconciler.git.repository import Repository


@pytest.fixture
def repo(tmp_path):
    """A repository with one commit: a job and the settings."""
    repo = make_repo(tmp_path / "repo")
    repo.write("definitions/jobs/clean.yaml", "name: Clean\n")
    repo.write("reconciler.toml", 'definitions = "definitions"\n')
    repo.commit("Add a job")
    return repo


@pytest.fixture
def opened(repo):
    with Repository.open(repo.path) as repository:
        yield repository
