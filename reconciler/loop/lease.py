"""Only one process applies, and one serves, at a time: the store's lease decides, whoever they are."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from reconciler.loop.owner import is_gone, show_owner
from reconciler.loop.world import World
from reconciler.model.errors import CouldNot
from reconciler.store.records import Lease

APPLY = "apply"
SERVE = "serve"
APPLY_TIME = timedelta(minutes=10)


@contextmanager
def applying(world: World) -> Iterator[None]:
    """Hold the right to apply. Raises CouldNot when another process has it, naming the process and since when."""
    lease = take_lease(world, APPLY, length=APPLY_TIME)
    try:
        yield
    finally:
        world.store.release_lease(lease)


def take_lease(world: World, name: str, *, length: timedelta) -> Lease:
    """Take or prolong a lease for this process. Raises CouldNot while a living process holds it."""
    now = world.clock()
    lease = world.store.acquire_lease(name, owner=world.owner, now=now, until=now + length)
    holder = world.store.lease(name) if lease is None else None
    if holder is not None and is_gone(holder.owner, host=world.host):
        # It was killed before it could give the lease back: nobody acts under it any more.
        world.store.release_lease(holder)
        lease = world.store.acquire_lease(name, owner=world.owner, now=now, until=now + length)
    if lease is not None:
        return lease
    by = f"{show_owner(holder.owner)} since {holder.acquired_at:%Y-%m-%d %H:%M:%S} UTC" if holder else "another process"
    if name == SERVE:
        raise CouldNot(f"{by} serves this state already", hint="Stop that process first; one is enough.")
    raise CouldNot(f"an apply is in progress by {by}", hint="Try again when it has ended.")
