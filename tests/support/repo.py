"""Real Git repositories for tests, the same on every machine: own identity, own dates, nobody's configuration."""

import os
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

START = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)


class Repo:
    """A repository with a work tree (or without: ``bare``); each commit is a minute after the one before it."""

    def __init__(self, path: Path, *, start: datetime = START) -> None:
        self.path = path
        self._next_commit_at = start

    def git(self, *args: str, data: bytes = b"", check: bool = True) -> str:
        """Run git here; return its output without the line end. Fails the test when git fails, unless told."""
        done = subprocess.run(
            ["git", *args], cwd=self.path, env=self.environment, input=data, capture_output=True, check=False
        )
        assert not check or done.returncode == 0, done.stderr.decode(errors="replace")
        return done.stdout.decode("utf-8", "surrogateescape").rstrip("\n")

    @property
    def environment(self) -> dict[str, str]:
        date = f"{int(self._next_commit_at.timestamp())} +0000"
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.path),
            "LC_ALL": "C",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_AUTHOR_NAME": "Ada Example",
            "GIT_AUTHOR_EMAIL": "ada@example.com",
            "GIT_AUTHOR_DATE": date,
            "GIT_COMMITTER_NAME": "Ada Example",
            "GIT_COMMITTER_EMAIL": "ada@example.com",
            "GIT_COMMITTER_DATE": date,
        }

    def write(self, path: str, text: str | bytes) -> Path:
        """Write a file of the work tree, with its folders."""
        file = self.path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text.encode() if isinstance(text, str) else text)
        return file

    def commit(self, message: str = "Change", *, at: datetime | None = None) -> str:
        """Commit all of the work tree, also when nothing changed; return the commit id."""
        self._next_commit_at = at or self._next_commit_at
        self.git("add", "--all", "--force")
        self.git("commit", "--quiet", "--allow-empty", "--no-verify", "--message", message)
        self._next_commit_at += timedelta(minutes=1)
        return self.git("rev-parse", "HEAD")

    def clone(self, path: Path, *options: str) -> "Repo":
        self.git("clone", "--quiet", *options, str(self.path), str(path))
        return Repo(path, start=self._next_commit_at)


def make_repo(path: Path, *, bare: bool = False, object_format: str = "sha1") -> Repo:
    """Make an empty repository in ``path``; its branch is ``main``."""
    path.mkdir(parents=True, exist_ok=True)
    repo = Repo(path)
    repo.git("init", "--quiet", "--initial-branch=main", f"--object-format={object_format}", *["--bare"] * bare)
    return repo
