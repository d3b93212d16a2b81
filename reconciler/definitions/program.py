"""What stands for the program that judges: what it kept is of no use to another one."""

import hashlib
import os
import sys
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import msgspec

from reconciler import __version__
from reconciler.schedule.zones import tzdata_version


def program_id(*more: str) -> bytes:
    """Return what stands for the program that judges: its version, files and libraries, and the time zone data.

    Files by size and time of change: in a checkout they change without a new version.  ``more`` are rooms that count
    besides those that have a part in judging a definition.
    """
    package = Path(__file__).parents[1]
    facts = [__version__, sys.version, unicodedata.unidata_version, tzdata_version()]
    for room in ("definitions", "model", "schedule", "engine", "targets", "schemas", "../schemas", *more):
        facts += sorted(_files(package / room))
    # Installing or upgrading a library changes the folder that it lies in.
    facts.append(str(Path(msgspec.__file__).parents[1].stat().st_mtime_ns))
    return hashlib.sha256("\0".join(facts).encode(errors="surrogateescape")).digest()[:16]


def _files(folder: Path) -> Iterator[str]:
    folders = [os.fspath(folder)]
    while folders:
        try:
            entries = list(os.scandir(folders.pop()))
        except OSError:
            continue
        for entry in entries:
            if entry.is_dir():
                if entry.name != "__pycache__":
                    folders.append(entry.path)
                continue
            status = entry.stat()
            yield f"{entry.path} {status.st_size} {status.st_mtime_ns}"
