"""What a person is told of a device that is not online, in the words of seed 002."""

from datetime import datetime

from reconciler.model.instant import ago
from reconciler.model.run import Device

TITLE = "Cannot run job - Device is offline"
OPTIONS = (
    "Quick jobs require the device to be online.",
    "",
    "Options:",
    "1. Wait for device to come online",
    "2. Schedule a job instead (run when device connects)",
    "3. Contact on-site personnel to check device",
)


def seen_words(device: Device, now: datetime) -> str:
    """Return ``2024-02-15 08:30:00 UTC (2 h ago)``, or that nobody knows."""
    if device.last_seen is None:
        return "not known"
    return f"{device.last_seen:%Y-%m-%d %H:%M:%S} UTC ({ago(device.last_seen, now)})"
