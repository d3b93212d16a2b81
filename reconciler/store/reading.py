"""Rows that hold what we never wrote, after a fault of the disk or another program's hand: named, never guessed at."""

from collections.abc import Callable
from functools import wraps
from typing import TypeVar

import msgspec

from reconciler.store.database import Row
from reconciler.store.errors import RowUnreadable

R = TypeVar("R")

NOT_OURS = (KeyError, ValueError, TypeError, RecursionError, msgspec.MsgspecError)


def told(what: str, key: str) -> Callable[[Callable[[Row], R]], Callable[[Row], R]]:
    """Let a row that holds what we never wrote raise RowUnreadable: it says ``what`` it is, and its column ``key``."""

    def decorate(read: Callable[[Row], R]) -> Callable[[Row], R]:
        @wraps(read)
        def reading(row: Row) -> R:
            try:
                return read(row)
            except NOT_OURS as error:
                raise unreadable(what, getattr(row, key, "")) from error

        return reading

    return decorate


def unreadable(what: str, key: object) -> RowUnreadable:
    return RowUnreadable(
        f"the state has a row that cannot be read: {what} {key}",
        hint="Set it aside: reconciler repair\n(`reconcile` and `serve` do that by themselves.)",
    )
