"""On which operating systems a job runs: where its osFilter and the osType of its component both let it."""

from reconciler.model.job import Job, OsFilter

SYSTEMS = {"windows": "Windows", "linux": "Linux", "macos": "macOS"}
"""As people write them, by name in lower case."""

ALL_SYSTEMS = frozenset(SYSTEMS)


def keeps_off(job: Job, system: str) -> str:
    """Return what keeps ``job`` off a device with this system: ``osFilter``, ``osType``, or nothing.

    Where the system is not known (empty) an osFilter does; an osType does not, since it only says for what the script
    was written, and there are keys that may start jobs on a device but not look at it.
    """
    folded = system.casefold()
    if job.os_filter is not None and folded not in named_systems(job.os_filter):
        return "osFilter"
    if folded and (only := component_system(job)) and folded != only:
        return "osType"
    return ""


def component_system(job: Job) -> str:
    """Return the one system, in lower case, that the component of ``job`` is for; empty: any."""
    link = job.component_link
    return link.os_type.casefold() if link is not None else ""


def systems_of(job: Job) -> frozenset[str]:
    """Return on which systems, in lower case, ``job`` may run at all."""
    return frozenset(system for system in SYSTEMS if not keeps_off(job, system))


def named_systems(os_filter: OsFilter) -> frozenset[str]:
    """Return the systems that ``os_filter`` names, in lower case."""
    named = {"windows": os_filter.windows, "linux": os_filter.linux, "macos": os_filter.mac_os}
    return frozenset(name for name, is_set in named.items() if is_set)
