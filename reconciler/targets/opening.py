"""What a target is opened with, whatever its provider."""

from collections.abc import Callable, Mapping
from pathlib import Path

from msgspec import Struct

from reconciler.model.instant import Clock
from reconciler.model.secret import Secret
from reconciler.model.settings import Settings


class Opening(Struct, frozen=True, kw_only=True):
    """``folder`` is where targets keep what is theirs beside the state; ``environment`` is that of this process.

    ``reveal`` gives the secret that settings of a target name, when it is needed: ``reveal(name, target)``; it raises
    CouldNot.  ``pause`` lets some seconds pass.  ``folders`` are those of targets that have one to themselves, by name.
    """

    folder: Path
    settings: Settings
    environment: Mapping[str, str]
    host: str
    clock: Clock
    pause: Callable[[float], object]
    reveal: Callable[[str, str], Secret]
    folders: Mapping[str, str] = {}
