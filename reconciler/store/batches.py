"""Long lists in pieces: databases bound the number of parameters of one statement."""

from collections.abc import Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")

_AT_ONCE = 500


def batches(items: Sequence[T]) -> Iterator[Sequence[T]]:
    """Yield ``items`` in order, in pieces."""
    for start in range(0, len(items), _AT_ONCE):
        yield items[start : start + _AT_ONCE]
