"""Which devices a selector admits, for targets that hand us all they have."""

from collections.abc import Iterable
from fnmatch import fnmatchcase

from reconciler.model.job import Devices
from reconciler.model.run import Device


def select_devices(devices: Iterable[Device], selector: Devices | None) -> tuple[Device, ...]:
    """Return the devices that ``selector`` admits, by hostname; None admits all.

    Fields are ANDed, the values of one field ORed; text is compared without regard to case, hostnames may be globs.
    ``filters`` are a target's own and are its own to apply.
    """
    admitted = (device for device in devices if selector is None or is_admitted(device, selector))
    return tuple(sorted(admitted, key=lambda device: (device.hostname.casefold(), device.uid)))


def is_admitted(device: Device, selector: Devices) -> bool:
    hostname = device.hostname.casefold()
    tags = {tag.casefold() for tag in device.tags}
    return all(
        (
            not selector.hostnames or any(fnmatchcase(hostname, glob.casefold()) for glob in selector.hostnames),
            not selector.sites or device.site.casefold() in _folded(selector.sites),
            not selector.os or device.os.casefold() in _folded(selector.os),
            not selector.uids or device.uid.casefold() in _folded(selector.uids),
            not selector.tags or bool(tags & _folded(selector.tags)),
        )
    )


def _folded(values: Iterable[str]) -> set[str]:
    return {value.casefold() for value in values}
