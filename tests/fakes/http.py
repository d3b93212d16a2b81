"""A real HTTP server on this machine for fakes of APIs: it notes what it is asked, and fails when it is told to."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit


@dataclass
class Request:
    """Names of headers are in small letters."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Reply:
    """``value`` goes out as JSON, unless there is a ``body``."""

    status: int
    value: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | None = None


@dataclass
class Fault:
    """What happens instead, ``times`` times, to requests whose ``METHOD /path`` has ``where`` in it.

    Without a ``status`` the connection is closed without an answer; ``is_done`` says that the request is carried out
    all the same.
    """

    where: str
    status: int | None = None
    times: int = 1
    headers: dict[str, str] = field(default_factory=dict)
    is_done: bool = False
    value: Any = field(default_factory=lambda: {"message": "not now"})


@contextmanager
def serve_faulty(answer: Callable[[Request], Reply], faults: list[Fault], requests: list[Request]) -> Iterator[str]:
    """Serve ``answer`` on a free port; return the address. Requests are answered one after another."""
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            request = Request(
                method=self.command,
                path=parts.path,
                query=dict(parse_qsl(parts.query)),
                headers={name.lower(): value for name, value in self.headers.items()},
                body=self.rfile.read(int(self.headers.get("Content-Length", 0))),
            )
            with lock:
                requests.append(request)
                fault = take_fault(faults, f"{request.method} {request.path}")
                reply = answer(request) if fault is None or fault.is_done else None
            if fault is not None:
                if fault.status is None:
                    self.close_connection = True
                    return
                reply = Reply(fault.status, fault.value, fault.headers)
            assert reply is not None
            self._send(reply)

        do_POST = do_PATCH = do_PUT = do_DELETE = do_GET  # noqa: N815 - names that the base class asks for

        def _send(self, reply: Reply) -> None:
            data = (
                reply.body
                if reply.body is not None
                else b""
                if reply.value is None
                else json.dumps(reply.value).encode()
            )
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            if reply.status != 204:
                self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            try:
                if reply.status != 204:
                    self.wfile.write(data)
            except OSError:
                return  # the other side has read what it wanted

        def log_message(self, *_: object) -> None:
            """Nothing: a test looks at ``requests``."""

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    listening.daemon_threads = True
    thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.server_address[1]}"
    finally:
        listening.shutdown()
        listening.server_close()
        thread.join()


def take_fault(faults: list[Fault], what: str) -> Fault | None:
    for fault in faults:
        if fault.where in what:
            fault.times -= 1
            if not fault.times:
                faults.remove(fault)
            return fault
    return None
