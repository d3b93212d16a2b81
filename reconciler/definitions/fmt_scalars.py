"""Quotes as the formatter writes them: none where no reader of YAML could take the text for anything else."""

import re

_PLAIN = re.compile(r"[A-Za-z_/][A-Za-z0-9_./+@-]*(?: [A-Za-z0-9_./+@-]+)*\Z")
# Words that YAML 1.1 reads as true, false or null.
_WORDS = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})
_DATE = re.compile(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:[Tt \t].*)?\Z")


def quote_scalar(source: str, value: str) -> str:
    """Return how ``value`` is written, that stands on one line as ``source``; both mean the same."""
    if _PLAIN.match(value) and value.lower() not in _WORDS:
        return value
    if source[:1] not in {"'", '"'}:
        # Our reader has taken it for text; others may not.
        return f'"{value}"' if value.lower() in _WORDS or _DATE.match(value) else source
    if source[0] == '"' and "\\" in source:
        return source
    if '"' in value or "\\" in value:
        return "'" + value.replace("'", "''") + "'"
    return f'"{value}"'
