"""On which devices something runs today: asked of the targets, each question once, and not too many."""

from collections.abc import Mapping

from reconciler.model.errors import CouldNot
from reconciler.model.job import Devices, Job
from reconciler.model.pace import Pace
from reconciler.model.systems import keeps_off
from reconciler.planning.judgement_values import Matched
from reconciler.targets.protocol import DeviceList, LiveTarget, Paced

MOST_SELECTORS = 100
"""So many are looked up of one plan; each may be a request to a target."""

_NAMED = 5


class DeviceLookup:
    """A target that does not answer is not asked again: a plan needs no login, and says what nobody looked up."""

    def __init__(self, targets: Mapping[str, LiveTarget]) -> None:
        self._targets = targets
        self._listed: dict[tuple[str, Devices], DeviceList] = {}
        self._silent: set[str] = set()

    def match(self, target: str, selector: Devices | None, job: Job | None) -> Matched | None:
        """Return what ``selector`` admits, without what the systems of ``job`` leave out; None where nobody can say."""
        listing = self._list(target, selector) if selector is not None else None
        if listing is None:
            return None
        devices = [device for device in listing.devices if job is None or not keeps_off(job, device.os)]
        return Matched(
            count=len(devices),
            names=tuple(device.hostname or device.uid for device in devices[:_NAMED]),
            complete=listing.complete,
            kept_off=len(listing.devices) - len(devices),
        )

    def paces(self) -> dict[str, Pace]:
        """Return how fast the targets that answered take starts, where they have a limit."""
        answered = sorted({name for name, _ in self._listed})
        live = {name: self._targets[name] for name in answered}
        return {name: target.pace() for name, target in live.items() if isinstance(target, Paced)}

    def _list(self, name: str, selector: Devices) -> DeviceList | None:
        target = self._targets.get(name)
        if (name, selector) in self._listed or target is None or name in self._silent:
            return self._listed.get((name, selector))
        if len(self._listed) >= MOST_SELECTORS:
            return None
        try:
            self._listed[name, selector] = target.devices(selector)
        except CouldNot:
            self._silent.add(name)
        return self._listed.get((name, selector))
