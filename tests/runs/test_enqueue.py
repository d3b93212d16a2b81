import pytest
from support.driving import rig
from support.values import make_job

from reconciler.model.job import ComponentLink, Devices, OsFilter, Overlap
from reconciler.model.run import Device, Disposition

LINUX = Device(uid="1", hostname="web-1", os="linux")
WINDOWS = Device(uid="2", hostname="pc-2", os="windows")


@pytest.fixture
def fleet(tmp_path):
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


def for_windows(**fields):
    return make_job(component_link=ComponentLink(name="Clear", os_type="Windows"), **fields)


def test_the_system_of_a_component_leaves_out_other_systems(fleet):
    assert hostnames(fleet.request(for_windows(devices=Devices(all=True)))) == ["pc-2"]
    only_linux = for_windows(devices=Devices(hostnames=("web-1",)))
    assert fleet.request(only_linux) == ()
    assert last_reason(fleet) == "os_type"


def test_a_device_whose_system_nobody_knows_is_not_left_out_by_a_component(tmp_path):
    with rig(tmp_path, devices=[Device(uid="3", hostname="3")]) as fleet:
        assert hostnames(fleet.request(for_windows(devices=Devices(all=True)))) == ["3"]
        assert fleet.request(make_job("b", os_filter=OsFilter(windows=True))) == ()


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
