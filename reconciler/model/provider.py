"""What a provider of targets tells the rooms that load definitions, without being asked to connect anywhere."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from msgspec import Struct

from reconciler.model.forms import Target, Variable
from reconciler.model.job import Job
from reconciler.model.problem import Severity


class Finding(Struct, frozen=True, kw_only=True):
    """Something in a job that a target cannot express: a problem that does not know its line yet.

    ``json_path`` is as in ``Problem``: ``tasks[0].executionType``; the loader finds the place in the file.
    """

    code: str
    json_path: str
    message: str
    hint: str = ""
    severity: Severity = Severity.ERROR


class ProviderRules(Struct, frozen=True, kw_only=True):
    """``settings_schema`` describes ``settings`` of a target of this provider (JSON Schema 2020-12).

    ``check`` names what such a target cannot express of a job; it is pure. ``vendor_field`` is the job's field that
    only this provider reads (``datto``, ``psu`` ...), or empty.  Not ``selects_devices``: a job goes to all there are,
    and need not say so.  Not ``starts_runs``: nobody can ask such a target to run a job, so no one-off can name it.
    ``holds_schedules``: it starts its jobs by itself, so no scheduler of ours does.  ``folder_setting``: the setting
    with the path of a folder that is a target's alone, or empty.  ``variables`` gives those that the file of a target
    declares, ``check_target`` says what is wrong with that file beyond its schemas.
    """

    name: str
    settings_schema: Mapping[str, Any]
    check: Callable[[Job, Target], Iterable[Finding]]
    vendor_field: str = ""
    selects_devices: bool = True
    starts_runs: bool = True
    holds_schedules: bool = False
    folder_setting: str = ""
    variables: Callable[[Target], Iterable[Variable]] | None = None
    check_target: Callable[[Target], Iterable[Finding]] | None = None
