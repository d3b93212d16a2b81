"""The canonical order of fields: as the schemas list them."""

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from msgspec import Struct

from reconciler.definitions.schemas import schema_of
from reconciler.model.forms import Kind


class Shape(Struct, frozen=True):
    """How a value is laid out: ``fields`` in their order with their shapes, or the shape of each item of a list.

    Without fields the names are the author's own, and so is their order.
    """

    fields: Mapping[str, "Shape"] = {}
    item: "Shape | None" = None

    def sort(self, names: Iterable[str]) -> list[str]:
        """Return ``names`` in order; those that nobody knows come last, as they were."""
        ranks = {name: rank for rank, name in enumerate(self.fields)}
        folded = {name.casefold(): rank for name, rank in reversed(ranks.items())}
        last = len(ranks)
        return sorted(names, key=lambda name: ranks.get(name, folded.get(name.casefold(), last)))

    def at(self, step: str | int) -> "Shape":
        """Return the shape of the value in it."""
        if isinstance(step, int):
            return self.item or ANY
        return self.fields.get(step, ANY)


ANY = Shape()


@cache
def shape_of(kind: Kind) -> Shape:
    """Return the shape of a definition."""
    schema = schema_of(kind.value)
    return _shape(schema, schema["$defs"])


def _shape(schema: Mapping[str, Any], parts: Mapping[str, Any]) -> Shape:
    if "$ref" in schema:
        return _shape(parts[schema["$ref"].rpartition("/")[2]], parts)
    if "properties" in schema:
        return Shape({name: _shape(field, parts) for name, field in schema["properties"].items()})
    if "items" in schema:
        return Shape(item=_shape(schema["items"], parts))
    for choice in schema.get("anyOf", ()):
        shape = _shape(choice, parts)
        if shape != ANY:
            return shape
    return ANY
