import pytest
from fakes.datto.server import serving
from fakes.datto.things import Behaviour, variable
from fakes.datto.world import World
from support.cli import make_project, quiet_environment
from support.datto import COMPONENT, JOB, TARGET, datto_rig

from reconciler.model.instant import utc_now


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


@pytest.fixture
def world():
    made = World(utc_now)
    made.add_device("ACME-DC01")
    made.add_device("ACME-DC02")
    quick = Behaviour(stdout="Deleted 156 files\n", pickup_seconds=0, run_seconds=0)
    made.add_component("Clear Temp Files", behaviour=quick, variables=[variable("days", default="7")])
    return made


@pytest.fixture
def address(world):
    with serving(world) as url:
        yield url


@pytest.fixture
def project(tmp_path, capfd, monkeypatch, address):
    quiet_environment(monkeypatch)
    monkeypatch.setattr("reconciler.targets.datto.following.FIRST_LOOK", utc_now() - utc_now())
    (tmp_path / "secrets.toml").write_text('[KEY]\nenv = "A_KEY"\n[SECRET]\nenv = "A_SECRET"\n')
    monkeypatch.setenv("A_KEY", "api-key")
    monkeypatch.setenv("A_SECRET", "s3cr3t-of-the-account")
    monkeypatch.setenv("RECONCILER_SECRETS", str(tmp_path / "secrets.toml"))
    made = make_project(tmp_path / "repo", capfd)
    made.repo.write("definitions/targets/acme.yaml", TARGET % address)
    made.repo.write("definitions/components/clear-temp.yaml", COMPONENT)
    made.repo.write("definitions/jobs/clean.yaml", JOB)
    made.repo.commit("Add a job for the fleet")
    yield made
    made.clean_up()
