"""Connections and transactions: each operation is one of ours, whatever database lies below."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from sqlalchemy import Connection, Engine, Table, bindparam, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError

from reconciler.model.errors import ReconcilerError
from reconciler.store.errors import LeaseLost
from reconciler.store.records import Lease
from reconciler.store.schema import leases

_INSERTS: dict[str, Callable[[Table], Any]] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}

_HOLDER = (
    select(leases.c.owner, leases.c.token).where(leases.c.name == bindparam("lease_name")).with_for_update(read=True)
)


class Below(Protocol):
    """What differs between databases."""

    def check(self) -> None:
        """Raise when the database is no longer the one that was opened."""

    def begin_write(self, connection: Connection) -> None:
        """Take the write lock now, not at the first change: a transaction that has read cannot fail half-way."""

    def explain(self, error: DBAPIError) -> ReconcilerError:
        """Return what the user is told."""

    def close(self) -> None: ...


class Database:
    """One open database. Any thread may use it; writers of one process wait for one another here, in turn."""

    def __init__(self, engine: Engine, below: Below) -> None:
        self._engine = engine
        self._below = below
        self._turn = threading.Lock()
        self._own = threading.local()
        self._fence: Lease | None = None
        self._inserts: dict[tuple[str, str], Any] = {}

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Inside a transaction of this thread: that one, so that it sees its own changes."""
        connection = getattr(self._own, "connection", None)
        if connection is not None:
            yield connection
            return
        try:
            self._below.check()
            with self._engine.connect() as connection:
                yield connection
        except DBAPIError as error:
            raise self._below.explain(error) from error

    @contextmanager
    def write(self, *, fenced: bool = True) -> Iterator[Connection]:
        """One durable transaction: all of it, or, when anything is raised, nothing. Nested calls join the outer one."""
        connection = getattr(self._own, "connection", None)
        if connection is not None:
            yield connection
            return
        with self._turn:
            try:
                self._below.check()
                with self._engine.begin() as connection:
                    self._below.begin_write(connection)
                    if fenced and self._fence is not None:
                        _check_fence(connection, self._fence)
                    self._own.connection = connection
                    try:
                        yield connection
                    finally:
                        self._own.connection = None
            except DBAPIError as error:
                raise self._below.explain(error) from error

    def fence(self, lease: Lease | None) -> None:
        self._fence = lease

    def insert_new(self, table: Table) -> Any:
        """Return an INSERT that leaves a row alone that is already there by any unique key."""
        statement = self._inserts.get(("new", table.name))
        if statement is None:
            statement = _INSERTS[self._engine.dialect.name](table).on_conflict_do_nothing()
            statement = statement.execution_options(preserve_rowcount=True)
            self._inserts["new", table.name] = statement
        return statement

    def upsert(self, table: Table, *key: str) -> Any:
        """Return an INSERT that replaces all other columns of the row with the same ``key`` (the primary key)."""
        statement = self._inserts.get(("upsert", table.name))
        if statement is None:
            names = key or tuple(column.name for column in table.primary_key)
            insert = _INSERTS[self._engine.dialect.name](table)
            rest = {column.name: insert.excluded[column.name] for column in table.c if column.name not in names}
            rest = {name: value for name, value in rest.items() if not table.c[name].primary_key or name in key}
            statement = insert.on_conflict_do_update(index_elements=list(names), set_=rest)
            self._inserts["upsert", table.name] = statement
        return statement

    def close(self) -> None:
        self._engine.dispose()
        self._below.close()


def _check_fence(connection: Connection, lease: Lease) -> None:
    holder = connection.execute(_HOLDER, {"lease_name": lease.name}).one_or_none()
    if holder is None or holder.token != lease.token:
        owner = holder.owner if holder is not None and holder.owner else "nobody"
        raise LeaseLost(
            f"the lease {lease.name!r} of {lease.owner} is over; it is now held by {owner}; nothing was written",
            hint="This process steps down; the other one carries on.",
        )
