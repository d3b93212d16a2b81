import pytest
from support.values import make_job

from reconciler.model.job import Devices, OsFilter, Overlap
from reconciler.model.run import Device, Disposition

LINUX = Device(uid="1", hostname="web-1", os="linux")
WINDOWS = Device(uid="2", hostname="pc-2", os="windows")


@pytest.fixture
def fleet(tmp_path):
    from support.driving import rig

    with rig(tmp_path, devices=[LINUX, WINDOWS], ends=None) as made:
        yield made


def hostnames(runs):
    return [run.device.hostname for run in runs]


def last_reason(rig):
    (occurrence,) = rig.store.occurrences(limit=1)
    assert occurrence.disposition is Disposition.SKIPPED
    return occurrence.reason


def test_a_job_runs_on_each_device_that_its_selector_admits(fleet):
    assert hostnames(fleet.request(make_job(devices=Devices(all=True)))) == ["pc-2", "web-1"]
    assert hostnames(fleet.request(make_job("b", devices=Devices(hostnames=("WEB-*",))))) == ["web-1"]


def test_an_os_filter_leaves_out_other_systems(fleet):
    assert hostnames(fleet.request(make_job(os_filter=OsFilter(linux=True)))) == ["web-1"]


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"enabled": False}, "disabled"),
        ({"os_filter": OsFilter(mac_os=True)}, "os_filter"),
        ({"devices": Devices(hostnames=("nobody",))}, "no_device"),
        ({"devices": Devices(all=True, max=1)}, "too_many_devices"),
    ],
)
def test_what_does_not_start_is_skipped_with_a_reason(fleet, fields, reason):
    assert fleet.request(make_job(**fields)) == ()
    assert last_reason(fleet) == reason


def test_a_job_does_not_overlap_itself_on_a_device(fleet):
    fleet.request(make_job(devices=Devices(hostnames=("web-1",))))
    assert hostnames(fleet.request(make_job(devices=Devices(all=True)))) == ["pc-2"]
    assert fleet.request(make_job(devices=Devices(all=True))) == ()
    assert last_reason(fleet) == "overlap"


def test_a_job_that_may_overlap_does(fleet):
    job = make_job(overlap=Overlap.ALLOW)
    assert len(fleet.request(job)) == len(fleet.request(job)) == 2
