"""All codes of problems by name: what `explain CODE` tells, and what the reference page is made of."""

from collections.abc import Mapping
from functools import cache

from reconciler.definitions.catalogue import fields, files, identity, jobs, schedules, syntax
from reconciler.definitions.catalogue.entry import Code, Example
from reconciler.definitions.suggest import did_you_mean, quote
from reconciler.model.errors import UsageError

__all__ = ["Code", "Example", "all_codes", "code_of"]


@cache
def all_codes() -> Mapping[str, Code]:
    """Return every code that a problem can have, by name, in order."""
    entries = [entry for module in (fields, files, identity, jobs, schedules, syntax) for entry in module.CODES]
    return {entry.code: entry for entry in sorted(entries, key=lambda entry: entry.code)}


def code_of(name: str) -> Code:
    """Return the code of this name, in any case. Raises UsageError."""
    codes = all_codes()
    entry = codes.get(name.strip().upper())
    if entry is None:
        message = f"no code {quote(name)}{did_you_mean(name.upper(), codes)}"
        raise UsageError(message, hint="A problem's code stands after its place: jobs/a.yaml:3:19: CRON004 ...")
    return entry
