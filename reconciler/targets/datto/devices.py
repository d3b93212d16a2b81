"""Devices of an account as our selectors see them: asked for as narrowly as the service allows, and kept for a pass."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from msgspec.structs import replace

from reconciler.model.errors import TargetRefused
from reconciler.model.job import Devices
from reconciler.model.run import Device
from reconciler.targets.datto.api import Api, Listing
from reconciler.targets.datto.dialect import text_of
from reconciler.targets.datto.times import read_time
from reconciler.targets.protocol import DeviceList
from reconciler.targets.rest.client import path_of
from reconciler.targets.rest.errors import Denied, NotFound
from reconciler.targets.selector import select_devices

KEPT_FOR = timedelta(seconds=60)
_MOST_SINGLE = 25
_SHORTEST_PART = 3
_SYSTEMS = (
    ("windows", ("windows",)),
    ("macOS", ("mac os", "macos", "os x", "darwin")),
    ("linux", ("linux", "ubuntu", "debian", "centos", "red hat", "rhel", "suse", "fedora", "rocky", "alma", "oracle")),
)


class DeviceFinder:
    """``tag_fields`` are the user-defined fields (udf1 ...) whose text counts as tags; the others may hold secrets."""

    def __init__(self, api: Api, *, tag_fields: tuple[str, ...]) -> None:
        self._api = api
        self._tag_fields = tag_fields
        self._kept: dict[str, tuple[datetime, Listing]] = {}

    def find(self, selector: Devices | None) -> DeviceList:
        """Return the devices that ``selector`` admits; those that run no jobs (printers, suspended ...) never."""
        if selector is not None and selector.uids and len(selector.uids) <= _MOST_SINGLE and not selector.filters:
            found, is_complete = self._by_uid(selector.uids), True
        else:
            listings = [self._list(path, query) for path, query in self._questions(selector)]
            is_complete = all(listing.complete for listing in listings)
            items = {text_of(item.get("uid")): item for listing in listings for item in listing.items}
            found = [device for item in items.values() if (device := self._device(item)) is not None]
        rest = replace(selector, filters=()) if selector is not None else None
        return DeviceList(devices=select_devices(found, rest), complete=is_complete)

    def _by_uid(self, uids: Iterable[str]) -> list[Device]:
        """Return the devices with these uids; one that we may not look at is taken as it is named."""
        found = []
        for uid in dict.fromkeys(uids):
            try:
                item = self._api.get(path_of("/device/{}", uid))
            except NotFound:
                continue
            except Denied:
                found.append(Device(uid=uid, hostname=uid))
                continue
            device = self._device(item) if isinstance(item, dict) else None
            found += [device] if device is not None else []
        return found

    def _questions(self, selector: Devices | None) -> list[tuple[str, dict[str, str]]]:
        """Return the lists that hold every device that ``selector`` may admit: path and query of each."""
        path = "/account/devices"
        if selector is None or selector.all:
            return [(path, {})]
        if selector.filters:
            return [(path, {"filterId": self._filter_id(name)}) for name in selector.filters]
        parts = [_literal_part(glob) for glob in selector.hostnames]
        if 0 < len(parts) <= _MOST_SINGLE and all(len(part) >= _SHORTEST_PART for part in parts):
            return [(path, {"hostname": part}) for part in dict.fromkeys(parts)]
        if 0 < len(selector.sites) <= _MOST_SINGLE:
            return [(path, {"siteName": name}) for name in dict.fromkeys(selector.sites)]
        return [(path, {})]

    def _filter_id(self, name: str) -> str:
        filters = [
            item
            for kind in ("custom", "default")
            for item in self._list(f"/filter/{kind}-filters", {}, name="filters").items
        ]
        for key in ("id", "name"):
            found = [item for item in filters if str(item.get(key)).casefold() == name.casefold()]
            if len(found) == 1:
                return str(found[0].get("id"))
            if found:
                raise TargetRefused(f"{self._api.client.name}: several filters have the name {name!r}: use an id")
        raise TargetRefused(f"{self._api.client.name}: there is no filter {name!r}")

    def _list(self, path: str, query: Mapping[str, str], *, name: str = "devices") -> Listing:
        now = self._api.clock()
        key = f"{path}?{sorted(query.items())}"
        if key not in self._kept or now - self._kept[key][0] > KEPT_FOR:
            self._kept[key] = (now, self._api.pages(path, name, query))
        return self._kept[key][1]

    def _device(self, item: Mapping[str, Any]) -> Device | None:
        """Return the device, or None where it is none that runs jobs."""
        uid, hostname = text_of(item.get("uid")), text_of(item.get("hostname"))
        is_computer = item.get("deviceClass") in {None, "device"}
        if not uid or item.get("deleted") or item.get("suspended") or not is_computer:
            return None
        online = item.get("online")
        if not isinstance(online, bool):
            online = item["status"] == "online" if isinstance(item.get("status"), str) else None
        return Device(
            uid=uid,
            hostname=hostname or uid,
            os=_system(text_of(item.get("operatingSystem"))),
            site=text_of(item.get("siteName")),
            tags=tuple(self._tags(item.get("udf"))),
            online=online,
            last_seen=read_time(item.get("lastSeen")),
        )

    def _tags(self, fields: Any) -> Iterable[str]:
        for name in self._tag_fields if isinstance(fields, dict) else ():
            for part in text_of(fields.get(name)).split(","):
                if part.strip():
                    yield part.strip()
                    yield f"{name}={part.strip()}"


def _literal_part(glob: str) -> str:
    """Return the longest part of a hostname pattern that stands for itself."""
    parts = [""]
    inside = False
    for char in glob:
        if char == "[":
            inside = True
        if inside or char in "*?":
            parts.append("")
        else:
            parts[-1] += char
        if char == "]":
            inside = False
    return max(parts, key=len)


def _system(text: str) -> str:
    folded = text.casefold()
    return next((name for name, words in _SYSTEMS if any(word in folded for word in words)), "")
