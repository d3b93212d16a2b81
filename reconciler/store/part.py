"""What every group of the store's operations stands on."""

from reconciler.store.database import Database


class Part:
    """A group of operations; ``Store`` puts the groups together."""

    def __init__(self, database: Database) -> None:
        self._db = database
