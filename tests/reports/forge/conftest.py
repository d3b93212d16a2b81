import pytest
from fakes.github import serve_github
from support.forge import Sleeper


@pytest.fixture
def fake():
    with serve_github() as made:
        yield made


@pytest.fixture
def sleep():
    return Sleeper()
