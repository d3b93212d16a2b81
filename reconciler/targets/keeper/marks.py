"""Which files of the folder are ours: a job file has no room to say so, hence a file beside them.

Its name does not end in .json, so no agent takes it for a job.  Which job may be deleted is the inventory's word; this
is a second one, for when a file of that name was exchanged by hand.
"""

from typing import Annotated

import msgspec
from msgspec import Struct

from reconciler.targets.keeper.folder import Folder
from reconciler.targets.keeper.reading import NotOurs

NAME = ".reconciler-owned"
_NOTE = "Written by reconciler: the job files of this folder that it made. Remove it only with them."


class Mark(Struct, frozen=True):
    """What we wrote last under a name: its SHA-256, and the fields of it that are not documented ones."""

    sha256: str
    fields: tuple[str, ...] = ()


class Marks(Struct):
    """Our files by id."""

    note: str = _NOTE
    version: Annotated[int, msgspec.Meta(le=1)] = 1
    files: dict[str, Mark] = {}


def read_marks(folder: Folder) -> Marks:
    """Return what is ours; nothing, where the file is gone or damaged."""
    try:
        data = folder.read(NAME)
        return msgspec.json.decode(data, type=Marks) if data is not None else Marks()
    except (NotOurs, msgspec.DecodeError):
        return Marks()


def write_marks(folder: Folder, marks: Marks) -> None:
    """Keep ``marks``, without waiting for the disk: a list that a power cut takes back makes nothing worse."""
    data = msgspec.json.format(msgspec.json.encode(marks, order="deterministic"), indent=2) + b"\n"
    folder.place(folder.stage(data, NAME), NAME, is_new=False)
