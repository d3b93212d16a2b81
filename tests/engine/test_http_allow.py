"""Where HTTP tasks may go. RELIABILITY section 3 row 118, section 4 C5."""

import ipaddress
from contextlib import nullcontext

import pytest

from reconciler.engine.http_allow import (
    NotAllowed,
    check_address,
    check_destination,
    destination_of,
    is_outside,
    parse_entry,
)


def why_not(url, *allowed):
    try:
        check_destination(destination_of(url), allowed)
    except NotAllowed as error:
        return str(error)
    return ""


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("https://api.example.com/x?y=1", "api.example.com"),
        ("https://API.example.COM./x", "api.example.com"),
        ("https://a.b.example.org/", "*.example.org"),
        ("https://example.org:8443/", "example.org:8443"),
        ("http://localhost:8080/", "http://localhost:8080"),
        ("https://[::1]/", "[::1]"),
        ("https://[0:0:0:0:0:0:0:1]/", "https://[::1]"),
    ],
)
def test_what_the_list_names_may_be_asked(url, allowed):
    assert why_not(url, "other.example.net", allowed) == ""


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://169.254.169.254/latest/meta-data", "not on the allow-list"),
        ("https://localhost/", "not on the allow-list"),
        ("https://[::1]/", "not on the allow-list"),
        ("https://[::ffff:127.0.0.1]/", "not on the allow-list"),
        ("https://2130706433/", "four decimal numbers"),
        ("https://0x7f000001/", "four decimal numbers"),
        ("https://0177.0.0.1/", "four decimal numbers"),
        ("https://127.1/", "four decimal numbers"),
        ("https://0x7f.1/", "four decimal numbers"),
        ("file:///etc/passwd", "only http and https"),
        ("ftp://api.example.com/", "only http and https"),
        ("gopher://api.example.com/", "only http and https"),
        ("//api.example.com/", "only http and https"),
        ("https://user:pass@api.example.com/", "holds a login"),
        ("https://api.example.com@evil.example/", "holds a login"),
        ("https://api.example.com\\@evil.example/", "percent-encoded"),
        ("https://api.example.com /", "percent-encoded"),
        ("https://api.example.com\r\nHost: evil/", "percent-encoded"),
        ("http://api.example.com/", "not on the allow-list"),
        ("https://api.example.com:8443/", "not on the allow-list"),
        ("https://evil.example/api.example.com", "not on the allow-list"),
        ("https://api.example.com.evil.example/", "not on the allow-list"),
        ("https://xapi.example.com/", "not on the allow-list"),
        ("https://example.org/", "not on the allow-list"),
        ("https://evilexample.org/", "not on the allow-list"),
        ("https://\u0430pi.example.com/", "punycode"),
        ("https:///path", "names no host"),
        ("https://api.example.com:99999/", "cannot be read"),
        ("https://[::1/", "cannot be read"),
        ("", "only http and https"),
    ],
)
def test_what_the_list_does_not_name_may_not_be_asked(url, reason):
    assert reason in why_not(url, "api.example.com", "*.example.org")


@pytest.mark.parametrize(
    "text", ["", "*", "*.", "ftp://x", "https://", "a b", "user@host", "host:99999", "a/b", "http://"]
)
def test_an_entry_that_names_no_host_is_none(text):
    assert parse_entry(text) is None


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("93.184.216.34", True),
        ("2606:2800:220:1::1", True),
        ("127.0.0.1", False),
        ("10.1.2.3", False),
        ("172.16.0.1", False),
        ("192.168.1.1", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("0.0.0.0", False),
        ("224.0.0.1", False),
        ("255.255.255.255", False),
        ("::1", False),
        ("::", False),
        ("fe80::1", False),
        ("fd00:ec2::254", False),
        ("::ffff:10.0.0.1", False),
        ("64:ff9b::7f00:1", False),
        ("2002:7f00:1::", False),
    ],
)
def test_an_address_is_of_the_outside_world_or_not(address, expected):
    assert is_outside(ipaddress.ip_address(address)) is expected


@pytest.mark.parametrize(
    ("url", "address", "allowed", "private", "is_allowed"),
    [
        pytest.param("https://a.example/", "93.184.216.34", ["a.example"], [], True, id="outside"),
        pytest.param("https://a.example/", "169.254.169.254", ["a.example"], [], False, id="name-leads-inside"),
        pytest.param("https://a.example/", "10.0.0.8", ["a.example"], ["10.0.0.0/8"], True, id="network-listed"),
        pytest.param("https://a.example/", "10.0.0.8", ["a.example"], ["10.0.1.0/24"], False, id="other-network"),
        pytest.param("https://10.0.0.8/", "10.0.0.8", ["10.0.0.8"], [], True, id="address-listed-as-host"),
        pytest.param("https://a.example/", "10.0.0.8", ["a.example", "10.0.0.8"], [], False, id="only-for-itself"),
        pytest.param("https://a.example/", "fe80::1%eth0", ["a.example"], ["fe80::/10"], True, id="with-a-zone"),
        pytest.param("https://a.example/", "10.0.0.8", ["a.example"], ["nonsense"], False, id="nonsense-opens-nothing"),
    ],
)
def test_an_inner_address_is_reached_only_where_it_is_listed_itself(url, address, allowed, private, is_allowed):
    expectation = nullcontext() if is_allowed else pytest.raises(NotAllowed, match="privateAddresses")
    with expectation:
        check_address(address, destination_of(url), allowed=allowed, private=private)
