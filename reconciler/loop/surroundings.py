"""Look around before planning: what targets hold, which jobs are paused, what an apply before this one left undone."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from reconciler.loop.journal import begun_forms
from reconciler.loop.variables import read_secrets, read_variables
from reconciler.loop.world import World
from reconciler.model.desired import DesiredState
from reconciler.model.errors import CouldNot
from reconciler.model.settings import Settings
from reconciler.planning.surroundings import Surroundings, TargetView
from reconciler.targets.protocol import LiveTarget

NOTHING = DesiredState()
REMOTE_GRACE = timedelta(hours=24)
"""Where a target holds jobs itself, a removed one is history and all gone: a day to notice."""


def look_around(world: World, *, now: datetime, desired: DesiredState = NOTHING) -> Surroundings:
    """Return what the next plan of ``desired`` is made against; reads what targets hold, writes nothing."""
    live, unavailable = _read_targets(world.targets)
    views, silent = read_variables(world, desired.variables)
    live |= views
    return Surroundings(
        live=live,
        unavailable=unavailable,
        silent=silent,
        secrets=read_secrets(world, desired.variables),
        holds={root_id: hold for root_id, hold in world.store.holds().items() if hold.covers(now)},
        begun={place: forms for target in live for place, forms in begun_forms(world, target).items()},
        graces={
            name: world.graces.get(name, default_grace(world.settings, target.capabilities.holds_schedules))
            for name, target in world.targets.items()
        },
        now=now,
        configured=frozenset(world.targets),
    )


def default_grace(settings: Settings, holds_schedules: bool) -> timedelta:
    """Return how long a job that is no longer declared stays, disabled, on a target that says nothing of it."""
    if settings.prune.grace_hours is not None:
        return timedelta(hours=settings.prune.grace_hours)
    return REMOTE_GRACE if holds_schedules else timedelta()


def _read_targets(targets: Mapping[str, LiveTarget]) -> tuple[dict[str, TargetView], dict[str, str]]:
    views: dict[str, TargetView] = {}
    unavailable: dict[str, str] = {}
    for name, target in sorted(targets.items()):
        if not target.capabilities.holds_schedules:
            continue
        try:
            views[name] = TargetView(state=target.read(), normalise=target.normalise)
        except CouldNot as error:
            unavailable[name] = str(error)  # the others go on; its changes wait, and are shown as waiting
    return views, unavailable
