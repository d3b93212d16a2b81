"""Everything a pass works with, put together once by the caller and handed on."""

from collections.abc import Callable, Mapping
from datetime import timedelta

from msgspec import Struct

from reconciler.git.repository import Repository
from reconciler.loop.due import Scheduler
from reconciler.model.instant import Clock, NewUid
from reconciler.model.settings import Settings
from reconciler.reports.commit_status import Statuses
from reconciler.runs.driver import Driver
from reconciler.store.store import Store
from reconciler.targets.protocol import LiveTarget


class World(Struct, frozen=True, kw_only=True):
    """``host`` is this machine's name; ``owner`` names this process where two may meet (loop/owner.py).

    ``statuses`` is where commits are told of, None where they are not.  ``graces`` are those that targets set
    themselves.
    """

    repository: Repository
    store: Store
    settings: Settings
    targets: Mapping[str, LiveTarget]
    driver: Driver
    clock: Clock
    new_uid: NewUid
    host: str
    tell: Callable[[str], None]
    owner: str
    statuses: Statuses | None = None
    graces: Mapping[str, timedelta] = {}

    @property
    def scheduler(self) -> Scheduler:
        return Scheduler(ledger=self.store, targets=self.targets, new_uid=self.new_uid, tell=self.tell)
