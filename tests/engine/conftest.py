import pytest
from support.engine import kill_all_with

from reconciler.engine.client import Engine
from reconciler.model.instant import utc_now


@pytest.fixture
def engine(tmp_path):
    """An engine of its own; its supervisor and whatever its runs left behind are gone after the test."""
    folder = tmp_path / "engine"
    engine = Engine(folder, clock=utc_now)
    yield engine
    engine.close()
    kill_all_with(str(folder))
