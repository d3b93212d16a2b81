"""What a plan is made against besides declarations and inventory: what targets hold, pauses, unfinished applies."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from msgspec import Struct

from reconciler.model.forms import Form, Kind, digest_form
from reconciler.model.inventory import Hold
from reconciler.model.live import LiveObject, LiveState

Place = tuple[str, Kind, str]
"""Target, kind and id: one object."""


class TargetView(Struct, frozen=True, kw_only=True):
    """What a target was found to have of the ``kinds`` that it holds itself; ``normalise`` is as in ``LiveTarget``."""

    state: LiveState
    normalise: Callable[[Form], Form]
    kinds: frozenset[Kind] = frozenset({Kind.JOB, Kind.COMPONENT})


class SecretPrint(Struct, frozen=True):
    """What a secret stands for now, as a fingerprint; ``unknown`` says why it could not be read, if so."""

    fingerprint: str = ""
    unknown: str = ""


class Surroundings(Struct, frozen=True, kw_only=True):
    """Left out, nothing is known but what is declared and applied, as when two commits are compared.

    ``live`` holds a view of each target that holds objects and answered, ``unavailable`` why others did not; ``silent``
    why one that answers did not tell what it has of a kind.  ``secrets`` are those that declared objects refer to.
    ``holds`` are the pauses in force, by root id.  ``begun`` names what an apply that was cut off may have made,
    and the digests of the forms that it wrote.
    ``graces`` says how long a job on a target stays disabled before it is removed; ``now`` is when that is judged.
    ``configured`` are the targets there are, None: all that anything names.
    """

    live: Mapping[str, TargetView] = {}
    unavailable: Mapping[str, str] = {}
    silent: Mapping[tuple[str, Kind], str] = {}
    secrets: Mapping[Place, SecretPrint] = {}
    holds: Mapping[str, Hold] = {}
    begun: Mapping[Place, frozenset[str]] = {}
    graces: Mapping[str, timedelta] = {}
    now: datetime | None = None
    configured: frozenset[str] | None = None

    def view(self, target: str, kind: Kind) -> TargetView | None:
        """Return what the target has of ``kind``, if it holds such objects and has told."""
        view = self.live.get(target)
        return view if view is not None and kind in view.kinds else None

    def why_unknown(self, target: str, kind: Kind) -> str:
        """Return why it is not known what a target has that holds such objects, or nothing."""
        return self.unavailable.get(target) or self.silent.get((target, kind), "")

    def find(self, target: str, kind: Kind, *ids: str) -> LiveObject | None:
        """Return the first object that is there under one of ``ids``."""
        view = self.view(target, kind)
        objects = view.state.objects if view is not None else {}
        return next((objects[kind, id_] for id_ in ids if (kind, id_) in objects), None)

    def is_missing(self, target: str, kind: Kind, *ids: str) -> bool:
        """Return whether it is certain that a target that holds objects has none of these."""
        view = self.view(target, kind)
        return view is not None and view.state.complete and self.find(target, kind, *ids) is None

    def is_unlisted(self, target: str, kind: Kind, *ids: str) -> bool:
        """Return whether a target may have one of these although its listing, which is incomplete, shows none."""
        view = self.view(target, kind)
        return view is not None and not view.state.complete and self.find(target, kind, *ids) is None

    def is_incomplete(self, target: str, kind: Kind) -> bool:
        view = self.view(target, kind)
        return view is not None and not view.state.complete

    def is_begun(self, target: str, kind: Kind, id_: str) -> bool:
        """Return whether an object that is there is as an apply that was cut off wrote it: ours, then."""
        live = self.find(target, kind, id_)
        return live is not None and digest_form(live.form) in self.begun.get((target, kind, id_), ())

    def why_foreign(self, target: str, kind: Kind, id_: str) -> str:
        """Return why an object of that id is there and not to be touched, or nothing."""
        view = self.view(target, kind)
        return view.state.foreign.get((kind, id_), "") if view is not None else ""

    def is_configured(self, target: str) -> bool:
        return self.configured is None or target in self.configured
