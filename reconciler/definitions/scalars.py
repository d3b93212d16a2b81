"""Unquoted YAML values by the core schema of YAML 1.2: text, whole number, number, true or false, null.

What other programs would read as something else (YAML 1.1: ``0755``, ``1_000``, ``10:00``) is refused, not guessed.
Source: YAML 1.2.2, section 10.3.2.
"""

import math
import re
from typing import NamedTuple

Scalar = str | int | float | bool | None

_WORDS: dict[str, Scalar] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_NUMBER_START = frozenset("+-.0123456789")
_INTEGER = re.compile(r"[-+]?[0-9]+\Z", re.ASCII)
_BASED = re.compile(r"0o[0-7]+\Z|0x[0-9a-fA-F]+\Z")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?\Z", re.ASCII)
_NOT_FINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)\Z|\.(?:nan|NaN|NAN)\Z")
_LEADING_ZERO = re.compile(r"[-+]?0[0-9]+\Z", re.ASCII)
_UNDERSCORES = re.compile(r"[-+]?[0-9]+(?:_+[0-9]+)+(?:\.[0-9_]*)?\Z", re.ASCII)
_SEXAGESIMAL = re.compile(r"[-+]?[1-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?\Z", re.ASCII)
LARGEST = 2**63 - 1


class Doubtful(NamedTuple):
    """Why a value is refused: ``text`` stands for it."""

    code: str
    message: str
    hint: str
    text: str


def read_scalar(text: str) -> Scalar | Doubtful:
    """Return what unquoted ``text`` means."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in _NUMBER_START:
        return text
    return _read_number(text)


def _read_number(text: str) -> Scalar | Doubtful:
    if _LEADING_ZERO.match(text):
        hint = f'Write "{text}" for text, or the number without the zero.'
        return Doubtful("SYN012", f"`{text}` is a number with a leading zero; quote it", hint, text)
    if _INTEGER.match(text):
        return whole_number(text)
    if _BASED.match(text):
        return whole_number(text)
    if _FLOAT.match(text):
        number = float(text)
        return number if math.isfinite(number) else _not_finite(text)
    if _NOT_FINITE.match(text):
        return _not_finite(text)
    if _UNDERSCORES.match(text):
        plain = text.replace("_", "")
        return Doubtful("SYN013", f"`{text}` has digits with `_`; write {plain}", f'For text write "{text}".', text)
    if _SEXAGESIMAL.match(text):
        hour, _, minute = text.partition(":")
        is_time = minute.isdigit() and int(hour) < 24
        message = f'quote times: "{int(hour):02}:{int(minute):02}"' if is_time else f'quote times: "{text}"'
        return Doubtful("SYN014", message, f"Other programs read {text} without quotes as a number of base 60.", text)
    return text


def whole_number(text: str) -> int | Doubtful:
    """Read a whole number; one that does not fit 64 bits is refused, before the work of reading it."""
    if len(text) <= 80:
        number = int(text, 0) if text[:2] in {"0x", "0o"} else int(text)
        if -LARGEST - 1 <= number <= LARGEST:
            return number
    shown = text if len(text) <= 24 else f"{text[:20]}..."
    return Doubtful("SYN016", f"the number {shown} is too large", "Quote it if it is text.", text)


def _not_finite(text: str) -> Doubtful:
    return Doubtful("SYN015", f"`{text}` is not a finite number", "Write a number, or quote it if it is text.", text)
