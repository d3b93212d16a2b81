"""Variables that a target has and no file declares, as the lines by which its file would declare them.

Nothing is written: where they belong in that file, and what else it says, is its owner's. The next apply adopts them.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from reconciler.definitions.targets import TargetChecks
from reconciler.loop.desired import CommitState
from reconciler.loop.world import World
from reconciler.model.forms import Kind, Target, Variable
from reconciler.targets.protocol import KeepsVariables
from reconciler.targets.registry import provider_rules

_SECRET = "SEC001"  # noqa: S105 - a code
_LONGEST = 127
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_]+")


class VariableImport(Struct, frozen=True, kw_only=True):
    """A variable to be declared by ``entry``; ``secret`` names the one that has to be given its value, if so."""

    variable: Variable
    entry: Mapping[str, Any]
    secret: str = ""


class ImportedVariables(Struct, frozen=True, kw_only=True):
    """``path`` is the file of the target. ``refused`` says by id why some cannot be declared, ``left`` why others need
    not be.  Not ``is_complete``: there may be more.
    """

    target: str
    path: str
    items: tuple[VariableImport, ...] = ()
    refused: Mapping[str, str] = {}
    left: Mapping[str, str] = {}
    is_complete: bool = True

    def lines(self) -> Iterator[str]:
        """Yield what to add to the file, as YAML."""
        yield from ("settings:", "  variables:")
        for item in self.items:
            fields = ", ".join(f"{name}: {_yaml(value)}" for name, value in item.entry.items())
            yield f"    - {{{fields}}}"


def _yaml(value: Any) -> str:
    if isinstance(value, Mapping):
        return f"{{secret: {value['secret']}}}"
    return msgspec.json.encode(value).decode()


def import_variables(world: World, source: CommitState, name: str) -> ImportedVariables:
    """Return the variables that the target ``name`` has and ``source`` does not declare; reads only."""
    target = world.targets[name]
    assert isinstance(target, KeepsVariables)
    declared = source.loaded.desired.targets[name]
    checks = TargetChecks(provider_rules())
    left = {id_: "it is declared already" for of, id_ in sorted(source.loaded.desired.variables) if of == name}
    for item in world.store.applied_of(name, Kind.VARIABLE):
        left.setdefault(item.id, "it was made from here, and is no longer declared")
    state = target.read_all_variables()
    items: list[VariableImport] = []
    refused = {id_: why for (_, id_), why in sorted(state.foreign.items()) if id_ not in left}
    for (_, id_), live in sorted(state.objects.items()):
        assert isinstance(live.form, Variable)
        if id_ in left:
            continue
        found = _item(live.form, declared.form, checks)
        if wrong := next(_findings(found, declared.form, checks), None):
            refused[id_] = wrong[1]
        else:
            items.append(found)
    return ImportedVariables(
        target=name,
        path=declared.path,
        items=tuple(items),
        refused=refused,
        left=left,
        is_complete=state.complete,
    )


def _item(variable: Variable, target: Target, checks: TargetChecks) -> VariableImport:
    """Return the entry: by a secret where it is masked, or by its name or shape should be."""
    place = {"site": variable.site} if variable.site else {}
    plain = VariableImport(variable=variable, entry={"name": variable.name, **place, "value": variable.value})
    if not variable.masked and not any(code == _SECRET for code, _ in _findings(plain, target, checks)):
        return plain
    words = (target.id, variable.site, variable.name)
    secret = _NOT_IN_NAMES.sub("_", "_".join(word for word in words if word)).upper()[:_LONGEST]
    secret = f"_{secret}" if secret[0].isdigit() else secret
    return VariableImport(variable=variable, entry={**plain.entry, "value": {"secret": secret}}, secret=secret)


def _findings(item: VariableImport, target: Target, checks: TargetChecks) -> Iterator[tuple[str, str]]:
    """Yield code and message of what is wrong with the entry by itself."""
    alone = replace(target, variables={}, settings={**target.settings, "variables": [dict(item.entry)]})
    yield from ((finding.code, finding.message) for finding in checks.check_contents(alone))
    if not checks.accepts_settings(alone):
        yield "", f"its name or its value cannot be declared; see: reconciler schema {target.provider}"
