"""Tokens in arguments, environment and requests: ``{name}`` or ``{name.name}``, from a closed list.

One pass: what a token stands for is never read again.  ``{{name}}`` gives ``{name}``; every other brace is literal, so
awk programs and JSON pass unharmed.  No template engine, on purpose (RELIABILITY B2).
"""

import re
from collections.abc import Callable, Iterator

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


def find_tokens(text: str) -> Iterator[str]:
    """Yield the names of the tokens in ``text``, in order, with repeats."""
    for match in _TOKEN.finditer(text):
        if match["name"]:
            yield match["name"]


def fill_tokens(text: str, value_of: Callable[[str], str]) -> str:
    """Return ``text`` with each token replaced by ``value_of(name)``, which raises for a name it does not know."""
    return _TOKEN.sub(lambda match: f"{{{match['literal']}}}" if match["literal"] else value_of(match["name"]), text)
