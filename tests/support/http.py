"""A small real HTTP server on this machine, which notes what it is asked."""

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Server:
    """``requests`` holds (method, path, headers, body) of each request, in order."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.requests: list[tuple[str, str, dict[str, str], bytes]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def serve(*, drip_seconds: float = 0.02, tls: ssl.SSLContext | None = None) -> Iterator[Server]:
    """Serve ``/json``, ``/status/N``, ``/away`` (to another host), ``/large``, ``/drip`` (for ever), ``/odd``."""
    ended = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            server.requests.append((self.command, self.path, dict(self.headers), self.rfile.read(length)))
            status, headers, body = 200, {}, b"hello"
            if self.path == "/json":
                headers, body = {"Content-Type": "application/json"}, b'{"version": "1.2", "count": 3, "list": [1]}'
            elif self.path.startswith("/status/"):
                status, body = int(self.path.rpartition("/")[2]), b"no"
            elif self.path == "/away":
                status, headers = 302, {"Location": "http://169.254.169.254/"}
            elif self.path == "/large":
                body = b"x" * (3 << 20)
            elif self.path == "/odd":
                headers, body = {"Server": "a\x1b[31mred"}, b"\xff\xfe\x00\x1b[0m"
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            if self.path == "/drip":
                self.end_headers()
                self._drip()
                return
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            try:
                self.wfile.write(body)
            except OSError:
                return  # the other side has read what it wanted

        do_POST = do_GET  # noqa: N815 - the name that the base class asks for

        def _drip(self) -> None:
            while not ended.wait(drip_seconds):
                try:
                    self.wfile.write(b".")
                    self.wfile.flush()
                except OSError:
                    return

        def log_message(self, *_: object) -> None:
            """Nothing: a test looks at ``requests``."""

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    listening.daemon_threads = True
    if tls is not None:
        listening.socket = tls.wrap_socket(listening.socket, server_side=True, do_handshake_on_connect=False)
    server = Server(listening.server_address[1])
    thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        ended.set()
        listening.shutdown()
        listening.server_close()
        thread.join()
