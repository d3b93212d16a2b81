"""Column types: our values in, our values out, portable text in the database."""

from datetime import datetime
from enum import StrEnum
from typing import Any, TypeVar

import msgspec
from sqlalchemy import Dialect, Text
from sqlalchemy.types import TypeDecorator

from reconciler.model.instant import format_instant

Key = Text().with_variant(Text(collation="C"), "postgresql")
"""Text that is compared byte by byte: ids, and instants, whose order as text is their order in time."""

E = TypeVar("E", bound=StrEnum)


class Instant(TypeDecorator[datetime]):
    """An aware UTC datetime as ``2026-03-29T01:00:00.000Z``."""

    impl = Key
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> str | None:
        return None if value is None else format_instant(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> datetime | None:
        return None if value is None else datetime.fromisoformat(value)


class Word(TypeDecorator[E]):
    """A member of the enum ``words``, as its value."""

    impl = Key
    cache_ok = True

    def __init__(self, words: type[E]) -> None:
        super().__init__()
        self.words = words

    def process_bind_param(self, value: E | None, dialect: Dialect) -> str | None:
        return None if value is None else value.value

    def process_result_value(self, value: str | None, dialect: Dialect) -> E | None:
        return None if value is None else self.words(value)


class Json(TypeDecorator[Any]):
    """A value of the type ``holds``, as JSON text."""

    impl = Text
    cache_ok = True

    def __init__(self, holds: Any) -> None:
        super().__init__()
        self.holds = holds
        self._encode = msgspec.json.Encoder().encode
        self._decode = msgspec.json.Decoder(holds).decode

    def process_bind_param(self, value: Any, dialect: Dialect) -> str:
        return self._encode(value).decode()

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        return None if value is None else self._decode(value)
