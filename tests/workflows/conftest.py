import pytest
from fakes.github import serve_github
from support.site import Site


@pytest.fixture
def fake():
    with serve_github() as made:
        yield made


@pytest.fixture
def site(tmp_path, fake):
    return Site(tmp_path, fake)
