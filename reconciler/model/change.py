"""A change and a plan: what an apply would do, as data."""

from enum import StrEnum
from typing import Any

from msgspec import Struct

from reconciler.model.forms import Form, Kind


class Action(StrEnum):
    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"
    RETIRE = "retire"
    REPLACE = "replace"
    ADOPT = "adopt"
    MOVE = "move"
    SUSPEND = "suspend"
    RESUME = "resume"
    DRIFT = "drift"
    HELD = "held"
    ONE_OFF = "one-off"

    @property
    def sign(self) -> str:
        return _SIGNS[self]


_SIGNS = {
    Action.CREATE: "+",
    Action.UPDATE: "~",
    Action.DELETE: "-",
    Action.RETIRE: "-",
    Action.REPLACE: "-/+",
    Action.ADOPT: "+",
    Action.MOVE: "~",
    Action.SUSPEND: "~",
    Action.RESUME: "~",
    Action.DRIFT: "~",
    Action.HELD: "=",
    Action.ONE_OFF: ">",
}


CHANGING = (Action.UPDATE, Action.REPLACE, Action.MOVE, Action.SUSPEND, Action.RESUME, Action.DRIFT)
"""What sums call a change: the object is there before and after."""


class FieldCause(StrEnum):
    """Who changed a field since it was last applied: we in Git, somebody at the target, both.

    ``VENDOR_DEFAULT``: the target filled it in where we said nothing.  ``UNMANAGED``: the target has it, and our terms
    have no word for it.  Neither is ever a reason to write.
    """

    OURS = "ours"
    THEIRS = "theirs"
    BOTH = "both"
    VENDOR_DEFAULT = "vendor-default"
    UNMANAGED = "unmanaged"


class FieldChange(Struct, frozen=True, rename="camel"):
    """One field, by its JSON path; None where it is absent. Secrets are shown as their reference.

    ``before`` is what was last applied, ``after`` what is declared, ``live`` what the target has; ``live`` counts only
    where ``cause`` is not ``OURS``.
    """

    json_path: str
    before: Any
    after: Any
    live: Any = None
    cause: FieldCause = FieldCause.OURS


class Change(Struct, frozen=True, kw_only=True):
    """One create, update, delete ... of one object on one target; ``before`` is the form last applied.

    ``live`` is what the target has now and ``live_version`` its version, both empty where it has nothing or is not
    asked.  DRIFT: Git did not change the object, the target did; carrying it out brings ``after`` back.  MOVE: the same
    object, its file now at ``path`` and before at ``from_path``, its id perhaps another.

    ``root_id`` is as in ``Applied``; ``path``, ``blob`` and ``digest`` say where ``after`` stands (``before``, for a
    deletion).  ``reason`` says why a change is held, or what is special about it.  RETIRE: the first step of a
    deletion, which disables; ``retires``: this one, and the deletion that ends its grace.
    """

    action: Action
    kind: Kind
    id: str
    root_id: str
    target: str
    before: Form | None = None
    after: Form | None = None
    live: Form | None = None
    live_version: str = ""
    fields: tuple[FieldChange, ...] = ()
    path: str = ""
    from_path: str = ""
    blob: str = ""
    digest: str = ""
    reason: str = ""
    retires: bool = False

    @property
    def form(self) -> Form:
        form = self.after if self.after is not None else self.before
        form = form if form is not None else self.live
        assert form is not None
        return form


class Guard(Struct, frozen=True, kw_only=True):
    """A rule that holds a plan back. ``override`` is the exact flag that allows it, or empty where none does.

    With ``warning`` it only says what a reviewer should look at, and holds nothing back.
    """

    code: str
    target: str
    message: str
    override: str = ""
    warning: bool = False


class Plan(Struct, frozen=True, kw_only=True):
    """All changes, in the order in which they are applied, and the digest that names them.

    The digest stands for the definitions, the changes and the live versions; neither commit nor clock are in it.
    """

    commit: str
    tree_digest: str
    changes: tuple[Change, ...]
    guards: tuple[Guard, ...] = ()
    digest: str

    def count(self, *actions: Action) -> int:
        return sum(change.action in actions for change in self.changes)
