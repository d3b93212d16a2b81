import pytest
from support.cli import make_project, quiet_environment


@pytest.fixture
def project(tmp_path, monkeypatch, capfd):
    quiet_environment(monkeypatch)
    made = make_project(tmp_path / "repo", capfd)
    yield made
    made.clean_up()
