from contextlib import contextmanager

import pytest
from support.engine import kill_all_with

from reconciler.engine.client import Engine
from reconciler.model.instant import utc_now


@contextmanager
def engine_in(folder):
    engine = Engine(folder, clock=utc_now)
    yield engine
    engine.close()
    kill_all_with(str(folder))


@pytest.fixture
def engine(tmp_path):
    """An engine of its own; its supervisor and whatever its runs left behind are gone after the test."""
    with engine_in(tmp_path / "engine") as engine:
        yield engine


@pytest.fixture(scope="module")
def shared_engine(tmp_path_factory):
    """One engine for tests of a module that ask little of it."""
    with engine_in(tmp_path_factory.mktemp("shared") / "engine") as engine:
        yield engine
