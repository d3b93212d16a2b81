"""What every group of the store's operations stands on."""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import bindparam, func, select

from reconciler.store.database import Database, Transaction


class Part:
    """A group of operations; ``Store`` puts the groups together."""

    def __init__(self, database: Database) -> None:
        self._db = database


def next_target(column: Any) -> Any:
    """Return the question for the first target after another, for ``targets_of``."""
    return select(func.min(column).label("target")).where(column > bindparam("after"))


def targets_of(tx: Transaction, question: Any) -> Iterator[str]:
    """Yield the targets that a table names: one step in its index for each, however many rows there are."""
    row = tx.row(question, after="")
    while row is not None and row.target is not None:
        yield row.target
        row = tx.row(question, after=row.target)
