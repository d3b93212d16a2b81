"""Everything a pass works with, put together once by the caller and handed on."""

from collections.abc import Mapping

from msgspec import Struct

from reconciler.git.repository import Repository
from reconciler.model.instant import Clock, NewUid
from reconciler.model.settings import Settings
from reconciler.runs.drive import Driver
from reconciler.store.store import Store
from reconciler.targets.protocol import LiveTarget


class World(Struct, frozen=True, kw_only=True):
    """``owner`` names this process where two may meet: ``host:pid``."""

    repository: Repository
    store: Store
    settings: Settings
    targets: Mapping[str, LiveTarget]
    driver: Driver
    clock: Clock
    new_uid: NewUid
    owner: str
