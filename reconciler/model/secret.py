"""A secret's value while we hold it, and the reference to it in a definition."""

import hmac
from typing import NoReturn

from msgspec import Struct

MASK = "***"


class SecretRef(Struct, frozen=True):
    """``{secret: NAME}``: what NAME stands for is the operator's file, outside Git."""

    secret: str


class Secret:
    """A value that shows itself to nobody: only ``reveal`` gives it."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        return self._value

    def __str__(self) -> str:
        return MASK

    __repr__ = __str__

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is not pickled")


def fingerprint_of(value: Secret, key: Secret, *, of: str) -> str:
    """Return what tells this value from another without giving it away to anybody who lacks ``key``.

    ``of`` says what has the value: two that have the same one do not show it.
    """
    return hmac.new(key.reveal().encode(), f"{of}\0{value.reveal()}".encode(), "sha256").hexdigest()[:32]
