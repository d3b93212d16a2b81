"""Looking at the components of targets that keep their own: what only a person can do there."""

from collections.abc import Mapping, Sequence

from reconciler.loop.world import World
from reconciler.model.change import Plan
from reconciler.model.errors import CouldNot
from reconciler.model.live import ComponentState
from reconciler.planning.by_hand import ByHand, UsedComponent, forms_after, manual_steps, used_components
from reconciler.planning.drift import TargetDrift, component_drift
from reconciler.targets.protocol import KeepsComponents


def left_to_a_person(world: World, plan: Plan) -> tuple[ByHand, ...]:
    """Return what a person has to do at each target that keeps components, once ``plan`` is carried out; only reads."""
    found = []
    for name, target in _keepers(world):
        used = used_components(forms_after(world.store.inventory(name), plan, name))
        if used:
            states, unseen = _look(target, used)
            found.append(ByHand(target=name, steps=manual_steps(name, used, states), unseen=unseen))
    return tuple(found)


def drifted_components(world: World) -> tuple[TargetDrift, ...]:
    """Return how the components that applied jobs run differ from how they were applied; only reads."""
    found = []
    for name, target in _keepers(world):
        applied = world.store.inventory(name)
        used = used_components(item.form for item in applied)
        if used:
            states, unseen = _look(target, used)
            found.append(component_drift(name, applied, manual_steps(name, used, states), len(used), unseen=unseen))
    return tuple(found)


def _keepers(world: World) -> list[tuple[str, KeepsComponents]]:
    return [(name, target) for name, target in sorted(world.targets.items()) if isinstance(target, KeepsComponents)]


def _look(target: KeepsComponents, used: Mapping[str, UsedComponent]) -> tuple[Sequence[ComponentState], str]:
    """Return how the target has the components, or why nobody could look: a plan needs no login."""
    try:
        return target.compare([item.form for item in used.values()]), ""
    except CouldNot as error:
        return (), str(error)
