"""Small facts that one process leaves for the next, by name."""

from sqlalchemy import bindparam, select

from reconciler.store.part import Part
from reconciler.store.schema import meta

_VALUE = select(meta.c.value).where(meta.c.key == bindparam("of_key"))
_PREFIX = "note:"


class Notes(Part):
    def recall(self, name: str) -> str:
        """Return what was remembered under ``name``, or nothing."""
        with self._db.read() as tx:
            row = tx.row(_VALUE, of_key=_PREFIX + name)
            return str(row.value) if row is not None else ""

    def remember(self, name: str, value: str) -> None:
        with self._db.write() as tx:
            tx.upsert(meta, [{"key": _PREFIX + name, "value": value}], "key")
