"""What an expression may cost at most, judged before it is ever evaluated.

The language ends always, but not soon: a loop within a loop over long lists, or a pattern with large counts, takes
minutes.  So each part has a price, near its worst time in microseconds at the limits of ``expressions.py``; the price
of what stands in a loop counts once for every item that a list may have.

What is read is the checked form that the library gives out: protocol buffers as cel-spec's ``checked.proto`` and
``syntax.proto`` define them.
"""

import re
from collections import defaultdict
from collections.abc import Iterator

from msgspec import Struct

_COUNTED = re.compile(r"(\)?)\{(\d+)(?:,(\d*))?\}")
_PROPERTY = re.compile(r"\\[pP]")
_PROPERTY_SIZE = 400

_READ_PRICE = 25
_COMPARE_PRICE = 100
_OTHER_PRICE = 5
_MATCH_PRICE = 300
_MATCH_STEP_PRICE = 30
_COMPARING = frozenset({"_==_", "_!=_", "@in"})
_JOINING = frozenset({"add_string", "add_bytes", "add_list"})

Fields = dict[int, list[int | bytes]]


class Cost(Struct, frozen=True):
    """``price`` is the worst case; ``names`` are the variables that are read; ``problem`` says what is not allowed."""

    price: int
    names: frozenset[str]
    problem: str = ""


def cost_of(serialized: bytes, *, items: int) -> Cost:
    """Return what the checked expression costs where no list is longer than ``items``."""
    checked = _fields(_first(_fields(serialized), 2))
    references = dict(_references(checked))
    counter = _Counter(references, items)
    price = counter.price(_fields(_first(checked, 4)), 1)
    names = frozenset(name for name, overloads in references.values() if name and not overloads)
    return Cost(price, names, counter.problem)


def pattern_size(pattern: str) -> int:
    """Return a bound for how many steps a character of a text costs when it is held against ``pattern``."""
    single = group = 1
    for match in _COUNTED.finditer(pattern):
        count = max(int(match[3] or match[2]), 1)
        if match[1]:
            group *= count
        else:
            single = max(single, count)
    return (len(pattern) + _PROPERTY_SIZE * len(_PROPERTY.findall(pattern))) * single * group


class _Counter:
    def __init__(self, references: dict[int, tuple[str, frozenset[str]]], items: int) -> None:
        self._references = references
        self._items = items
        self.problem = ""

    def price(self, expr: Fields, times: int) -> int:
        """Return the price of ``expr`` where it is evaluated ``times`` times."""
        if 9 in expr:
            return self._loop_price(_fields(_first(expr, 9)), times)
        parts = list(_parts(expr))
        own = self._own_price(expr)
        return own * times + sum(self.price(part, times) for part in parts)

    def _own_price(self, expr: Fields) -> int:
        if 6 not in expr:
            return _OTHER_PRICE if 3 in expr else _READ_PRICE
        call = _fields(_first(expr, 6))
        function = _first(call, 2).decode()
        if function == "matches":
            return self._match_price(call)
        if function == "_+_" and self._references.get(_number(expr, 2), ("", frozenset()))[1] & _JOINING:
            self.problem = "`+` adds numbers and times only; write int(...) or double(...) around what is of any type"
        return _COMPARE_PRICE if function in _COMPARING else _OTHER_PRICE

    def _match_price(self, call: Fields) -> int:
        arguments = call.get(3, [])
        pattern = _constant_text(_fields(arguments[-1])) if arguments and isinstance(arguments[-1], bytes) else None
        if pattern is None:
            self.problem = "the pattern of `matches` must be written out"
            return _MATCH_PRICE
        return _MATCH_PRICE + _MATCH_STEP_PRICE * pattern_size(pattern)

    def _loop_price(self, loop: Fields, times: int) -> int:
        over = _fields(_first(loop, 2))
        written = len(_fields(_first(over, 7)).get(1, [])) if 7 in over else 0
        inner = times * max(self._items, written)
        once = sum(self.price(_fields(_first(loop, number)), times) for number in (2, 4, 7) if number in loop)
        return once + sum(self.price(_fields(_first(loop, number)), inner) for number in (5, 6) if number in loop)


def _parts(expr: Fields) -> Iterator[Fields]:
    """Yield the expressions directly inside a selection, a call, a list or a map."""
    if 5 in expr:
        yield _fields(_first(_fields(_first(expr, 5)), 1))
    if 6 in expr:
        call = _fields(_first(expr, 6))
        yield from (_fields(data) for number in (1, 3) for data in call.get(number, []) if isinstance(data, bytes))
    if 7 in expr:
        elements = _fields(_first(expr, 7)).get(1, [])
        yield from (_fields(data) for data in elements if isinstance(data, bytes))
    if 8 in expr:
        for entry in _fields(_first(expr, 8)).get(2, []):
            if isinstance(entry, bytes):
                inner = _fields(entry)
                yield from (_fields(_first(inner, number)) for number in (3, 4) if number in inner)


def _constant_text(expr: Fields) -> str | None:
    if 3 not in expr:
        return None
    constant = _fields(_first(expr, 3))
    return _first(constant, 6).decode() if 6 in constant else None


def _references(checked: Fields) -> Iterator[tuple[int, tuple[str, frozenset[str]]]]:
    for data in checked.get(2, []):
        assert isinstance(data, bytes)
        entry = _fields(data)
        reference = _fields(_first(entry, 2))
        overloads = frozenset(item.decode() for item in reference.get(3, []) if isinstance(item, bytes))
        yield _number(entry, 1), (_first(reference, 1).decode(), overloads)


def _first(fields: Fields, number: int) -> bytes:
    for item in fields.get(number, []):
        if isinstance(item, bytes):
            return item
    return b""


def _number(fields: Fields, number: int) -> int:
    item = fields.get(number, [0])[0]
    return item if isinstance(item, int) else 0


def _fields(data: bytes) -> Fields:
    """Return the fields of a message by number: whole numbers, and bytes for all that has a length."""
    fields: Fields = defaultdict(list)
    position = 0
    while position < len(data):
        tag, position = _varint(data, position)
        match tag & 7:
            case 0:
                value, position = _varint(data, position)
                fields[tag >> 3].append(value)
            case 2:
                length, position = _varint(data, position)
                fields[tag >> 3].append(data[position : position + length])
                position += length
            case kind:
                position += {1: 8, 5: 4}[kind]
                fields[tag >> 3].append(0)
    return fields


def _varint(data: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7
