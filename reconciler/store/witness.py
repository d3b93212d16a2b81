"""The witness: a small file beside the database that remembers how much was acknowledged.

SQLite keeps the last commits in a second file, the write-ahead log.  When that is removed, damaged or left behind by a
copy, the database opens without a word, and older than it was.  So each commit has a number, and after it the number
goes here.  The witness is never ahead of the disk: it is written last, and needs no fsync of its own.
"""

import contextlib
import os
from pathlib import Path

from reconciler.model.errors import CouldNot
from reconciler.store.errors import GO_ON, StateDamaged

_ACCEPT = f"Put the missing files back, then start again.\n{GO_ON}"


class Witness:
    def __init__(self, database: Path) -> None:
        self.database = database
        self.path = database.with_name(database.name + "-witness")
        self._state_id = ""
        self._file: int | None = None

    def read(self) -> tuple[str, int] | None:
        """Return the id of the state and the number of its last commit known here; None without a witness."""
        try:
            state_id, number = self.path.read_text(encoding="ascii").split()
            return state_id, int(number)
        except (OSError, ValueError):
            return None

    def refuse_empty(self) -> None:
        """Raise CouldNot where a database was and is no more: its place is not taken by an empty one."""
        seen = self.read()
        if seen is not None:
            raise StateDamaged(
                f"{self.database}: the database is missing or empty, but {seen[1]} changes were made to it",
                hint=_ACCEPT,
            )

    def begin(self, seen: tuple[str, int] | None, *, state_id: str, commits: int) -> None:
        """Compare what was ``seen`` here (read before the database) with the database; from now on, take notes."""
        if seen is not None and seen[0] != state_id:
            raise StateDamaged(
                f"{self.database}: this is not the state that was used here before, but another one",
                hint=_ACCEPT,
            )
        if seen is not None and seen[1] > commits:
            raise StateDamaged(
                f"{self.database}: the database is older than it was: its last {seen[1] - commits} changes are missing "
                f"(was {self.database.name}-wal removed or damaged, or a backup put in its place?)",
                hint=_ACCEPT,
            )
        self._state_id = state_id
        try:
            self._file = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            raise CouldNot(
                f"{self.path}: cannot write: {error.strerror}", hint="Make the file writable for this user."
            ) from error
        if seen is None or seen[1] < commits:
            self.note(commits)

    def note(self, number: int) -> None:
        if self._file is not None:
            # The commit is durable already: a witness that falls behind only notices less.
            with contextlib.suppress(OSError):
                os.pwrite(self._file, f"{self._state_id} {number:020d}\n".encode(), 0)

    def close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None
