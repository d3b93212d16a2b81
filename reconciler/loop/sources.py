"""Events that targets know of: they are asked where an applied job waits for such."""

from reconciler.loop.world import World
from reconciler.model.errors import TargetRefused, TargetUnavailable, UsageError
from reconciler.model.event import Event, check_event
from reconciler.targets.protocol import EventSource


def poll_sources(world: World) -> int:
    """Take what the targets have to tell, and return how many events are new.

    The events and the place up to which a target was read are written together: none is lost, and one that is told
    again is known.
    """
    new = 0
    for name, target in world.targets.items():
        if not isinstance(target, EventSource) or not world.store.awaited_types(target.event_types):
            continue
        note = f"events:{name}"
        try:
            events, cursor = target.events(world.store.recall(note))
        except TargetUnavailable:
            continue  # asked again at the next turn
        except TargetRefused as error:
            world.tell(f"{name}: its events cannot be read: {error}")
            continue
        readable = [event for event in events if _is_taken(world, event)]
        with world.store.transaction():
            new += world.store.add_events(readable)
            world.store.remember(note, cursor)
    return new


def _is_taken(world: World, event: Event) -> bool:
    try:
        check_event(event)
    except UsageError as error:
        world.tell(f"event {event.type} of {event.source} is not taken: {error}")
        return False
    return True
