"""Variables that targets keep: looked at before a plan, with what the secrets of masked ones stand for now."""

from collections.abc import Mapping
from functools import cache

from reconciler.loop.world import World
from reconciler.model.desired import Declared
from reconciler.model.errors import CouldNot
from reconciler.model.forms import Kind, Variable
from reconciler.model.secret import Secret, SecretRef, fingerprint_of
from reconciler.planning.surroundings import Place, SecretPrint, TargetView
from reconciler.store.store import Store
from reconciler.targets.protocol import KeepsVariables, LiveTarget

Variables = Mapping[tuple[str, str], Declared[Variable]]
"""As they are declared, by target and id."""


def read_variables(world: World, declared: Variables) -> tuple[dict[str, TargetView], dict[tuple[str, Kind], str]]:
    """Return what targets have where ours are declared or applied, and why some do not tell; only reads."""
    views: dict[str, TargetView] = {}
    silent: dict[tuple[str, Kind], str] = {}
    for name, target in sorted(world.targets.items()):
        if not isinstance(target, KeepsVariables):
            continue
        ids = {id_ for of_target, id_ in declared if of_target == name}
        ids |= {item.id for item in world.store.applied_of(name, Kind.VARIABLE)}
        if not ids:
            continue  # who declares none asks for none, and may lack the right to
        try:
            state = target.read_variables(ids)
        except CouldNot as error:
            silent[name, Kind.VARIABLE] = str(error)
        else:
            kinds = frozenset({Kind.VARIABLE})
            views[name] = TargetView(state=state, normalise=target.normalise, kinds=kinds)
    return views, silent


def read_secrets(world: World, declared: Variables) -> dict[Place, SecretPrint]:
    """Return a fingerprint of what each masked variable is to have; never the value."""

    @cache  # a secret may come from a command, and be that of many variables
    def value_of(secret: str, target: str) -> Secret | str:
        try:
            return world.driver.secrets.for_target(secret, target)
        except CouldNot as error:
            return str(error)

    prints = {}
    for (target, id_), item in declared.items():
        if isinstance(item.form.value, SecretRef):
            value = value_of(item.form.value.secret, target)
            prints[target, Kind.VARIABLE, id_] = (
                SecretPrint(unknown=value)
                if isinstance(value, str)
                else SecretPrint(fingerprint_of(value, world.store.fingerprint_key, of=f"{target}/{id_}"))
            )
    return prints


def keeps_variables(world: World) -> bool:
    """Return whether any of ours are at a target, where somebody may change them."""
    return any(has_variables(world.store, target) for target in world.targets.values())


def has_variables(store: Store, target: LiveTarget) -> bool:
    return isinstance(target, KeepsVariables) and bool(store.applied_of(target.name, Kind.VARIABLE))
