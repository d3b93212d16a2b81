"""What a target has, in our terms."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from msgspec import Struct

from reconciler.model.change import FieldChange
from reconciler.model.forms import Form, Kind


class LiveObject(Struct, frozen=True, kw_only=True):
    """One object as the target has it; ``version`` changes whenever the object does.

    ``form`` holds what our terms have words for.  Left out of it, by JSON path: ``defaults``, which the target filled
    in where we said nothing, and ``unmanaged``, which it has besides.
    """

    kind: Kind
    id: str
    form: Form
    version: str
    defaults: Mapping[str, Any] = {}
    unmanaged: Mapping[str, Any] = {}


class LiveState(Struct, frozen=True, kw_only=True):
    """All that the target holds, made by us or not. Not ``complete``: something may be missing, so nothing is deleted.

    ``foreign`` says, by kind and id, why an object that is there cannot be managed by us: unreadable, the vendor's own,
    a link ...  It is told and never touched: a definition of that id is neither applied nor deleted there.
    """

    objects: Mapping[tuple[Kind, str], LiveObject] = {}
    foreign: Mapping[tuple[Kind, str], str] = {}
    complete: bool = True


class ComponentWord(StrEnum):
    AS_DECLARED = "as declared"
    DIFFERS = "differs"
    MISSING = "missing"
    AMBIGUOUS = "ambiguous"


class ComponentState(Struct, frozen=True, kw_only=True):
    """How a target that keeps its own components has one of ours; ``uid`` is its own name for it.

    ``fields`` are what differs, each as it is declared and as it is live.  ``reason`` says what is wrong where fields
    cannot, ``notes`` what else is to be told.
    """

    id: str
    state: ComponentWord
    uid: str = ""
    fields: tuple[FieldChange, ...] = ()
    reason: str = ""
    notes: tuple[str, ...] = ()
