"""Connections and transactions: each operation is one of ours, whatever database lies below."""

import importlib
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from operator import itemgetter
from typing import Any, Protocol, TypeAlias

from sqlalchemy import Connection, Dialect, Engine, Executable, Table, bindparam, select
from sqlalchemy.exc import DBAPIError

from reconciler.model.errors import ReconcilerError
from reconciler.store.errors import LeaseLost
from reconciler.store.records import Lease
from reconciler.store.schema import leases

Row: TypeAlias = Any
"""A row of a result: it has an attribute per column."""

Values = Mapping[str, Any]
"""What a statement is given, by the names of its parameters: text, numbers, bytes or None."""

_KEYS_AT_ONCE = 500
_ROWS_AT_ONCE = 2_000

_HOLDER = select(leases.c.owner, leases.c.token).where(leases.c.name == bindparam("of_name")).with_for_update(read=True)


class Below(Protocol):
    """What differs between databases."""

    def check(self) -> None:
        """Raise when the database is no longer the one that was opened."""

    def check_whole(self, connection: Connection) -> None:
        """Read everything; raise where it is damaged."""

    def begin_write(self, connection: Connection, *, is_durable: bool = True) -> None:
        """Take the write lock now, not at the first change: a transaction that has read cannot fail half-way.

        Not ``is_durable``: its commit need not wait for the disk; the next durable one takes it along.
        """

    def before_commit(self, connection: Connection) -> None:
        """Add what belongs to every transaction that changed something."""

    def after_commit(self, connection: Connection) -> None:
        """The transaction is durable."""

    def begin_migration(self, connection: Connection, *, backup: str) -> None:
        """Take the write lock for changes to the tables, and copy the database beside itself, under ``backup``."""

    def before_migrated(self, connection: Connection) -> None:
        """Raise where the new tables contradict one another."""

    def explain(self, error: DBAPIError) -> ReconcilerError:
        """Return what the user is told."""

    def close(self) -> None: ...


class Statements:
    """Statements of SQLAlchemy, compiled once for one database."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        # Each dialect brings its own INSERT ... ON CONFLICT; the others take 25 ms to import.
        self._insert_of: Callable[[Table], Any] = importlib.import_module(f"sqlalchemy.dialects.{dialect.name}").insert
        self._prepared: dict[Any, _Prepared] = {}
        self._inserts: dict[tuple[str, str], Any] = {}

    def prepare(self, statement: Any, names: Iterable[str]) -> "_Prepared":
        found = self._prepared.get(statement)
        if found is None:
            found = self._prepared[statement] = _Prepared(statement, self._dialect, list(names))
        return found

    def insert(self, table: Table) -> Any:
        return self._insert("plain", table, lambda insert: insert)

    def insert_new(self, table: Table) -> Any:
        """Return an INSERT that leaves a row alone that is already there by any unique key."""
        return self._insert("new", table, lambda insert: insert.on_conflict_do_nothing())

    def upsert(self, table: Table, *key: str) -> Any:
        """Return an INSERT that replaces the row with the same ``key``, a unique one; the primary key if not given."""

        def replacing(insert: Any) -> Any:
            names = key or tuple(column.name for column in table.primary_key)
            rest = [column.name for column in table.c if column.name not in names and not column.primary_key]
            return insert.on_conflict_do_update(
                index_elements=names, set_={name: insert.excluded[name] for name in rest}
            )

        return self._insert("upsert", table, replacing)

    def _insert(self, word: str, table: Table, shape: Callable[[Any], Any]) -> Any:
        statement = self._inserts.get((word, table.name))
        if statement is None:
            statement = self._inserts[word, table.name] = shape(self._insert_of(table))
        return statement


class _Prepared:
    """The SQL of a statement, and how named values become the parameters that its driver wants."""

    def __init__(self, statement: Any, dialect: Dialect, names: list[str]) -> None:
        compiled = statement.compile(dialect=dialect, column_keys=names)
        self.sql = str(compiled)
        self._constants = {name: value for name, value in compiled.params.items() if name not in names}
        order = compiled.positiontup
        self._pick = None if order is None else itemgetter(*order) if len(order) > 1 else _pick_one(order)

    def parameters(self, values: Values) -> Any:
        if self._constants:
            values = {**self._constants, **values}
        return values if self._pick is None else self._pick(values)


def _pick_one(order: Sequence[str]) -> Callable[[Values], tuple[Any, ...]]:
    return lambda values: tuple(values[name] for name in order)


class Transaction:
    """What one operation does: rows of statements that are known beforehand, compiled once and sent as they are."""

    def __init__(self, connection: Connection, statements: Statements) -> None:
        self.connection = connection
        self._statements = statements

    def rows(self, statement: Executable, **values: Any) -> Sequence[Row]:
        prepared = self._statements.prepare(statement, values)
        return self.connection.exec_driver_sql(prepared.sql, prepared.parameters(values)).all()

    def row(self, statement: Executable, **values: Any) -> Row | None:
        """Return the only row, or None; a question by a unique key."""
        found = self.rows(statement, **values)
        return found[0] if found else None

    def rows_in(self, statement: Executable, keys: Iterable[str], **values: Any) -> Iterator[Row]:
        """Yield the rows for all ``keys`` of a statement that has the expanding parameter ``keys``, in pieces."""
        ordered = sorted(set(keys))
        for start in range(0, len(ordered), _KEYS_AT_ONCE):
            given = {"keys": ordered[start : start + _KEYS_AT_ONCE], **values}
            yield from self.connection.execute(statement, given).all()

    def run(self, statement: Executable, **values: Any) -> int:
        """Return how many rows were changed."""
        return self.run_many(statement, [values])

    def run_many(self, statement: Executable, rows: Iterable[Values]) -> int:
        """Run the statement for each of ``rows``, which have the same names; return how many rows were changed."""
        changed = 0
        rows = iter(rows)
        # In pieces, so that the rows of a large batch need not all be there at once.
        while piece := list(islice(rows, _ROWS_AT_ONCE)):
            prepared = self._statements.prepare(statement, piece[0])
            parameters = [prepared.parameters(values) for values in piece]
            changed += self.connection.exec_driver_sql(prepared.sql, parameters).rowcount
        return changed

    def insert(self, table: Table, rows: Iterable[Values]) -> int:
        return self.run_many(self._statements.insert(table), rows)

    def insert_new(self, table: Table, rows: Iterable[Values]) -> int:
        """Insert ``rows``, but leave alone what is already there by any unique key; return how many were new."""
        return self.run_many(self._statements.insert_new(table), rows)

    def upsert(self, table: Table, rows: Iterable[Values], *key: str) -> None:
        """Insert ``rows``, each in the place of the one with the same ``key`` (the primary key if not given)."""
        self.run_many(self._statements.upsert(table, *key), rows)


class Database:
    """One open database. Any thread may use it; writers of one process wait for one another here, in turn."""

    def __init__(self, engine: Engine, below: Below) -> None:
        self._engine = engine
        self._below = below
        self._statements = Statements(engine.dialect)
        self._turn = threading.Lock()
        self._own = threading.local()
        self._fence: Lease | None = None

    @contextmanager
    def read(self) -> Iterator[Transaction]:
        """Inside a transaction of this thread: that one, so that it sees its own changes."""
        try:
            if self._outer is not None:
                yield self._outer
                return
            self._below.check()
            with self._engine.connect() as connection:
                yield Transaction(connection, self._statements)
        except DBAPIError as error:
            raise self._below.explain(error) from error

    @contextmanager
    def write(self, *, fenced: bool = True, is_durable: bool = True) -> Iterator[Transaction]:
        """One durable transaction: all of it, or, when anything is raised, nothing. Nested calls join the outer one.

        Not ``is_durable``: a power cut may undo it, whole, though nothing that was committed before it.
        """
        try:
            if self._outer is not None:
                yield self._outer
                return
            with self._turn, self._begin(is_durable=is_durable) as transaction:
                if fenced and self._fence is not None:
                    _check_fence(transaction, self._fence)
                self._own.transaction = transaction
                try:
                    yield transaction
                finally:
                    self._own.transaction = None
        except DBAPIError as error:
            raise self._below.explain(error) from error

    @property
    def _outer(self) -> Transaction | None:
        return getattr(self._own, "transaction", None)

    @contextmanager
    def _begin(self, *, is_durable: bool) -> Iterator[Transaction]:
        self._below.check()
        with self._engine.connect() as connection:
            self._below.begin_write(connection, is_durable=is_durable)
            yield Transaction(connection, self._statements)
            self._below.before_commit(connection)
            connection.commit()
            self._below.after_commit(connection)

    @contextmanager
    def migration(self, *, backup: str) -> Iterator[Connection]:
        """One transaction in which tables may change, after a copy of the database beside it, named ``backup``."""
        try:
            with self._turn, self._engine.connect() as connection:
                try:
                    self._below.begin_migration(connection, backup=backup)
                    yield connection
                    self._below.before_migrated(connection)
                    self._below.before_commit(connection)
                    connection.commit()
                    self._below.after_commit(connection)
                finally:
                    connection.invalidate()  # what was set for a migration must not come back from the pool
        except DBAPIError as error:
            raise self._below.explain(error) from error

    def check_whole(self) -> None:
        with self.read() as tx:
            self._below.check_whole(tx.connection)

    @property
    def fenced_by(self) -> Lease | None:
        return self._fence

    def fence(self, lease: Lease | None) -> None:
        self._fence = lease

    def close(self) -> None:
        self._engine.dispose()
        self._below.close()


def _check_fence(transaction: Transaction, lease: Lease) -> None:
    holder = transaction.row(_HOLDER, of_name=lease.name)
    if holder is None or (holder.token, holder.owner) != (lease.token, lease.owner):
        owner = holder.owner if holder is not None and holder.owner else "nobody"
        raise LeaseLost(
            f"the lease {lease.name!r} of {lease.owner} is over; it is now held by {owner}; nothing was written",
            hint="This process steps down; the other one carries on.",
        )
