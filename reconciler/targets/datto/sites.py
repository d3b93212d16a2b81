"""Which site of an account is meant, by its name or its uid."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from difflib import get_close_matches

from msgspec import Struct

from reconciler.model.errors import TargetRefused, TargetUnavailable
from reconciler.model.text import escape_text
from reconciler.targets.datto.api import Api
from reconciler.targets.datto.dialect import text_of
from reconciler.targets.rest.errors import Denied


class SiteNames(Struct, frozen=True, kw_only=True):
    items: tuple[str, ...]
    complete: bool


class NoSuchSite(TargetRefused):
    """The account has no site of that name or uid."""


class SiteFinder:
    """Lists the sites once; whoever wants to know how it is now says ``forget`` first."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._names: Mapping[str, str] | None = None
        self._is_complete = True

    def forget(self) -> None:
        self._names = None

    def names(self, *, preferred: Collection[str]) -> SiteNames:
        """Return a name for each site that means no other: one of ``preferred``, its own, or its uid."""
        sites = self._list()
        told = Counter(name.casefold() for name in sites.values())
        names = {uid: name if told[name.casefold()] == 1 else uid for uid, name in sites.items()}
        for site in preferred:
            with suppress(TargetRefused):
                names[self.uid_of(site)] = site
        return SiteNames(items=tuple(names.values()), complete=self._is_complete)

    def uid_of(self, site: str) -> str:
        """Return the uid of the site. Raises NoSuchSite, and TargetRefused where there is more than one."""
        try:
            sites = self._list()
        except Denied:
            return site  # a uid needs no list
        if site in sites:
            return site
        found = [uid for uid, name in sites.items() if name.casefold() == site.casefold()]
        if len(found) == 1:
            return found[0]
        shown = escape_text(site)
        if found:
            raise TargetRefused(f"{self._api.client.name}: several sites have the name {shown}: {', '.join(found)}")
        if not self._is_complete:
            raise TargetUnavailable(f"{self._api.client.name}: its list of sites is incomplete, and has no {shown}")
        close = get_close_matches(site, set(sites.values()), n=1, cutoff=0.6)
        meant = f"; did you mean {escape_text(close[0])}?" if close else ""
        raise NoSuchSite(f"{self._api.client.name}: there is no site {shown}{meant}")

    def uids_of(self, sites: Iterable[str]) -> Iterator[str]:
        """Yield the uids of those that there are."""
        for site in sites:
            with suppress(TargetRefused):
                yield self.uid_of(site)

    def _list(self) -> Mapping[str, str]:
        if self._names is None:
            listing = self._api.pages("/account/sites", "sites")
            self._names = {text_of(item.get("uid")): text_of(item.get("name")) for item in listing.items}
            self._is_complete = listing.complete
        return self._names
