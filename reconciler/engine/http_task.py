"""An HTTP task: one request, made by a process of its own like any task, ``python -m reconciler.engine.http_task``.

The request comes in the environment (``http_order.py`` of the local target writes it), since arguments are seen by
everybody on the machine.  The response's body goes to standard output, a word on it to standard error, and the fields
of a JSON body, with ``httpStatus``, to the file that $RECONCILER_OUTPUT names.
"""

import json
import os
import signal
import socket
import ssl
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, NoReturn
from urllib.parse import quote

import certifi
import httpx

from reconciler.engine.http_allow import Destination, NotAllowed, check_address, check_destination, destination_of
from reconciler.engine.http_wire import LATE, PREFIX
from reconciler.model.text import escape_text

BODY_BYTES = 1 << 20
_SHOWN_HEADERS = ("content-type", "content-length", "location", "retry-after", "date", "server", "x-request-id")
_UNEXPECTED, _FAILED, _REFUSED = 1, 2, 3


class RequestFailed(Exception):
    """The request got no answer; the text says why."""


class Request(NamedTuple):
    """``expected`` empty: any 2xx. ``allowed`` and ``private`` are the lists of the target's settings."""

    method: str
    url: str
    headers: Sequence[tuple[str, str]]
    body: str
    expected: Sequence[int]
    seconds: float
    allowed: Sequence[str]
    private: Sequence[str]


class Response(NamedTuple):
    """``body`` is what was read of it; ``is_cut``: there was more."""

    status: int
    reason: str
    headers: Sequence[tuple[str, str]]
    body: bytes
    is_cut: bool


def read_request(environment: Mapping[str, str]) -> Request:
    """Return the request that ``environment`` describes."""
    url = environment[f"{PREFIX}URL"]
    number = 0
    while (value := environment.get(f"{PREFIX}VALUE_{number}")) is not None:
        url = url.replace(LATE.format(number), quote(value, safe=""))
        number += 1
    headers: list[tuple[str, str]] = []
    while (line := environment.get(f"{PREFIX}HEADER_{len(headers)}")) is not None:
        name, _, content = line.partition(":")
        headers.append((name, content))
    settings: dict[str, Any] = json.loads(environment[f"{PREFIX}SETTINGS"])
    return Request(
        method=environment[f"{PREFIX}METHOD"],
        url=url,
        headers=headers,
        body=environment.get(f"{PREFIX}BODY", ""),
        expected=settings["expected"],
        seconds=settings["seconds"],
        allowed=settings["allowed"],
        private=settings["private"],
    )


def send(request: Request) -> Response:
    """Make the request. Raises NotAllowed, or RequestFailed."""
    _check_headers(request.headers)
    destination = destination_of(request.url)
    check_destination(destination, request.allowed)
    addresses = _resolve(destination.host, destination.port)
    for address in addresses:
        check_address(address, destination, allowed=request.allowed, private=request.private)
    options: dict[str, Any] = {"trust_env": False, "follow_redirects": False, "timeout": request.seconds}
    with httpx.Client(verify=_trusted(destination), **options) as client:
        try:
            return _ask_one_of(client, request, destination, addresses)
        except httpx.HTTPError as error:
            raise RequestFailed(f"{type(error).__name__}: {error}") from None


def _trusted(destination: Destination) -> ssl.SSLContext | bool:
    """Return whose certificates are taken: those of the system, or of SSL_CERT_FILE, and where it has none certifi's.

    httpx by itself knows certifi's alone, and no authority of one's own house.
    """
    if destination.scheme != "https":
        return True  # what would be read is not needed
    context = ssl.create_default_context()
    if not context.cert_store_stats()["x509_ca"] and not os.environ.get("SSL_CERT_FILE"):
        context.load_verify_locations(certifi.where())
    return context


def _ask_one_of(client: httpx.Client, request: Request, destination: Destination, addresses: Sequence[str]) -> Response:
    for address in addresses[:-1]:
        try:
            return _ask(client, request, destination, address)
        except httpx.ConnectError:
            continue  # a machine without a way to one family of addresses may have one to the other
    return _ask(client, request, destination, addresses[-1])


def _ask(client: httpx.Client, request: Request, destination: Destination, address: str) -> Response:
    """Ask at ``address``: the name is not resolved a second time, since the answer may be another then."""
    url = httpx.URL(request.url)
    headers = [("Host", url.netloc.decode("ascii")), ("Accept-Encoding", "identity"), *request.headers]
    built = client.build_request(
        request.method,
        url.copy_with(host=address),
        headers=headers,
        content=request.body.encode("utf-8", "surrogateescape") or None,
        extensions={"sni_hostname": destination.host},
    )
    return _read(client.send(built, stream=True))


def _check_headers(headers: Sequence[tuple[str, str]]) -> None:
    for name, content in headers:
        if name.lower() in {"host", "content-length", "transfer-encoding", "connection"}:
            raise NotAllowed(f"the header {name} is set by reconciler itself")
        if any(ord(char) < 0x20 and char != "\t" for char in content):
            raise NotAllowed(f"the value of the header {name} holds a line end or another control character")


def _resolve(host: str, port: int) -> list[str]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise RequestFailed(f"host {host} cannot be resolved: {error.strerror}") from None
    return list(dict.fromkeys(str(item[4][0]) for item in found))


def _read(response: httpx.Response) -> Response:
    body = bytearray()
    for chunk in response.iter_bytes():
        body += chunk
        if len(body) > BODY_BYTES:
            break
    response.close()
    headers = [(name, response.headers[name]) for name in _SHOWN_HEADERS if name in response.headers]
    is_cut = len(body) > BODY_BYTES
    return Response(response.status_code, response.reason_phrase, headers, bytes(body[:BODY_BYTES]), is_cut)


def is_expected(status: int, expected: Sequence[int]) -> bool:
    return status in expected if expected else 200 <= status < 300


def outputs_of(response: Response) -> dict[str, Any]:
    """Return what later tasks may read: the fields of a JSON object, and ``httpStatus``."""
    fields: Any = None
    if not response.is_cut:
        try:
            fields = json.loads(response.body)
        except (ValueError, RecursionError):
            fields = None
    return {**(fields if isinstance(fields, dict) else {}), "httpStatus": response.status}


def main(environment: Mapping[str, str]) -> int:
    """Make the request that ``environment`` describes, and return the exit code."""
    request = read_request(environment)
    _limit_time(request.seconds)
    started = time.monotonic()
    try:
        response = send(request)
    except NotAllowed as error:
        _say(f"not allowed: {error}")
        return _REFUSED
    except (RequestFailed, TimeoutError) as error:
        _say(f"no answer: {error}")
        return _FAILED
    seconds = time.monotonic() - started
    signal.setitimer(signal.ITIMER_REAL, 0)
    sys.stdout.buffer.write(response.body)
    sys.stdout.flush()
    _say(f"{request.method} {request.url}: {response.status} {response.reason} in {seconds:.2f} s")
    for name, content in response.headers:
        _say(f"{name}: {content}")
    if response.is_cut:
        _say(f"the body is longer than {BODY_BYTES} bytes, and was cut")
    if path := environment.get("RECONCILER_OUTPUT"):
        Path(path).write_text(json.dumps(outputs_of(response)), encoding="utf-8")
    if is_expected(response.status, request.expected):
        return 0
    expected = ", ".join(map(str, request.expected)) or "2xx"
    _say(f"unexpected status {response.status}; expected {expected}")
    return _UNEXPECTED


def _limit_time(seconds: float) -> None:
    """End the whole request after ``seconds``: a server that answers drop by drop keeps within any time per read."""

    def end(*_: object) -> NoReturn:
        raise TimeoutError(f"the request took longer than {seconds:g} s")

    signal.signal(signal.SIGALRM, end)
    signal.setitimer(signal.ITIMER_REAL, seconds)


def _say(words: str) -> None:
    sys.stderr.write(escape_text(words, limit=2000) + "\n")


if __name__ == "__main__":
    sys.exit(main(os.environ))
