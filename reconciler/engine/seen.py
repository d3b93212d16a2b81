"""Uids of runs that were forgotten, in a file of their own: what was once accepted is never started again.

Bounded by age and by number; the store refuses as well, so this is the second lock on the door.
"""

import hashlib
import os
import struct
from collections.abc import Mapping

from reconciler.engine.journal import write_whole
from reconciler.engine.spool import read_regular

NAME = "seen"
KEEP_SECONDS = 30 * 86_400
KEEP_UIDS = 100_000
_RECORD = struct.Struct("<12sI")


class Seen:
    """``now`` and the times of uids are in seconds since 1970. The file is read when it is first asked for."""

    def __init__(self, folder_fd: int) -> None:
        self._folder_fd = folder_fd
        self._digests: set[bytes] | None = None

    def __contains__(self, uid: str) -> bool:
        if self._digests is None:
            self._digests = {digest for digest, _ in self._read()}
        return _digest(uid) in self._digests

    def add(self, uids: Mapping[str, int], *, now: int) -> None:
        """Remember more uids, durably, and let go of old ones. Raises OSError."""
        records = self._read() + [(_digest(uid), at) for uid, at in uids.items()]
        kept = [record for record in records if now - record[1] < KEEP_SECONDS][-KEEP_UIDS:]
        flags = os.O_CREAT | os.O_TRUNC | os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC
        fd = os.open(f"{NAME}.new", flags, 0o600, dir_fd=self._folder_fd)
        try:
            write_whole(fd, b"".join(_RECORD.pack(*record) for record in kept))
            os.fsync(fd)
        finally:
            os.close(fd)
        os.rename(f"{NAME}.new", NAME, src_dir_fd=self._folder_fd, dst_dir_fd=self._folder_fd)
        os.fsync(self._folder_fd)
        self._digests = {digest for digest, _ in kept}

    def _read(self) -> list[tuple[bytes, int]]:
        data = read_regular(self._folder_fd, NAME) or b""
        return list(_RECORD.iter_unpack(data[: len(data) // _RECORD.size * _RECORD.size]))


def _digest(uid: str) -> bytes:
    return hashlib.blake2b(uid.encode("utf-8", "surrogateescape"), digest_size=12).digest()
