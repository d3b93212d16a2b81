import pytest
from support.driving import rig as open_rig


@pytest.fixture
def rig(tmp_path):
    with open_rig(tmp_path) as made:
        yield made


@pytest.fixture
def slow_rig(tmp_path):
    """Runs go on until the test ends them."""
    with open_rig(tmp_path, ends=None) as made:
        yield made
