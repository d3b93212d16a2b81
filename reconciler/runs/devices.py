"""Finding the one device that a person named, in the words of seed 002."""

import re
from collections.abc import Sequence

from msgspec.structs import replace

from reconciler.model.errors import UsageError
from reconciler.model.job import Devices
from reconciler.model.run import Device
from reconciler.targets.protocol import LiveTarget

_UUID = re.compile(r"(?i)[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def find_device(target: LiveTarget, name: str | None, *, selector: Devices | None = None) -> Device:
    """Return the device of ``target`` with the uid or hostname ``name``, or part of it; without a name the only one.

    ``selector`` narrows where it is looked for.  Raises UsageError when there is none, or more than one.
    """
    if name is not None and _UUID.fullmatch(name) and (selector is None or not selector.uids):
        # A key that may start jobs need not be one that may list devices.
        known = target.devices(replace(selector or Devices(), uids=(name,))).devices
        if len(known) == 1:
            return known[0]
    devices = target.devices(selector).devices
    if name is None:
        found = list(devices)
        wanted = f"target {target.name}"
    else:
        found = _matching(devices, name)
        wanted = f'"{name}"'
    if len(found) == 1:
        return found[0]
    if found:
        hint = "Please specify a more precise hostname or use the device UID."
        raise UsageError(f"Multiple devices match {wanted}", hint="\n".join([*_table(found), "", hint]))
    some = ", ".join(device.hostname for device in devices[:10]) or "nothing"
    lines = (
        f"No device matching {wanted} was found. Target {target.name} has: {some}.",
        f"To search for it: reconciler devices --target {target.name}",
    )
    raise UsageError(f"Device not found: {wanted}", hint="\n".join(lines))


def _matching(devices: Sequence[Device], name: str) -> list[Device]:
    """Return the devices with this uid, else with this hostname, else whose hostname has it in it."""
    folded = name.casefold()
    for matches in (
        [device for device in devices if device.uid.casefold() == folded],
        [device for device in devices if device.hostname.casefold() == folded],
    ):
        if matches:
            return matches
    return [device for device in devices if folded in device.hostname.casefold()]


def _table(devices: Sequence[Device]) -> list[str]:
    rows = [("#", "Hostname", "Site", "Status")]
    for number, device in enumerate(devices, 1):
        status = {True: "Online", False: "Offline", None: "-"}[device.online]
        rows.append((str(number), device.hostname, device.site or "-", status))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [" | ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return [lines[0], "-+-".join("-" * width for width in widths), *lines[1:]]
