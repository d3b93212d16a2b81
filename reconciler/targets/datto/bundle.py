"""A component as a package for import by hand: a `.cpt`, a ZIP of `command.bat` and `resource.xml`.

The same definition gives the same bytes, on any machine. Source: published packages of other projects; the portal
rejects a byte order mark.
"""

import io
import zipfile
from xml.sax.saxutils import escape

from reconciler.model.forms import Component, digest_form
from reconciler.model.job import Parameter, ScriptType, value_text
from reconciler.model.secret import SecretRef

_EPOCH = (1980, 1, 1, 0, 0, 0)
_INSTALL_TYPES = {
    ScriptType.POWERSHELL: "powershell",
    ScriptType.BASH: "unix",
    ScriptType.BATCH: "batch",
    ScriptType.PYTHON: "python",
}
MARK = "reconciler:"
DEFAULT_SECONDS = 3600


def fingerprint(component: Component) -> str:
    """Return the mark that the description of a component carries: its script cannot be read back by the API."""
    return f"[{MARK}{digest_form(component)[:12]}]"


def marked_description(component: Component) -> str:
    return f"{component.description}\n{fingerprint(component)}".strip()


def build_bundle(component: Component) -> bytes:
    """Return the package of a component that has a script."""
    assert component.script is not None
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_STORED) as archive:
        for name, text in (("command.bat", component.script), ("resource.xml", _resource(component))):
            entry = zipfile.ZipInfo(name, date_time=_EPOCH)
            entry.create_system = 3
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, text.encode())
    return made.getvalue()


def _resource(component: Component) -> str:
    general = {
        "name": component.name or component.id,
        "category": "scripts",
        "description": marked_description(component),
        **({"uid": component.uid} if component.uid else {}),
        "version": "1",
        "timeout": str(component.timeout_seconds or DEFAULT_SECONDS),
        "installType": _install_type(component),
    }
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', '<component info="CentraStage Component">', "  <general>"]
    lines += [f"    <{name}>{_text(value)}</{name}>" for name, value in general.items()]
    lines.append("  </general>")
    for index, variable in enumerate(component.variables):
        lines += [f'  <variable idx="{index}">', *_variable(variable), "  </variable>"]
    return "\n".join([*lines, "</component>", ""])


def _variable(variable: Parameter) -> list[str]:
    fields = {
        "name": variable.name,
        "type": live_type(variable),
        "direction": "false",
        "description": variable.description,
        "defaultVal": live_default(variable),
    }
    return [f"    <{name}>{_text(value)}</{name}>" for name, value in fields.items()]


def live_type(variable: Parameter) -> str:
    """Return the account's own word for the type of a variable: numbers are texts there."""
    if variable.choices:
        return "selection"
    return "boolean" if variable.type.value == "boolean" else "string"


def live_default(variable: Parameter) -> str:
    """Return a default as the account has it; of a secret there is none."""
    return "" if variable.default is None or isinstance(variable.default, SecretRef) else value_text(variable.default)


def _install_type(component: Component) -> str:
    if component.script_type is not ScriptType.AUTO:
        return _INSTALL_TYPES[component.script_type]
    script = component.script or ""
    if script.startswith("#!"):
        return "python" if "python" in script.partition("\n")[0] else "unix"
    return "powershell" if component.os_type.casefold() in {"", "windows"} else "unix"


def _text(value: str) -> str:
    """Return text for XML, without the characters that it cannot hold."""
    return escape("".join(char for char in value if char in "\n\t" or char >= " "))
