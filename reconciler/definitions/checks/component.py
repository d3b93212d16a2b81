"""What is wrong or odd in a component by itself."""

from collections.abc import Iterator

from reconciler.definitions.checks.characters import check_value_characters
from reconciler.definitions.checks.parameters import check_declared
from reconciler.definitions.checks.scripts import check_script_path
from reconciler.definitions.checks.secrets import check_text, is_secret_name, secret_finding
from reconciler.model.forms import Component
from reconciler.model.provider import Finding


def check_component(component: Component, damaged: frozenset[str]) -> Iterator[Finding]:
    is_damaged = "variables" in damaged
    yield from check_declared(component.variables, "variables", text_is_read=True, damaged=is_damaged)
    for index, variable in enumerate(component.variables):
        yield from check_value_characters({"defaultValue": variable.default}, f"variables[{index}]")
        if isinstance(variable.default, str) and variable.default and is_secret_name(variable.name):
            yield secret_finding(f"variables[{index}].default")
    if component.script is not None and component.script_file is not None:
        message = "both script and scriptFile; keep one"
        yield Finding(code="TASK003", json_path="scriptFile", message=message)
    if component.script is not None:
        yield from check_text(component.script, "script")
        yield from check_value_characters({"script": component.script}, "")
    if component.script_file is not None:
        yield from check_script_path(component.script_file, "scriptFile")
    if not (component.script or component.script_file or component.uid or component.name or damaged):
        message = "the component has neither script nor scriptFile, and no uid or name by which a target may know it"
        yield Finding(code="TASK002", json_path="", message=message)
