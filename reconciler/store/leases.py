"""Leases: who may act, and by which token the database tells a thawed process that its time is over."""

from datetime import datetime, timedelta

from msgspec.structs import replace
from sqlalchemy import bindparam, select, update

from reconciler.store.part import Part
from reconciler.store.records import Lease
from reconciler.store.rows import lease_of, lease_row
from reconciler.store.schema import leases

_LEASE = select(leases).where(leases.c.name == bindparam("of_name")).with_for_update()
_RELEASE = (
    update(leases)
    .where(leases.c.name == bindparam("of_name"), leases.c.token == bindparam("of_token"))
    .values(owner="")
)

_BELIEVABLE = timedelta(hours=1)


class Leases(Part):
    def acquire_lease(self, name: str, *, owner: str, now: datetime, until: datetime) -> Lease | None:
        """Take or prolong the lease ``name``; None while another owner holds it and it is not over.

        The same owner keeps its token as long as the lease is not over; whoever takes it next gets a higher one.
        A lease that ends in the far future (more than an hour, and later than ``until``) was written while the clock
        was ahead, and is not waited for: its holder finds its token gone.
        """
        with self._db.write(fenced=False) as tx:
            row = tx.row(_LEASE, of_name=name)
            held = None if row is None else lease_of(row)
            if held is None:
                lease = Lease(name=name, owner=owner, token=1, acquired_at=now, until=until)
            elif not held.owner or held.until <= now or held.until > max(until, now + _BELIEVABLE):
                lease = Lease(name=name, owner=owner, token=held.token + 1, acquired_at=now, until=until)
            elif held.owner == owner:
                lease = replace(held, until=until)
            else:
                return None
            tx.upsert(leases, [lease_row(lease)])
            return lease

    def lease(self, name: str) -> Lease | None:
        """Return the lease as it stands, also one whose time is over; None when it was never taken, or released."""
        with self._db.read() as tx:
            row = tx.row(_LEASE, of_name=name)
        return lease_of(row) if row is not None and row.owner else None

    def release_lease(self, lease: Lease) -> None:
        """Give ``lease`` back; without effect when another has taken it over since."""
        with self._db.write(fenced=False) as tx:
            tx.run(_RELEASE, of_name=lease.name, of_token=lease.token)

    @property
    def acting_under(self) -> Lease | None:
        """The lease under which this store writes, as ``act_under`` set it."""
        return self._db.fenced_by

    def act_under(self, lease: Lease | None) -> None:
        """From now on every write of this store first sees, in its own transaction, that ``lease`` still holds.

        Where it was taken over, the write raises LeaseLost and does nothing. None lifts the rule.
        """
        self._db.fence(lease)
