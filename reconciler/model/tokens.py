"""Tokens in arguments, environment and requests: ``{name}`` or ``{name.name}``, from a closed list.

One pass: what a token stands for is never read again.  ``{{name}}`` gives ``{name}``; every other brace is literal, so
awk programs and JSON pass unharmed.  No template engine, on purpose (RELIABILITY B2).

``{name}`` with a name that nothing has is a mistake, unless the text is written in a language of its own: then braces
are that language's, and stay.
"""

import re
from collections.abc import Callable, Iterator
from functools import lru_cache

_TOKEN = re.compile(
    r"\{\{(?P<literal>[A-Za-z_][A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]+)*)\}\}"
    r"|\{(?P<name>[A-Za-z_][A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]+)*)\}"
)

BUILT_IN_TOKENS = frozenset(
    {
        "run.uid",
        "run.scheduledFor",
        "run.attempt",
        "run.trigger",
        "job.id",
        "job.name",
        "commit",
        "target",
        "device.uid",
        "device.hostname",
        "device.site",
        "KeeperApiBaseUrl",
    }
)
"""Known in every job, beside its parameters, ``event.*`` and ``tasks.ID.outputs.NAME``."""


_MARKS = frozenset("$%#@\\")
"""As in ``${HOME}`` of shells, ``%{http_code}`` of curl and rpm, ``#{x}`` of Ruby, ``@{u}`` of Git."""

_LANGUAGES = frozenset(
    {
        *("awk", "gawk", "mawk", "nawk", "sed", "jq", "yq", "xq", "perl", "python", "ruby", "node", "php", "lua"),
        *("sh", "bash", "dash", "zsh", "ksh", "fish", "pwsh", "powershell", "psql", "mysql", "mongosh", "osascript"),
    }
)
_VERSION = re.compile(r"[0-9.]*(?:\.exe)?\Z", re.IGNORECASE)


@lru_cache(maxsize=1024)
def takes_programs(program: str) -> bool:
    """Return whether the arguments of ``program`` may be written in a language with braces of its own."""
    name = program.replace("\\", "/").rstrip("/").rpartition("/")[2]
    return _VERSION.sub("", name).lower() in _LANGUAGES


def find_doubtful(text: str) -> Iterator[tuple[str, bool]]:
    """Yield the names of the tokens in ``text``, and whether what stands before makes each another language's."""
    for match in _TOKEN.finditer(text):
        if match["name"]:
            yield match["name"], text[match.start() - 1 : match.start()] in _MARKS


def find_tokens(text: str) -> Iterator[str]:
    """Yield the names of the tokens in ``text``, in order, with repeats."""
    for match in _TOKEN.finditer(text):
        if match["name"]:
            yield match["name"]


def fill_tokens(text: str, value_of: Callable[[str], str]) -> str:
    """Return ``text`` with each token replaced by ``value_of(name)``."""
    return _TOKEN.sub(lambda match: f"{{{match['literal']}}}" if match["literal"] else value_of(match["name"]), text)
