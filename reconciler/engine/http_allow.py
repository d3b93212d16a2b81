"""Where an HTTP task may go: scheme, host and port by one list, addresses that are not of the outside world by another.

Nothing is reached that the target's settings do not list; a name on the list does not open what it happens to resolve
to: addresses of this machine, of private networks and of a cloud's metadata service are listed for themselves.
"""

import ipaddress
import re
from collections.abc import Sequence
from typing import NamedTuple
from urllib.parse import urlsplit

_PORTS = {"http": 80, "https": 443}
_ENTRY = re.compile(
    r"(?:(?P<scheme>https?)://)?(?P<host>(?:\*\.)?[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::(?P<port>[0-9]{1,5}))?/?\Z"
)
_NAME = re.compile(r"[a-z0-9_](?:[a-z0-9._-]*[a-z0-9_])?\Z")
_NUMERIC = re.compile(r"(?:0x[0-9a-f]*|[0-9]+)(?:\.(?:0x[0-9a-f]*|[0-9]+))*\Z")
_NAT64 = ipaddress.ip_network("64:ff9b::/96")

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class NotAllowed(Exception):
    """A request may not be made; the text says why."""


class Destination(NamedTuple):
    """Where a URL leads: ``host`` in lower case, without brackets."""

    scheme: str
    host: str
    port: int


class Entry(NamedTuple):
    """One line of the list; ``host`` of a wildcard begins with a dot."""

    scheme: str
    host: str
    port: int

    def admits(self, destination: Destination) -> bool:
        if (self.scheme, self.port) != (destination.scheme, destination.port):
            return False
        if self.host.startswith("."):
            return destination.host.endswith(self.host)
        return destination.host == self.host


def parse_entry(text: str) -> Entry | None:
    """Read ``api.example.com``, ``*.example.org:8443`` or ``http://localhost:8080``; without a scheme it is https."""
    match = _ENTRY.match(text)
    if match is None:
        return None
    scheme = (match["scheme"] or "https").lower()
    port = int(match["port"]) if match["port"] else _PORTS[scheme]
    host = match["host"].lower().strip("[]").removeprefix("*")
    if port > 65535 or not host.strip("."):
        return None
    return Entry(scheme, _canonical(host), port)


def destination_of(url: str) -> Destination:
    """Return where ``url`` leads. Raises NotAllowed for what can be read in two ways, or is no request."""
    if any(ord(char) <= 0x20 or char in '\\"<>^`{|}' or ord(char) == 0x7F for char in url):
        raise NotAllowed("the address holds a character that must be percent-encoded")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise NotAllowed("the address cannot be read") from None
    if parts.scheme.lower() not in _PORTS:
        raise NotAllowed(f"only http and https are allowed, found {parts.scheme[:20] or 'none'}")
    if "@" in parts.netloc:
        raise NotAllowed("the address holds a login")
    host = _canonical((parts.hostname or "").rstrip("."))
    if not host or not (_NAME.match(host) or ":" in host):
        raise NotAllowed("the address names no host, or one with letters beyond a-z (write it in punycode)")
    if _NUMERIC.match(host) and _address(host) is None:
        raise NotAllowed(f"host {host}: a numeric address is written as four decimal numbers")
    return Destination(parts.scheme.lower(), host, port or _PORTS[parts.scheme.lower()])


def check_destination(destination: Destination, allowed: Sequence[str]) -> None:
    """Raise NotAllowed where no entry of the list admits ``destination``."""
    if not any(entry is not None and entry.admits(destination) for entry in map(parse_entry, allowed)):
        raise NotAllowed(f"host {destination.host} is not on the allow-list of this target")


def check_address(text: str, destination: Destination, *, allowed: Sequence[str], private: Sequence[str]) -> None:
    """Raise NotAllowed where an address is not of the outside world, and not listed for itself.

    It is listed by ``private`` (addresses and networks), or where ``allowed`` has the address itself as a host.
    """
    address = ipaddress.ip_address(text.partition("%")[0])
    if is_outside(address):
        return
    hosts = {entry.host for entry in map(parse_entry, allowed) if entry is not None}
    if destination.host == str(address) and str(address) in hosts:
        return
    if any(_contains(network, address) for network in private):
        return
    raise NotAllowed(
        f"host {destination.host} is at {address}, which is of this machine or of a private network"
        " and is not in privateAddresses of this target"
    )


def is_outside(address: Address) -> bool:
    """Return whether an address is of the public internet, looking also into what embeds an older one."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if inner is None and address in _NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return is_outside(inner)
    return address.is_global and not address.is_multicast


def _contains(network: str, address: Address) -> bool:
    try:
        return address in ipaddress.ip_network(network, strict=False)
    except ValueError:
        return False


def _canonical(host: str) -> str:
    address = _address(host)
    return host.lower() if address is None else str(address)


def _address(host: str) -> Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
