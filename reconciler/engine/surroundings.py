"""What all parts of a supervisor work with."""

from collections.abc import Callable
from typing import NamedTuple

from reconciler.engine.eventloop import EventLoop
from reconciler.engine.guardian import GuardianLink
from reconciler.engine.journal import Journal
from reconciler.engine.scratch import Scratch
from reconciler.engine.spawner import Spawner


class Surroundings(NamedTuple):
    """``now`` gives microseconds since 1970.

    ``url`` is where tasks reach us; those with another account reach ``open_url``, which raises OSError.
    """

    loop: EventLoop
    journal: Journal
    guardian: GuardianLink
    spawner: Spawner
    spool_fd: int
    scratch: Scratch
    null_fd: int
    url: str
    open_url: Callable[[], str]
    now: Callable[[], int]
