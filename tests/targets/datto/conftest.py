import pytest
from fakes.datto.things import Behaviour
from support.datto import datto_rig


@pytest.fixture
def rig(tmp_path):
    """An account with one device and one component that takes 15 seconds."""
    with datto_rig(tmp_path) as made:
        made.world.add_device("ACME-DC01")
        made.world.add_component("Clear Temp Files", behaviour=Behaviour())
        yield made


@pytest.fixture
def fleet(tmp_path):
    """An account with five hundred devices."""
    with datto_rig(tmp_path) as made:
        for number in range(500):
            made.world.add_device(f"PC-{number:03d}")
        made.world.add_component("Clear Temp Files", behaviour=Behaviour(pickup_seconds=20, run_seconds=30))
        yield made
