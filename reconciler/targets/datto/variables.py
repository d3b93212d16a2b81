"""Variables of an account and of its sites as the file of a target declares them: pure, and checked at validation.

``variables`` of the target are the account's; ``settings.variables`` lists those of sites, and of the account where
more is to be said of one than its value.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from reconciler.definitions.checks.parameters import is_reserved, key_step
from reconciler.definitions.checks.secrets import holds_secret, is_secret_name, secret_finding
from reconciler.definitions.suggest import quote
from reconciler.model.forms import Target, Variable
from reconciler.model.job import Job, value_text
from reconciler.model.problem import Severity
from reconciler.model.provider import Finding
from reconciler.model.secret import SecretRef

NAME_PATTERN = "^[A-Za-z_][A-Za-z0-9_]*$"
"""Scripts get variables by their environment, and on Linux these are the names that a shell can read."""

LONGEST_NAME = 100
LONGEST_VALUE = 32_767
"""What Windows takes as the value of an environment variable."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_AGENTS = "CS_"
"""The agent gives its own facts by names that begin so. Source: Datto "Scripting"."""

_FIELDS = frozenset({"name", "value", "site", "protect"})

VARIABLES_SCHEMA: dict[str, Any] = {
    "type": "array",
    "maxItems": 5000,
    "description": "Variables of the account and, with `site`, of its sites. Every script that runs there gets them.",
    "examples": [
        [
            {"name": "PatchWindow", "value": "22:00-04:00"},
            {"name": "BackupKey", "site": "Acme Corporation", "value": {"secret": "ACME_BACKUP_KEY"}},
        ]
    ],
    "items": {
        "type": "object",
        "properties": {
            "name": {
                "type": "string",
                "minLength": 1,
                "maxLength": LONGEST_NAME,
                "pattern": NAME_PATTERN,
                "patternErrorMessage": "may use A-Z a-z 0-9 _ and must not start with a digit",
                "description": "By this name scripts get it; unique in its place without regard to case.",
                "examples": ["PatchWindow"],
            },
            "value": {
                "description": "Text, a number, true or false; or {secret: NAME}, which is masked in the portal.",
                "examples": ["22:00-04:00", {"secret": "ACME_BACKUP_KEY"}],
                "anyOf": [
                    {"type": ["string", "number", "boolean"], "maxLength": LONGEST_VALUE},
                    {
                        "type": "object",
                        "properties": {"secret": {"type": "string", "minLength": 1, "maxLength": 128}},
                        "required": ["secret"],
                        "unevaluatedProperties": False,
                    },
                ],
            },
            "site": {
                "type": "string",
                "minLength": 1,
                "maxLength": 250,
                "description": "Name or uid of the site that it belongs to; without it, it is the account's.",
                "examples": ["Acme Corporation"],
            },
            "protect": {
                "type": "boolean",
                "default": False,
                "description": "It is not deleted while this was applied last.",
                "examples": [True],
            },
        },
        "required": ["name", "value"],
        "unevaluatedProperties": False,
    },
}


def declared_variables(target: Target) -> tuple[Variable, ...]:
    """Return the variables that ``target`` declares; what is not of the right form has been told, and is left out."""
    return tuple(variable for _, variable in _declared(target))


def _declared(target: Target) -> Iterator[tuple[str, Variable]]:
    """Yield each variable with its JSON path in the file."""
    for name, value in target.variables.items():
        yield f"variables{key_step(name)}", variable_of(name, value)
    listed = target.settings.get("variables")
    for index, item in enumerate(listed if isinstance(listed, list | tuple) else ()):
        if _is_readable(item):
            value, site = _value_of(item["value"]), item.get("site", "")
            variable = variable_of(item["name"], value, site=site, protect=item.get("protect", False))
            yield f"settings.variables[{index}]", variable


def _is_readable(item: Any) -> bool:
    return (
        isinstance(item, Mapping)
        and item.keys() <= _FIELDS
        and isinstance(item.get("name"), str)
        and isinstance(item.get("site", ""), str)
        and isinstance(item.get("protect", False), bool)
        and (isinstance(item.get("value"), str | int | float) or _is_reference(item.get("value")))
    )


def _is_reference(value: Any) -> bool:
    return isinstance(value, Mapping) and value.keys() == {"secret"} and isinstance(value["secret"], str)


def _value_of(value: Any) -> Any:
    return SecretRef(value["secret"]) if isinstance(value, Mapping) else value


def variable_of(
    name: str, value: str | int | float | bool | SecretRef, *, site: str = "", protect: bool = False
) -> Variable:
    """Return a variable of the account, or of ``site``; a reference to a secret makes it a masked one."""
    is_masked = isinstance(value, SecretRef)
    return Variable(
        id=f"site/{site}/{name}" if site else f"account/{name}",
        name=name,
        site=site,
        value=value if isinstance(value, SecretRef) else value_text(value),
        masked=is_masked,
        protect=protect,
    )


def check_variables(target: Target) -> Iterator[Finding]:
    """Yield what is wrong with names and values, and which are declared twice."""
    seen: dict[tuple[str, str], str] = {}
    for path, variable in _declared(target):
        in_list = path.startswith("settings.")
        if not in_list or _NAME.match(variable.name):
            yield from _check_name(variable.name, f"{path}.name" if in_list else path)
        if isinstance(variable.value, str):
            yield from _check_value(variable, f"{path}.value" if in_list else path, in_list=in_list)
        place = (variable.site.casefold(), variable.name.casefold())
        if place in seen:
            where = f"site {quote(variable.site)}" if variable.site else "the account"
            message = f"variable {quote(variable.name)} of {where} is declared twice ({seen[place]}, {path})"
            hint = "Upper and lower case are the same to Windows: keep one." if seen[place] != path else ""
            yield Finding(code="VAL007", json_path=path, message=message, hint=hint)
        seen.setdefault(place, path)


def _check_name(name: str, path: str) -> Iterator[Finding]:
    if not _NAME.match(name):
        message = f"variable {quote(name)}: a name may use A-Z a-z 0-9 _ and must not start with a digit"
        yield Finding(code="KEY008", json_path=path, message=message)
    elif len(name) > LONGEST_NAME:
        message = f"the name of variable {quote(name)} is longer than {LONGEST_NAME} characters"
        yield Finding(code="VAL005", json_path=path, message=message)
    elif name.upper().startswith(_AGENTS):
        hint = "Take another name."
        message = f"variable {quote(name)}: names that begin with {_AGENTS} are the agent's own"
        yield Finding(code="KEY008", json_path=path, message=message, hint=hint)
    elif is_reserved(name.upper()):
        message = f"variable {quote(name)} would change which programs scripts run, or how"
        yield Finding(code="KEY008", json_path=path, message=message, hint="Take another name.")


def _check_value(variable: Variable, path: str, *, in_list: bool) -> Iterator[Finding]:
    assert isinstance(variable.value, str)
    if "\0" in variable.value:
        message = f"the value of variable {quote(variable.name)} holds a character that no environment can: NUL"
        yield Finding(code="VAL003", json_path=path, message=message)
    if len(variable.value) > LONGEST_VALUE and not in_list:
        message = f"the value of variable {quote(variable.name)} is longer than {LONGEST_VALUE:,} characters"
        yield Finding(code="VAL005", json_path=path, message=message)
    # Those of `variables` are looked at in every target.
    is_secret = (variable.value and is_secret_name(variable.name)) or holds_secret(variable.value)
    if in_list and is_secret:
        yield secret_finding(path)


def check_hidden(job: Job, target: Target) -> Iterator[Finding]:
    """Yield a warning for each variable that an input of the job's component hides: also an empty one does.

    Source: huntresslabs/deployment-scripts, pull request 120.
    """
    if not job.parameters:
        return
    declared: dict[str, list[Variable]] = {}
    for variable in declared_variables(target):
        declared.setdefault(variable.name.casefold(), []).append(variable)
    for parameter in job.parameters:
        for variable in declared.get(parameter.name.casefold(), ()):
            where = f"site {quote(variable.site)}" if variable.site else "the account"
            yield Finding(
                code="TGT006",
                json_path="component" if job.component is not None else "parameters",
                message=f"target {target.id}: input {quote(parameter.name)} hides variable {quote(variable.name)} of "
                f"{where}, even when it is empty",
                hint="Give one of them another name.",
                severity=Severity.WARNING,
            )
