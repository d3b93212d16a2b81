"""Ids for what was made elsewhere under a name that definitions cannot have."""

import re
from collections.abc import Collection

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z")
_LONGEST = 64


def is_id(text: str) -> bool:
    return bool(_ID.match(text))


def make_id(name: str, *, taken: Collection[str]) -> str:
    """Return an id that looks like ``name`` and differs from ``taken``, which are folded, also without regard to case.

    Letters, digits and hyphens only: what every target can have.
    """
    plain = re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-")[:_LONGEST].strip("-") or "job"
    made, number = plain, 1
    while made.casefold() in taken:
        number += 1
        made = f"{plain[: _LONGEST - len(str(number)) - 1]}-{number}"
    return made
