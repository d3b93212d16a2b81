"""Requests: only http and https, no login in the address, and no way into the machine or its network unless allowed."""

import ipaddress
import re
from collections.abc import Collection, Iterator
from urllib.parse import SplitResult, urlsplit

from reconciler.definitions.suggest import quote
from reconciler.model.provider import Finding
from reconciler.model.tokens import find_tokens

_LOCAL_NAMES = ("localhost", "localhost.localdomain", "ip6-localhost", "metadata", "metadata.google.internal")
_NUMERIC = re.compile(r"(?:0[xX][0-9a-fA-F]+|[0-9]+)(?:\.(?:0[xX][0-9a-fA-F]+|[0-9]+)){0,3}\Z", re.ASCII)


def check_url(url: str, json_path: str) -> Iterator[Finding]:
    """Yield what is wrong with the address itself, whatever the target allows."""
    parts = split_url(url)
    if parts is None:
        yield Finding(code="HTTP001", json_path=json_path, message="the address cannot be read")
        return
    if parts.scheme.lower() not in {"http", "https"} and not url.startswith("{"):
        hint = "Write https://HOST/PATH."
        message = f"only http and https are allowed, found {quote(parts.scheme or url[:20])}"
        yield Finding(code="HTTP001", json_path=json_path, message=message, hint=hint)
    elif "@" in parts.netloc:
        message = "the address holds a login (value not shown)"
        hint = "Give it in a header: headers: {Authorization: {secret: NAME}}."
        yield Finding(code="SEC001", json_path=json_path, message=message, hint=hint)
    elif not parts.netloc and not url.startswith("{"):
        yield Finding(code="HTTP001", json_path=json_path, message="the address names no host")


def check_host(url: str, json_path: str, allowed: Collection[str], target: str) -> Iterator[Finding]:
    """Yield a finding where the host is of this machine or of a private network, and ``target`` does not list it."""
    parts = split_url(url)
    host = (parts.hostname or "").rstrip(".").lower() if parts is not None else ""
    if not host or any(True for _ in find_tokens(host)) or host in {name.lower() for name in allowed}:
        return
    if _is_inside(host):
        message = f"host {quote(host)} is not on the allow-list of target {quote(target)}"
        hint = "Its settings list such hosts: http: {allow: [...]} of a local target, allowedHosts of others."
        yield Finding(code="HTTP002", json_path=json_path, message=message, hint=hint)


def split_url(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        _ = parts.hostname, parts.port
    except ValueError:
        return None
    return parts


def _is_inside(host: str) -> bool:
    if host in _LOCAL_NAMES or host.endswith((".localhost", ".internal", ".local")):
        return True
    if ":" in host:
        return _is_private(ipaddress.ip_address(host.split("%", maxsplit=1)[0]))
    address = _numeric_address(host) if _NUMERIC.match(host) else None
    return address is not None and _is_private(address)


def _numeric_address(host: str) -> ipaddress.IPv4Address | None:
    """Read an address as C libraries do: decimal, octal and hexadecimal parts, the last of them filling the rest."""
    try:
        parts = [int(part, 8) if re.fullmatch(r"0[0-7]+", part) else int(part, 0) for part in host.split(".")]
    except ValueError:
        return ipaddress.IPv4Address(0)
    *leading, last = parts
    number = last
    for position, part in enumerate(leading):
        number += part << (24 - 8 * position)
    return ipaddress.IPv4Address(number) if 0 <= number < 2**32 else ipaddress.IPv4Address(0)


def _is_private(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    mapped = getattr(address, "ipv4_mapped", None)
    return not (mapped or address).is_global
