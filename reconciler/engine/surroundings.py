"""What all parts of a supervisor work with."""

from collections.abc import Callable
from typing import NamedTuple

from reconciler.engine.eventloop import EventLoop
from reconciler.engine.guardian import GuardianLink
from reconciler.engine.journal import Journal


class Surroundings(NamedTuple):
    """``now`` gives microseconds since 1970; ``home_fd`` is the folder that the process stands in: the root."""

    loop: EventLoop
    journal: Journal
    guardian: GuardianLink
    spool_path: str
    spool_fd: int
    home_fd: int
    null_fd: int
    boot_id: str
    now: Callable[[], int]
