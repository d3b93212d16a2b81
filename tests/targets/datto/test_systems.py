"""A component for one operating system starts on no other: shown by plan and devices, refused by hand."""

import pytest
from support.datto import COMPONENT, JOB


@pytest.fixture
def mixed(project, world):
    """Two Windows devices, one with Linux, and a component for Windows."""
    world.add_device("ACME-LX01", os="Ubuntu 24.04 LTS")
    project.repo.write("definitions/components/clear-temp.yaml", COMPONENT + "osType: Windows\n")
    project.repo.write("definitions/jobs/clean.yaml", JOB.replace("hostnames: [ACME-DC01]", "all: true"))
    project.repo.commit("For Windows only")
    return project


def test_only_devices_of_that_system_are_started(mixed, world):
    mixed.call("apply")
    assert mixed.call("run", "clean").code == 0
    assert {job.device.hostname for job in world.jobs} == {"ACME-DC01", "ACME-DC02"}


def test_the_plan_tells_how_many_are_left_out(mixed):
    out = mixed.call("plan").out
    assert "devices: 2 devices: ACME-DC01, ACME-DC02; 1 more selected, of another operating system\n" in out


def test_devices_lists_only_those_and_says_so(mixed):
    answer = mixed.call("devices", "--target", "acme", "--job", "clean")
    assert "ACME-LX01" not in answer.out
    assert answer.out.endswith("2 devices\n")
    assert "clean is for Windows: 1 more are selected, and left out" in answer.err


@pytest.mark.parametrize(
    ("arguments", "subject"),
    [
        pytest.param(["clean"], "job clean", id="job"),
        pytest.param(["--target", "acme", "--component", "clear-temp"], "component clear-temp", id="component"),
    ],
)
def test_a_run_by_hand_on_another_system_is_refused(mixed, world, arguments, subject):
    mixed.call("apply")
    answer = mixed.call("run", *arguments, "--device", "ACME-LX01")
    assert answer.code == 1
    assert f"{subject} is for Windows (osType decides), and ACME-LX01 has Linux; nothing was started" in answer.err
    assert world.jobs == []
