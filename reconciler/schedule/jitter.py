"""A delay that spreads the starts of one instant: by hash, so that it is the same after a restart."""

import hashlib
from datetime import timedelta


def jitter_of(root_id: str, device_uid: str, jitter_seconds: int) -> timedelta:
    """Return the delay of this job on this device: whole milliseconds in ``[0, jitter_seconds]``."""
    if jitter_seconds <= 0:
        return timedelta()
    key = f"{len(root_id)}:{root_id}:{device_uid}".encode()
    number = int.from_bytes(hashlib.sha256(key).digest()[:8], "big")
    return timedelta(milliseconds=number % (jitter_seconds * 1000 + 1))
