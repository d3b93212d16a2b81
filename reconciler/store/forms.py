"""Forms by their digest: each is stored once, however many objects and runs share it."""

from collections.abc import Iterable

from sqlalchemy import bindparam, select

from reconciler.model.forms import Form, Kind, decode_form
from reconciler.store.database import Database, Transaction
from reconciler.store.part import Part
from reconciler.store.schema import forms

FormKey = tuple[Kind, str]
"""The kind of a form and its digest."""

_KEPT = 10_000

_FORMS = select(forms.c.kind, forms.c.digest, forms.c.data).where(forms.c.digest.in_(bindparam("keys", expanding=True)))


class Forms(Part):
    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._kept: dict[FormKey, Form] = {}

    def form(self, kind: Kind, digest: str) -> Form | None:
        """Return the form with this digest if it was ever applied: runs keep the form they were made from."""
        with self._db.read() as tx:
            return self._forms(tx, [(kind, digest)]).get((kind, digest))

    def _forms(self, tx: Transaction, wanted: Iterable[FormKey]) -> dict[FormKey, Form]:
        """Return the forms asked for.  A form never changes under its digest, so some decoded ones are kept."""
        keys = set(wanted)
        found = {key: self._kept[key] for key in keys if key in self._kept}
        for row in tx.rows_in(_FORMS, (digest for _, digest in keys - found.keys())):
            kind = Kind(row.kind)
            found[kind, row.digest] = decode_form(kind, row.data)
        self._keep(found)
        return found

    def _keep(self, found: dict[FormKey, Form]) -> None:
        # A new dict each time: other threads may be reading the old one.
        if len(found) <= _KEPT and not found.keys() <= self._kept.keys():
            rest = self._kept if len(self._kept) + len(found) <= _KEPT else {}
            self._kept = {**rest, **found}
