"""The fake on a socket of this machine. A plain server of the standard library, since ASGI servers do not let an
application hang up in the middle of an answer."""

import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

from .wire import Answer, Request
from .world import World


def make_server(world: World, *, port: int = 0, says: bool = False) -> ThreadingHTTPServer:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _take(self) -> None:
            parts = urlsplit(self.path)
            length = int(self.headers.get("Content-Length", 0))
            request = Request(
                self.command,
                parts.path,
                dict(reversed(parse_qsl(parts.query))),
                {name.lower(): value for name, value in self.headers.items()},
                self.rfile.read(length),
            )
            self._give(world.handle(request))

        do_GET = do_PUT = do_POST = do_DELETE = _take  # noqa: N815 - names that the base class asks for

        def _give(self, answer: Answer) -> None:
            if answer.fate == "dropped":
                self.close_connection = True
                return
            if answer.fate == "late":
                time.sleep(answer.seconds)
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            try:
                if answer.fate == "truncated":
                    self.wfile.write(answer.body[: len(answer.body) // 2])
                    self.close_connection = True
                elif answer.fate == "dripped":
                    for index in range(len(answer.body)):
                        self.wfile.write(answer.body[index : index + 1])
                        time.sleep(answer.seconds)
                else:
                    self.wfile.write(answer.body)
            except OSError:
                self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            if says:
                super().log_message(format, *args)

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    world.base_url = f"http://127.0.0.1:{server.server_address[1]}"
    return server


@contextmanager
def serving(world: World, *, tls: ssl.SSLContext | None = None) -> Iterator[str]:
    """Serve ``world`` on a free port, and yield its address."""
    server = make_server(world)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
        world.base_url = world.base_url.replace("http:", "https:")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield world.base_url
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
