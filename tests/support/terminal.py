"""A program at a terminal of its own: keys are typed, and what it shows is waited for."""

import os
import pty
import re
import select
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

_ESCAPES = re.compile(rb"\x1b(?:\[[0-9;?]*[ -/]*[@-~]|[=>]|\].*?(?:\x07|\x1b\\))|\x07|\r")
LONGEST_WAIT = 60.0


class Terminal:
    def __init__(self, argv: Sequence[str], *, folder: Path, environment: Mapping[str, str]) -> None:
        self._pid, self._fd = pty.fork()
        if self._pid == 0:
            os.chdir(folder)
            os.execvpe(argv[0], argv, {**environment})
        self._seen = b""

    def type(self, keys: str) -> None:
        os.write(self._fd, keys.encode())

    def wait_for(self, words: str) -> str:
        """Wait until ``words`` are shown; return what was shown up to then since the last wait."""
        deadline = time.monotonic() + LONGEST_WAIT
        while (text := _ESCAPES.sub(b"", self._seen).decode(errors="replace")).find(words) < 0:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self._fd], [], [], left)[0]:
                raise AssertionError(f"{words!r} was not shown, but {text!r}")
            try:
                self._seen += os.read(self._fd, 65536)
            except OSError:
                raise AssertionError(f"it ended, having shown {text!r}") from None
        self._seen = b""
        return text

    def close(self) -> None:
        os.close(self._fd)
        os.waitpid(self._pid, 0)
