"""Which variables an account and its sites have: asked for each plan, and kept for the writes that follow it."""

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from reconciler.model.errors import TargetRefused, TargetUnavailable
from reconciler.model.forms import Kind, Variable, digest_form
from reconciler.model.live import LiveObject, LiveState
from reconciler.model.secret import MASK
from reconciler.model.text import escape_text
from reconciler.targets.datto.api import Api
from reconciler.targets.datto.dialect import text_of
from reconciler.targets.datto.sites import SiteFinder
from reconciler.targets.datto.variables import variable_of
from reconciler.targets.rest.client import path_of
from reconciler.targets.rest.errors import Denied, Rejected

KEPT_FOR = timedelta(minutes=2)
"""How long after a look a write needs none of its own."""

_NO_RIGHT = (
    "its variables cannot be listed, so none is planned or written (a key that may only run jobs has no right to see "
    "them)"
)


class LiveVariable(Struct, frozen=True, kw_only=True):
    """A variable that is there; ``number`` is empty where we made it just now: its answer does not tell."""

    name: str
    value: str
    masked: bool
    number: str


class _Listing(Struct, kw_only=True):
    at: datetime
    items: list[LiveVariable]
    complete: bool


class VariableLister:
    """``declared`` are those of the target's file, by id."""

    def __init__(self, api: Api, sites: SiteFinder, *, declared: Sequence[Variable]) -> None:
        self._api = api
        self._sites = sites
        self._declared = {variable.id: variable for variable in declared}
        self._listings: dict[str, _Listing] = {}

    def read(self, ids: Collection[str]) -> LiveState:
        """Return all variables of the account, or of a site, that one of ``ids`` is in.

        Raises TargetRefused where those of the account may not be seen.
        """
        self._sites.forget()
        objects: dict[tuple[Kind, str], LiveObject] = {}
        foreign: dict[tuple[Kind, str], str] = {}
        is_complete = True
        for site in sorted({_site_of(id_) for id_ in ids}):
            here = [id_ for id_ in ids if _site_of(id_) == site]
            try:
                listing = self._look(site)
            except TargetRefused as error:
                if isinstance(error, Denied) and not site:
                    raise Denied(f"{error}; {_NO_RIGHT}") from None
                # One that is applied and no longer declared went with its site.
                lost = here if isinstance(error, Denied | Rejected) else [id_ for id_ in here if id_ in self._declared]
                foreign |= {(Kind.VARIABLE, id_): str(error) for id_ in lost}
                continue
            is_complete = is_complete and listing.complete
            for live in self._live_objects(site, listing, foreign):
                objects[Kind.VARIABLE, live.id] = live
            foreign |= _same_but_for_case(here, listing)
        return LiveState(objects=objects, foreign=foreign, complete=is_complete)

    def read_all(self) -> LiveState:
        """Return all variables of the account and of every site."""
        self._sites.forget()
        sites = self._sites.names(preferred={one.site for one in self._declared.values() if one.site})
        state = self.read(["account/", *(f"site/{site}/" for site in sites.items)])
        return replace(state, complete=state.complete and sites.complete)

    def _live_objects(self, site: str, listing: _Listing, foreign: dict[tuple[Kind, str], str]) -> Iterator[LiveObject]:
        by_name: dict[str, list[LiveVariable]] = {}
        for item in listing.items:
            by_name.setdefault(item.name, []).append(item)
        for name, found in by_name.items():
            id_ = variable_of(name, "", site=site).id
            if len(found) > 1:
                numbers = ", ".join(one.number for one in found)
                foreign[Kind.VARIABLE, id_] = f"{len(found)} variables have the name {escape_text(name)}: {numbers}"
            else:
                yield self._live_object(id_, site, found[0])

    def _live_object(self, id_: str, site: str, live: LiveVariable) -> LiveObject:
        declared = self._declared.get(id_)
        # What is to be hidden may stand there for all to read: then at least here it does not.
        is_hidden = live.masked or (declared is not None and declared.masked)
        value = MASK if is_hidden else live.value
        form = Variable(id=id_, name=live.name, site=site, value=value, masked=live.masked)
        return LiveObject(kind=Kind.VARIABLE, id=id_, form=form, version=f"{live.number}-{digest_form(form)[:16]}")

    def _look(self, site: str) -> _Listing:
        """Return what is there now, and keep it."""
        uid = self._sites.uid_of(site) if site else ""
        path = path_of("/site/{}/variables", uid) if site else "/account/variables"
        listing = self._api.pages(path, "variables", is_private=True)
        items = [_live(item) for item in listing.items if text_of(item.get("name"))]
        self._listings[uid] = _Listing(at=self._api.clock(), items=items, complete=listing.complete)
        return self._listings[uid]

    def _known(self, site: str) -> _Listing:
        kept = self._listings.get(self._sites.uid_of(site) if site else "")
        if kept is None or not kept.complete or self._api.clock() - kept.at > KEPT_FOR:
            return self._look(site)
        return kept

    def find(self, variable: Variable, *, anew: bool = False) -> LiveVariable | None:
        """Return the variable of that name. Raises TargetRefused where that is not for sure."""
        listing = self._look(variable.site) if anew else self._known(variable.site)
        found = [item for item in listing.items if item.name == variable.name]
        if len(found) > 1:
            raise TargetRefused(f"{self._api.client.name}: {len(found)} variables are {variable.id}: none is touched")
        if not found and not listing.complete:
            raise TargetUnavailable(
                f"{self._api.client.name}: the list of variables is incomplete; {variable.id} may be there"
            )
        if not found:
            return None
        if not found[0].number:
            if anew:
                raise TargetRefused(f"{self._api.client.name}: {variable.id} has no number, so it cannot be written")
            return self.find(variable, anew=True)
        return found[0]

    def keep(self, variable: Variable, live: LiveVariable | None) -> None:
        """Note what is there now, so that the next variable needs no look."""
        kept = self._listings.get(self._sites.uid_of(variable.site) if variable.site else "")
        if kept is not None:
            others = [item for item in kept.items if item.name != variable.name]
            kept.items = [*others, live] if live is not None else others


def _live(item: dict[str, Any]) -> LiveVariable:
    value, masked = item.get("value"), item.get("masked")
    return LiveVariable(
        name=text_of(item.get("name")),
        value=value if isinstance(value, str) else "",
        masked=masked if isinstance(masked, bool) else value is None,
        number="" if item.get("id") is None else str(item["id"]),
    )


def _site_of(id_: str) -> str:
    """Return the site that an id names, or nothing for the account."""
    kind, _, rest = id_.partition("/")
    return rest.rpartition("/")[0] if kind == "site" else ""


def _same_but_for_case(ids: Collection[str], listing: _Listing) -> dict[tuple[Kind, str], str]:
    """Return those of ``ids`` that only another spelling is there of: Windows would give scripts either."""
    names = {item.name for item in listing.items}
    folded = {name.casefold(): name for name in names}
    found = {}
    for id_ in ids:
        name = id_.rpartition("/")[2]
        if name not in names and (other := folded.get(name.casefold())) is not None:
            found[Kind.VARIABLE, id_] = f"{escape_text(other)} is there, the same name but for upper and lower case"
    return found
