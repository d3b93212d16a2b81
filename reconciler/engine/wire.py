"""How client and supervisor speak: a length, then JSON, over a Unix socket in the engine's folder."""

import contextlib
import json
import os
import socket
import struct
import sys
from typing import Any

PROTOCOL = 3
MAX_MESSAGE_BYTES = 64 << 20
SOCKET_NAME = "socket"
UNKNOWN_REQUEST = "unknown request"
"""How the answer to a request begins that the supervisor's version does not know."""

URL_SCHEME = "unix:"
"""What stands before a socket's path where a task is told how to reach us."""

IS_LINUX: bool = sys.platform == "linux"
_encode = json.JSONEncoder(separators=(",", ":")).encode
_LENGTH = struct.Struct("!I")


def socket_address(folder: str, folder_fd: int) -> str:
    """Return an address for the socket in ``folder`` that fits the kernel's 108 bytes, however long the path is."""
    if IS_LINUX:
        return f"/proc/self/fd/{folder_fd}/{SOCKET_NAME}"
    return f"{folder}/{SOCKET_NAME}"


def listen_in(folder: str, folder_fd: int) -> socket.socket:
    """Return a socket that listens in ``folder``, for nobody but us; what was there of that name is gone."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(SOCKET_NAME, dir_fd=folder_fd)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(socket_address(folder, folder_fd))
    os.chmod(SOCKET_NAME, 0o600, dir_fd=folder_fd)
    listener.listen(64)
    return listener


def peer_uid(connection: socket.socket) -> int:
    """Return the user at the other end; our own where the system cannot say (the folder's mode guards it there)."""
    if not hasattr(socket, "SO_PEERCRED"):
        return os.geteuid()
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    return int(struct.unpack("3i", credentials)[1])


def encode_message(message: dict[str, Any]) -> bytes:
    return frame_message(_encode(message).encode())


def frame_message(document: bytes) -> bytes:
    """Return a JSON document as a message."""
    return _LENGTH.pack(len(document)) + document


def take_message(buffer: bytearray) -> dict[str, Any] | None:
    """Remove the first whole message from ``buffer`` and return it; None while it is not whole.

    Raises ValueError for what is no message of ours.
    """
    if len(buffer) < _LENGTH.size:
        return None
    (length,) = _LENGTH.unpack_from(buffer)
    if length > MAX_MESSAGE_BYTES:
        raise ValueError(f"a message of {length} bytes is over the limit of {MAX_MESSAGE_BYTES}")
    end = _LENGTH.size + length
    if len(buffer) < end:
        return None
    message = json.loads(bytes(memoryview(buffer)[_LENGTH.size : end]))
    del buffer[:end]
    if not isinstance(message, dict):
        raise ValueError("a message is a JSON object")
    return message
