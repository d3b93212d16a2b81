import pytest
from support.engine import PartOfEngine, engine_in, processes_with


@pytest.fixture
def engine(tmp_path):
    """An engine of its own; its supervisor and whatever its runs left behind are gone after the test."""
    with engine_in(tmp_path / "engine") as engine:
        yield engine


@pytest.fixture(scope="session")
def common_engine(tmp_path_factory):
    with engine_in(tmp_path_factory.mktemp("shared") / "engine") as engine:
        yield engine


@pytest.fixture
def shared_engine(common_engine):
    """As ``engine``, but of all tests together: for those that want nothing but runs, under uids of their own."""
    return PartOfEngine(common_engine)


@pytest.fixture
def survivors(shared_engine):
    """The living processes of this test's runs."""
    return lambda: processes_with(shared_engine.marker)
