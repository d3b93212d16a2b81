"""Only one process applies at a time: the store's lease decides, whoever they are."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from reconciler.loop.world import World
from reconciler.model.errors import CouldNot

APPLY = "apply"
LEASE = timedelta(minutes=10)


@contextmanager
def applying(world: World) -> Iterator[None]:
    """Hold the right to apply. Raises CouldNot when another process has it, naming the process and its age."""
    now = world.clock()
    lease = world.store.acquire_lease(APPLY, owner=world.owner, now=now, until=now + LEASE)
    if lease is None:
        holder = world.store.lease(APPLY)
        by = f"{holder.owner} since {holder.acquired_at:%Y-%m-%d %H:%M:%S} UTC" if holder else "another process"
        raise CouldNot(f"an apply is in progress by {by}", hint="Try again when it has ended.")
    try:
        yield
    finally:
        world.store.release_lease(lease)
