import pytest
from support.values import ManualClock

from reconciler.model.errors import UsageError
from reconciler.model.job import Devices
from reconciler.model.run import Device
from reconciler.runs.devices import find_device
from reconciler.targets.fake import FakeTarget

DEVICES = [
    Device(uid="1", hostname="ACME-DC01", site="Acme Corporation", online=True),
    Device(uid="2", hostname="ACME-DC02", site="Acme Corporation", online=False),
    Device(uid="3", hostname="TECHSTART-DC01", site="TechStart Inc"),
    Device(uid="ACME-DC02", hostname="odd"),
]


@pytest.fixture
def target():
    return FakeTarget("fleet", clock=ManualClock(), devices=DEVICES)


@pytest.mark.parametrize(
    ("name", "uid"),
    [
        pytest.param("3", "3", id="uid"),
        pytest.param("acme-dc01", "1", id="hostname-without-regard-to-case"),
        pytest.param("TECH", "3", id="part-of-one-hostname"),
        pytest.param("ACME-DC02", "ACME-DC02", id="a-uid-before-a-hostname"),
    ],
)
def test_a_device_is_found(target, name, uid):
    assert find_device(target, name).uid == uid


def test_several_are_shown_as_a_table(target):
    with pytest.raises(UsageError, match=r'^Multiple devices match "DC0"$') as refused:
        find_device(target, "DC0")
    assert refused.value.hint.splitlines() == [
        "# | Hostname       | Site             | Status",
        "--+----------------+------------------+--------",
        "1 | ACME-DC01      | Acme Corporation | Online",
        "2 | ACME-DC02      | Acme Corporation | Offline",
        "3 | TECHSTART-DC01 | TechStart Inc    | -",
        "",
        "Please specify a more precise hostname or use the device UID.",
    ]


def test_without_a_name_there_must_be_one(target):
    assert find_device(target, None, selector=Devices(uids=("3",))).uid == "3"
    with pytest.raises(UsageError, match="Multiple devices match target fleet"):
        find_device(target, None)


def test_one_that_the_selector_leaves_out_is_not_found(target):
    with pytest.raises(UsageError, match='Device not found: "ACME-DC01"'):
        find_device(target, "ACME-DC01", selector=Devices(uids=("3",)))
