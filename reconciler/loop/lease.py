"""Only one process applies, and one serves, at a time: the store's lease decides, whoever they are."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

from reconciler.loop.owner import is_gone, show_owner
from reconciler.loop.world import World
from reconciler.model.errors import CouldNot, StalePlan
from reconciler.store.records import Lease

APPLY = "apply"
SERVE = "serve"
APPLY_TIME = timedelta(minutes=10)


@contextmanager
def applying(world: World) -> Iterator[Callable[[], None]]:
    """Hold the right to apply. Raises CouldNot when another process has it, naming the process and since when.

    What is yielded prolongs it, and is called before each write to a target: it raises StalePlan where another apply
    came between, as after a long standstill of this process.  Nothing is recorded then either: LeaseLost.
    """
    lease = take_lease(world, APPLY, length=APPLY_TIME)
    is_fenced = world.store.acting_under is not None  # as in serve, where only one acts anyway
    if not is_fenced:
        world.store.act_under(lease)

    def keep() -> None:
        nonlocal lease
        if lease.until - world.clock() > APPLY_TIME / 2:
            return
        prolonged = take_lease(world, APPLY, length=APPLY_TIME)
        is_same, lease = prolonged.token == lease.token, prolonged
        if not is_same:
            raise StalePlan(
                "another apply may have come between while this one stood still; it goes no further",
                hint="What it did is recorded.  Go on with: reconciler apply",
            )

    try:
        yield keep
    finally:
        if not is_fenced:
            world.store.act_under(None)
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
    by = "another process"
    if holder is not None:
        age = max(now - holder.acquired_at, timedelta())
        by = f"{show_owner(holder.owner)} since {holder.acquired_at:%Y-%m-%d %H:%M:%S} UTC ({_age_words(age)})"
    if name == SERVE:
        raise CouldNot(f"{by} serves this state already", hint="Stop that process first; one is enough.")
    raise CouldNot(f"an apply is in progress by {by}", hint="Try again when it has ended.")


def _age_words(age: timedelta) -> str:
    seconds = int(age.total_seconds())
    if seconds < 60:
        return f"for {seconds} s"
    return f"for {seconds // 60} min" if seconds < 3600 else f"for {seconds // 3600} h"
