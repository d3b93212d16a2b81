"""The few of the user's own Git settings that we use: all others stay unread."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from reconciler.git.command import run_git, user_environment

LOGIN_KEYS = r"^(credential|http|url)\.|^core\.(sshcommand|askpass|gitproxy)$|^ssh\.variant$"
"""What a login, a proxy or a company's certificates need."""
TIDYING_KEYS = r"^gc\."
SAFE_FOLDER_KEYS = r"^safe\.directory$"

Setting = tuple[str, str]


def read_user_settings(keys: str) -> list[Setting]:
    """Return the system's and the user's Git settings whose key matches ``keys``, in the order in which they count."""
    settings: list[Setting] = []
    for scope in ("--system", "--global"):
        arguments = ["config", scope, "--includes", "-z", "--get-regexp", keys]
        finished = run_git(arguments, folder=Path(os.sep), environment=user_environment())
        for entry in os.fsdecode(finished.out).split("\0")[:-1]:
            key, _, value = entry.partition("\n")
            settings.append((key, value))
    return settings


@contextmanager
def as_global_settings(settings: Sequence[Setting]) -> Iterator[dict[str, str]]:
    """Yield the environment in which ``settings`` are all that the user has set.

    A file, and not settings on the command line, so that those of the repository itself go before them, and because
    Git takes safe.directory from files only, before 2.38.
    """
    if not settings:
        yield {}
        return
    import tempfile  # noqa: PLC0415 - 5 ms that no validation needs

    with tempfile.NamedTemporaryFile("w", suffix=".gitconfig", encoding="utf-8", errors="surrogateescape") as file:
        file.writelines(_config_lines(key, value) for key, value in settings)
        file.flush()
        yield {"GIT_CONFIG_GLOBAL": file.name}


def _config_lines(key: str, value: str) -> str:
    section, _, rest = key.partition(".")
    subsection, _, name = rest.rpartition(".")
    head = f"{section} {_quoted(subsection)}" if subsection else section
    return f"[{head}]\n\t{name} = {_quoted(value)}\n"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t")
    return f'"{escaped}"'
