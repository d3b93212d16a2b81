"""Which devices a selector finds in an account, and how little is asked for it."""

import pytest
from support.datto import Account

from reconciler.model.job import Devices


@pytest.fixture
def account():
    made = Account(tag_fields=("udf1",))
    acme, tech = made.world.add_site("Acme Corporation"), made.world.add_site("TechStart Inc")
    made.world.add_device("ACME-DC01", site=acme, filters=("7",), udf={"udf1": "prod, sql", "udf2": "s3cret"})
    made.world.add_device("ACME-PC07", site=acme, online=False, os="Ubuntu 24.04 LTS")
    made.world.add_device("TECHSTART-DC01", site=tech, filters=("7",), os="macOS 15.1")
    made.world.add_device("PRINTER-1", site=acme, device_class="printer")
    made.world.add_device("OLD-DC01", site=acme, deleted=True)
    return made


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        pytest.param({"all": True}, ["ACME-DC01", "ACME-PC07", "TECHSTART-DC01"], id="all"),
        pytest.param({"hostnames": ("acme-dc01",)}, ["ACME-DC01"], id="exact-name"),
        pytest.param({"hostnames": ("DC01",)}, [], id="part-of-a-name-is-no-name"),
        pytest.param({"hostnames": ("*-DC0?",)}, ["ACME-DC01", "TECHSTART-DC01"], id="glob"),
        pytest.param({"sites": ("TechStart Inc",)}, ["TECHSTART-DC01"], id="site"),
        pytest.param({"sites": ("TechStart",)}, [], id="part-of-a-site"),
        pytest.param({"os": ("linux", "macOS")}, ["ACME-PC07", "TECHSTART-DC01"], id="os"),
        pytest.param({"tags": ("sql",)}, ["ACME-DC01"], id="tag"),
        pytest.param({"tags": ("udf1=prod",)}, ["ACME-DC01"], id="tag-with-its-field"),
        pytest.param({"tags": ("s3cret",)}, [], id="a-field-that-is-no-tag"),
        pytest.param({"filters": ("Filter 7",)}, ["ACME-DC01", "TECHSTART-DC01"], id="filter-by-name"),
        pytest.param({"filters": ("7",), "sites": ("Acme Corporation",)}, ["ACME-DC01"], id="filter-and-site"),
        pytest.param({"uids": ("device-0003", "gone")}, ["TECHSTART-DC01"], id="uids"),
    ],
)
def test_a_selector_finds(account, selector, expected):
    listing = account.target.devices(Devices(**selector))
    assert listing.complete
    assert [device.hostname for device in listing.devices] == expected


def test_a_list_is_kept_for_a_pass_and_asked_for_again_later(account):
    for _ in range(3):
        account.target.devices(Devices(all=True))
    assert account.asked("GET", "devices") == 1
    account.advance(61)
    account.target.devices(Devices(all=True))
    assert account.asked("GET", "devices") == 2


def test_a_thousand_devices_come_in_four_pages_though_the_next_address_loses_our_parameters(account):
    for number in range(1000):
        account.world.add_device(f"FLEET-{number:04d}")
    listing = account.target.devices(Devices(hostnames=("FLEET-*",)))
    assert listing.complete
    assert len(listing.devices) == 1000
    assert account.asked("GET", "devices") == 4
    assert all(request.query["hostname"] == "FLEET-" for request in account.world.requests if "devices" in request.path)


def test_a_key_that_may_only_run_needs_no_list_where_git_pins_what_it_needs(rig):
    from support.datto import datto_job

    from reconciler.model.job import ComponentLink

    rig.world.rights["api-key"] = {"run"}
    job = datto_job(devices=Devices(uids=("device-0001",)), component_link=ComponentLink(uid="component-0001"))
    [run] = rig.request(job)
    assert run.device.hostname == "device-0001"
    rig.turns(60)
    assert rig.status(run) == "completed"
    assert rig.account.asked("GET", "account/") == 0


def test_a_filter_that_is_not_there_is_refused(account):
    with pytest.raises(Exception, match="there is no filter 'Nope'"):
        account.target.devices(Devices(filters=("Nope",)))
