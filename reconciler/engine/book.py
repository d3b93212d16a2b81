"""Orders as they came, with their secrets: in memory alone, but in a memory that outlives the supervisor.

The guardian makes it and every supervisor inherits it; the journal on disk holds only what is no secret.
"""

import os
from collections.abc import Sequence
from typing import Any

from reconciler.engine.wire import encode_message, take_message

_COMPACT_BYTES = 4 << 20


class Book:
    """Two anonymous files, of which a third names the one in use: so a rewrite is never seen half done."""

    def __init__(self, fds: Sequence[int] = ()) -> None:
        """``fds``: those of an earlier book, to be the same one; none: an empty book."""
        self.fds = tuple(fds) or tuple(os.memfd_create(f"orders-{name}") for name in ("a", "b", "switch"))
        *self._files, self._switch = self.fds
        if not fds:
            os.pwrite(self._switch, b"\0", 0)
        self._size = 0
        self._compact_at = _COMPACT_BYTES

    @property
    def _used(self) -> int:
        return os.pread(self._switch, 1, 0)[0]

    def add(self, orders: list[dict[str, Any]]) -> None:
        self._append(self._files[self._used], b"".join(map(encode_message, orders)))

    def read(self) -> dict[str, dict[str, Any]]:
        """Return the plain form of each order by its uid; also go on writing where an earlier supervisor ended."""
        fd = self._files[self._used]
        self._size = os.fstat(fd).st_size
        data = bytearray(os.pread(fd, self._size, 0))
        orders = {}
        while (order := take_message(data)) is not None:
            orders[str(order["uid"])] = order
        # What is left is an order that was being written when the supervisor died: it was never accepted.
        self._size -= len(data)
        return orders

    def change(self, uid: str, **fields: Any) -> None:
        """Give an order that is in the book other values."""
        order = self.read().get(uid)
        if order is not None:
            self.add([{**order, **fields}])

    @property
    def is_large(self) -> bool:
        return self._size > self._compact_at

    def keep_only(self, uids: set[str]) -> None:
        """Drop all other orders."""
        kept = [order for uid, order in self.read().items() if uid in uids]
        other = 1 - self._used
        os.ftruncate(self._files[other], 0)
        self._size = 0
        self._append(self._files[other], b"".join(map(encode_message, kept)))
        os.pwrite(self._switch, bytes((other,)), 0)
        os.ftruncate(self._files[1 - other], 0)
        self._compact_at = max(_COMPACT_BYTES, 2 * self._size)

    def _append(self, fd: int, data: bytes) -> None:
        while data:
            written = os.pwrite(fd, data, self._size)
            self._size += written
            data = data[written:]
