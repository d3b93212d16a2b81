"""Leases: who may act, and by which token the database tells a thawed process that its time is over."""

from datetime import datetime

from sqlalchemy import bindparam, select, update

from reconciler.store.part import Part
from reconciler.store.records import Lease
from reconciler.store.schema import leases

_LEASE = select(leases).where(leases.c.name == bindparam("lease_name"))
_RELEASE = (
    update(leases)
    .where(leases.c.name == bindparam("lease_name"), leases.c.token == bindparam("lease_token"))
    .values(owner="")
)


class Leases(Part):
    def acquire_lease(self, name: str, *, owner: str, now: datetime, until: datetime) -> Lease | None:
        """Take or prolong the lease ``name``; None while another owner holds it and it is not over.

        The same owner keeps its token as long as the lease is not over; whoever takes it next gets a higher one.
        """
        with self._db.write(fenced=False) as connection:
            held = connection.execute(_LEASE.with_for_update(), {"lease_name": name}).one_or_none()
            is_running = held is not None and held.owner != "" and held.until > now
            if held is not None and is_running and held.owner != owner:
                return None
            token = 1 if held is None else held.token if is_running else held.token + 1
            acquired_at = held.acquired_at if held is not None and is_running else now
            lease = Lease(name=name, owner=owner, token=token, acquired_at=acquired_at, until=until)
            row = {"name": name, "owner": owner, "token": token, "acquired_at": acquired_at, "until": until}
            connection.execute(self._db.upsert(leases), row)
            return lease

    def lease(self, name: str) -> Lease | None:
        """Return the lease as it stands, also one whose time is over; None when it was never taken, or released."""
        with self._db.read() as connection:
            row = connection.execute(_LEASE, {"lease_name": name}).one_or_none()
        return None if row is None or not row.owner else Lease(**row._mapping)

    def release_lease(self, lease: Lease) -> None:
        """Give ``lease`` back; without effect when another has taken it over since."""
        with self._db.write(fenced=False) as connection:
            connection.execute(_RELEASE, {"lease_name": lease.name, "lease_token": lease.token})

    def act_under(self, lease: Lease | None) -> None:
        """From now on every write of this store first sees, in its own transaction, that ``lease`` still holds.

        Where it was taken over, the write raises LeaseLost and does nothing. None lifts the rule.
        """
        self._db.fence(lease)
