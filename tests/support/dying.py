"""A process that is killed at one of the points at which that can happen."""

from collections.abc import Iterator
from contextlib import contextmanager

from reconciler.store.store import Store


class Killed(BaseException):
    """The process is no more: nothing that it still tries has an effect."""


class Deathly:
    """Counts the places at which a process can die, and lets it die at the ``at``th; None never."""

    def __init__(self, at: int | None) -> None:
        self.at = at
        self.count = 0
        self.is_dead = False

    def step(self) -> None:
        if not self.is_dead:
            self.count += 1
            self.is_dead = self.count == self.at
        if self.is_dead:
            raise Killed


class MortalFile:
    """The database's lower half: the process dies before a transaction, or when it is durable."""

    def __init__(self, below, death: Deathly) -> None:
        self._below, self._death = below, death

    def __getattr__(self, name):
        return getattr(self._below, name)

    def begin_write(self, connection, **options):
        self._death.step()
        self._below.begin_write(connection, **options)

    def after_commit(self, connection):
        self._below.after_commit(connection)
        self._death.step()


@contextmanager
def dying(store: Store, death: Deathly) -> Iterator[None]:
    """Let ``death`` come at a write to the store."""
    database = store._db
    whole = database._below
    database._below = MortalFile(whole, death)
    try:
        yield
    finally:
        database._below = whole
