"""The store: every operation on the state, by name."""

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from reconciler.model.secret import Secret
from reconciler.store.database import Database
from reconciler.store.endings import Endings
from reconciler.store.events import Events
from reconciler.store.holds import Holds
from reconciler.store.inventory import Inventory
from reconciler.store.job_history import JobHistory
from reconciler.store.leases import Leases
from reconciler.store.mending import Mending
from reconciler.store.notes import Notes
from reconciler.store.occurrences import Occurrences
from reconciler.store.pacing import Pacing
from reconciler.store.passes import Passes
from reconciler.store.retention import Retention
from reconciler.store.schedules import Schedules


class Store(
    Leases,
    Passes,
    Inventory,
    Schedules,
    Holds,
    Occurrences,
    Pacing,
    Endings,
    Retention,
    Events,
    Notes,
    JobHistory,
    Mending,
):
    """The state of one repository, open. Threads may share it; every change is durable when its call returns.

    Instants are kept to the millisecond.  Any operation raises CouldNot when the database cannot be used.
    """

    def __init__(self, database: Database, *, path: Path, state_id: str, fingerprint_key: Secret) -> None:
        """``fingerprint_key`` never leaves the state (``model/secret.py``)."""
        super().__init__(database)
        self.path = path
        self.state_id = state_id
        self.fingerprint_key = fingerprint_key

    def transaction(self) -> AbstractContextManager[Any]:
        """Make all operations of this thread inside it one transaction, durable together at its end, or not at all."""
        return self._db.write()

    def check(self) -> None:
        """Read the whole database and raise CouldNot where it is damaged; takes a second or so for a gigabyte."""
        self._db.check_whole()

    def close(self) -> None:
        self._db.close()
