"""What a target has, in our terms."""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from reconciler.model.forms import Component, Kind, OneOff, Target
from reconciler.model.job import Job


class LiveObject(Struct, frozen=True, kw_only=True):
    """One object as the target has it; ``version`` changes whenever the object does.

    ``form`` holds what our terms have words for.  Left out of it, by JSON path: ``defaults``, which the target filled
    in where we said nothing, and ``unmanaged``, which it has besides.
    """

    kind: Kind
    id: str
    form: Job | Component | Target | OneOff
    version: str
    defaults: Mapping[str, Any] = {}
    unmanaged: Mapping[str, Any] = {}


class LiveState(Struct, frozen=True, kw_only=True):
    """All that the target holds of ours. Not ``complete``: something may be missing, so nothing may be deleted."""

    objects: Mapping[tuple[Kind, str], LiveObject] = {}
    complete: bool = True
