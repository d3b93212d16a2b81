import pytest
from support.schedule import ALL_ZONES, utc

from reconciler.schedule.zones import UnknownZone, clock_of, tzdata_version, zone_names, zone_of


def test_all_zones_of_tzdata_can_be_read() -> None:
    assert zone_names() == set(ALL_ZONES)
    for name in ALL_ZONES:
        assert zone_of(name).key == name
        assert list(clock_of(name).starts) == sorted(set(clock_of(name).starts))


def test_the_release_of_tzdata_is_named_as_iana_does() -> None:
    assert tzdata_version()[:2] == "20"
    assert tzdata_version()[4].isalpha()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("Berlin", "unknown time zone `Berlin`; did you mean Europe/Berlin?"),
        ("europe/berlin", "unknown time zone `europe/berlin`; did you mean Europe/Berlin?"),
        ("Europe/Berln", "unknown time zone `Europe/Berln`; did you mean Europe/Berlin?"),
        ("New York", "unknown time zone `New York`; did you mean America/New_York?"),
        ("US/New_York", "unknown time zone `US/New_York`; did you mean America/New_York?"),
        ("CET+1", "unknown time zone `CET+1`; did you mean CET?"),
        ("../../etc/passwd", "unknown time zone `../../etc/passwd`"),
        ("/etc/localtime", "unknown time zone `/etc/localtime`"),
        ("Local", "unknown time zone `Local`"),
        ("", "unknown time zone ``"),
        ("Europe\x1b[31m", "unknown time zone `Europe\\x1b[31m`"),
        ("x" * 5000, f"unknown time zone `{'x' * 37}...`"),
    ],
)
def test_an_unknown_zone_is_refused_with_what_was_meant(name: str, message: str) -> None:
    for read in (zone_of, clock_of):
        with pytest.raises(UnknownZone) as refused:
            read(name)
        assert refused.value.message == message


def test_the_hosts_zone_files_are_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONTZPATH", "/nowhere")
    zone_of.cache_clear()
    offset = utc(2026, 7, 1).astimezone(zone_of("Europe/Berlin")).utcoffset()
    assert offset is not None
    assert offset.total_seconds() == 7200
