"""New zone data: fire times to come are worked out again, those that passed are left alone."""

from msgspec.structs import replace

from reconciler.loop.world import World
from reconciler.model.forms import Kind
from reconciler.model.inventory import ScheduleState
from reconciler.model.job import Job
from reconciler.schedule.times import next_fire
from reconciler.schedule.zones import UnknownZone, tzdata_version

NOTE = "tzdata"


def refresh_zones(world: World) -> int:
    """Work out the next fire times anew when the zone data are not those of the last time; return how many moved."""
    version = tzdata_version()
    if world.store.recall(NOTE) == version:
        return 0
    forms = {(item.target, item.root_id): item.form for item in world.store.inventory() if item.kind is Kind.JOB}
    moved = [
        after
        for state in world.store.schedules()
        if (after := _refreshed(world, state, forms.get((state.target, state.root_id)))) != state
    ]
    world.store.save_schedules(moved)
    world.store.remember(NOTE, version)
    return len(moved)


def _refreshed(world: World, state: ScheduleState, form: object) -> ScheduleState:
    if not isinstance(form, Job) or form.schedule is None or not form.enabled:
        return state
    try:
        return replace(state, next_at=next_fire(form.schedule, after=state.cursor_at, anchor=state.anchor_at))
    except UnknownZone as error:
        world.tell(f"{form.id} is held: {error.message}")
        return replace(state, next_at=None)
