"""A definition file from a form: YAML as people write it, in canonical order."""

from typing import Any

import msgspec

from reconciler.definitions.document import Unreadable
from reconciler.definitions.fmt import format_definition
from reconciler.definitions.source import refuse_hidden
from reconciler.model.forms import Form, Kind


def definition_text(kind: Kind, form: Form) -> bytes:
    """Return the content of a file that declares ``form``, without what only says a default."""
    value = msgspec.to_builtins(form)
    text = _dump(value, allow_unicode=True)
    try:
        refuse_hidden(text)
    except Unreadable:
        text = _dump(value, allow_unicode=False)  # what cannot be seen is written as an escape
    return format_definition(kind, text.encode(), is_json=False).encode()


def _dump(value: Any, *, allow_unicode: bool) -> str:
    import yaml  # noqa: PLC0415 - only who writes definitions needs it

    class Dumper(yaml.SafeDumper):
        """Shows lines of text as lines, and shares no value by an anchor, which our reader refuses."""

        def ignore_aliases(self, data: Any) -> bool:
            return True

    def represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.Node:
        return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)

    Dumper.add_representer(str, represent_text)
    text: str = yaml.dump(value, Dumper=Dumper, sort_keys=False, allow_unicode=allow_unicode, width=1 << 20)
    return text
