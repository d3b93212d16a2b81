import pytest
from support.cli import make_project, quiet_environment
from support.world import Stage


@pytest.fixture
def project(tmp_path, monkeypatch, capfd):
    quiet_environment(monkeypatch)
    made = make_project(tmp_path / "repo", capfd)
    yield made
    made.clean_up()


@pytest.fixture
def stage(tmp_path):
    """A world with a clock that is moved and a target whose runs end at once."""
    made = Stage(tmp_path)
    yield made
    made.close()


@pytest.fixture
def slow_stage(tmp_path):
    """The same, but runs go on until the test ends them."""
    made = Stage(tmp_path, ends=None)
    yield made
    made.close()
