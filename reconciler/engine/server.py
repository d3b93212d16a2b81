"""The socket's side of the supervisor: who may speak, and whole messages in and out."""

import contextlib
import os
import socket
import sys
from collections.abc import Callable
from typing import Any

from reconciler.engine.eventloop import EventLoop
from reconciler.engine.wire import MAX_MESSAGE_BYTES, encode_message, peer_uid, take_message

_MAX_CONNECTIONS = 256


class Connection:
    """One client. ``on_close`` are called once, when it has gone."""

    def __init__(self, loop: EventLoop, peer: socket.socket, handle: "Handler", closed: "Closed") -> None:
        self._loop = loop
        self._peer = peer
        self._handle = handle
        self._closed = closed
        self._incoming = bytearray()
        self._outgoing = bytearray()
        self.is_open = True
        loop.on_readable(peer.fileno(), self._read)

    def reply(self, message: dict[str, Any]) -> None:
        if self.is_open:
            self._outgoing += encode_message(message)
            self._write()

    def close(self) -> None:
        if self.is_open:
            self.is_open = False
            self._loop.forget(self._peer.fileno())
            self._peer.close()
            self._closed(self)

    def _read(self) -> None:
        try:
            data = self._peer.recv(1 << 18)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        self._incoming += data
        if not data or len(self._incoming) > MAX_MESSAGE_BYTES + 4:
            self.close()
            return
        try:
            while self.is_open and (message := take_message(self._incoming)) is not None:
                self._handle(self, message)
        except Exception as error:
            # Whatever a client sends, or we made of it, must not take the others down.
            sys.excepthook(*sys.exc_info())
            sys.stderr.flush()
            self.reply({"error": f"not understood: {error!r}"})
            self.close()

    def _write(self) -> None:
        try:
            sent = self._peer.send(self._outgoing)
        except BlockingIOError:
            sent = 0
        except OSError:
            self.close()
            return
        del self._outgoing[:sent]
        self._loop.on_ready(self._peer.fileno(), read=self._read, write=self._write if self._outgoing else None)


Handler = Callable[[Connection, dict[str, Any]], None]
Closed = Callable[[Connection], None]


class Server:
    """Accepts clients at a listening socket: those of our own user, or ``for_all``."""

    def __init__(
        self, loop: EventLoop, listener: socket.socket, handle: Handler, closed: Closed, *, for_all: bool = False
    ) -> None:
        self._loop = loop
        self._listener = listener
        self._handle = handle
        self._closed = closed
        self._for_all = for_all
        self.connections: set[Connection] = set()
        listener.setblocking(False)
        loop.on_readable(listener.fileno(), self._accept)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            peer, _ = self._listener.accept()
            peer.setblocking(False)
            is_welcome = self._for_all or peer_uid(peer) == os.geteuid()
            if not is_welcome or len(self.connections) >= _MAX_CONNECTIONS:
                peer.close()
                return
            self.connections.add(Connection(self._loop, peer, self._handle, self._gone))

    def _gone(self, connection: Connection) -> None:
        self.connections.discard(connection)
        self._closed(connection)

    def close(self) -> None:
        for connection in list(self.connections):
            connection.close()
        self._loop.forget(self._listener.fileno())
        self._listener.close()
